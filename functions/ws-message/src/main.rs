//! A frame from a client: the route `$default`.

use runtime::{Aws, Error, init_telemetry, serve_socket, warm_up};
use ws_message::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let aws = Aws::from_env()?;
    let (chat, connections) = (&aws.chat()?, &aws.connections()?);
    warm_up(connections.warm_up()).await;
    serve_socket(|event| handle(chat, connections, event)).await
}

//! `POST /api/ws-tickets`

use runtime::{Aws, Error, init_telemetry, serve, verifier, warm_up};
use ws_ticket::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let aws = Aws::from_env()?;
    let (chat, connections) = (&aws.chat()?, &aws.connections()?);
    warm_up(connections.warm_up()).await;
    serve(verifier()?, |call| handle(chat, connections, call)).await
}

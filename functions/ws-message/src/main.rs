//! A frame from a client: the route `$default`.

use runtime::{Error, init_telemetry, required, sdk_config, serve_socket, warm_up};
use store::{Chat, Connections};
use ws_message::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let chat = &Chat::new(&config, required("CHAT_TABLE")?);
    let connections = &Connections::new(&config, required("CONNECTIONS_TABLE")?);
    warm_up(connections.warm_up()).await;
    serve_socket(|event| handle(chat, connections, event)).await
}

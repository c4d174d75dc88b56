//! Lambda entry point for the WebSocket route `$default`, which receives the frames of clients.

use runtime::{Error, init_telemetry, required, sdk_config, serve_socket, warm_up};
use store::{Chat, Connections};
use ws_message::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        connections: Connections::new(&config, required("CONNECTIONS_TABLE")?),
    };
    warm_up(deps.connections.warm_up()).await;
    serve_socket(|event| handle(deps, event)).await
}

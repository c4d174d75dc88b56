//! Lambda entry point for the WebSocket route `$default`, which receives the frames of clients.

use push::Push;
use runtime::{Error, init_telemetry, required, sdk_config, serve_socket, warm_up};
use store::{Chat, Connections};
use ws_message::{Deps, LIMITS, RecentTyping, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let connections = Connections::new(&config, required("CONNECTIONS_TABLE")?);
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        push: Push::new(&config, required("WS_ENDPOINT")?, connections.clone()).with_limits(LIMITS),
        connections,
        typing: RecentTyping::default(),
    };
    warm_up(deps.connections.warm_up()).await;
    serve_socket(|event| handle(deps, event)).await
}

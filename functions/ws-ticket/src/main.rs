//! Lambda entry point for `POST /api/ws-tickets`.

use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::{Chat, Connections};
use ws_ticket::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        connections: Connections::new(&config, required("CONNECTIONS_TABLE")?),
    };
    warm_up(deps.connections.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

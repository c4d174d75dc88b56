//! Lambda entry point for the WebSocket route `$connect`.

use runtime::{Error, init_telemetry, optional, required, sdk_config, serve_socket, verifier, warm_up};
use store::Connections;
use ws_connect::{Deps, handle, parse_origins};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps {
        connections: Connections::new(&sdk_config()?, required("CONNECTIONS_TABLE")?),
        verifier: verifier()?,
        allowed_origins: parse_origins(&optional("ALLOWED_ORIGINS").unwrap_or_default()),
    };
    warm_up(deps.connections.warm_up()).await;
    serve_socket(|event| handle(deps, event)).await
}

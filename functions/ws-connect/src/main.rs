//! Lambda entry point for the WebSocket route `$connect`.

use push::Push;
use runtime::{
    Error, init_telemetry, optional, required, required_number, sdk_config, serve_socket, verifier, warm_up,
};
use store::Connections;
use ws_connect::{Deps, LIMITS, handle, parse_origins};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let connections = Connections::new(&config, required("CONNECTIONS_TABLE")?);
    let deps = &Deps {
        push: Push::new(&config, required("WS_ENDPOINT")?, connections.clone()).with_limits(LIMITS),
        connections,
        connections_per_user: required_number("CONNECTIONS_PER_USER")?,
        verifier: verifier()?,
        allowed_origins: parse_origins(&optional("ALLOWED_ORIGINS").unwrap_or_default()),
    };
    warm_up(deps.connections.warm_up()).await;
    serve_socket(|event| handle(deps, event)).await
}

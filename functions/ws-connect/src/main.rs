//! A socket opens: the route `$connect`.

use runtime::{Error, init_telemetry, optional, required, sdk_config, serve_socket, verifier, warm_up};
use store::Connections;
use ws_connect::{Door, handle, origins};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let door = &Door {
        connections: Connections::new(&sdk_config()?, required("CONNECTIONS_TABLE")?),
        verifier: verifier()?,
        allowed_origins: origins(&optional("ALLOWED_ORIGINS").unwrap_or_default()),
    };
    warm_up(door.connections.warm_up()).await;
    serve_socket(|event| handle(door, event)).await
}

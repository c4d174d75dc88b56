//! A socket opens: the route `$connect`.

use runtime::{Aws, Error, init_telemetry, required, serve_socket, verifier, warm_up};
use ws_connect::{Door, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let door = &Door {
        connections: Aws::from_env()?.connections()?,
        verifier: verifier()?,
        allowed_origins: required("ALLOWED_ORIGINS")?.split(',').map(|origin| origin.trim().to_owned()).collect(),
    };
    warm_up(door.connections.warm_up()).await;
    serve_socket(|event| handle(door, event)).await
}

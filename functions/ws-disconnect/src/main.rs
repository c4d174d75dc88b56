//! Lambda entry point for the WebSocket route `$disconnect`. API Gateway calls it once after a connection has closed,
//! but does not guarantee that it will.

use runtime::{Error, init_telemetry, required, sdk_config, serve_socket, warm_up};
use store::Connections;
use ws_disconnect::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps { connections: Connections::new(&sdk_config()?, required("CONNECTIONS_TABLE")?) };
    warm_up(deps.connections.warm_up()).await;
    serve_socket(|event| handle(deps, event)).await
}

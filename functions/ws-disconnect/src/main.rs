//! A socket has closed: the route `$disconnect`, which API Gateway calls once and at best effort.

use runtime::{Error, init_telemetry, required, sdk_config, serve_socket, warm_up};
use store::Connections;
use ws_disconnect::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let connections = &Connections::new(&sdk_config()?, required("CONNECTIONS_TABLE")?);
    warm_up(connections.warm_up()).await;
    serve_socket(|event| handle(connections, event)).await
}

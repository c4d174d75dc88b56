//! A socket has closed: the route `$disconnect`, which API Gateway calls once and at best effort.

use runtime::{Aws, Error, init_telemetry, serve_socket, warm_up};
use ws_disconnect::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let connections = &Aws::from_env()?.connections()?;
    warm_up(connections.warm_up()).await;
    serve_socket(|event| handle(connections, event)).await
}

//! `GET /api/threads`

use runtime::{Aws, Error, init_telemetry, serve, verifier, warm_up};
use threads_list::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let chat = &Aws::from_env()?.chat()?;
    warm_up(chat.warm_up()).await;
    serve(verifier()?, |call| handle(chat, call)).await
}

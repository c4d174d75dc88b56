//! `GET /api/threads/{threadId}/messages`

use messages_list::handle;
use runtime::{Aws, Error, init_telemetry, serve, verifier, warm_up};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let chat = &Aws::from_env()?.chat()?;
    warm_up(chat.warm_up()).await;
    serve(verifier()?, |call| handle(chat, call)).await
}

//! `POST /api/threads/{threadId}/messages`

use messages_send::handle;
use runtime::{Aws, Error, init_telemetry, serve, verifier, warm_up};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let aws = Aws::from_env()?;
    let (chat, push) = (&aws.chat()?, &aws.push()?);
    warm_up(async { tokio::try_join!(chat.warm_up(), push.warm_up()) }).await;
    serve(verifier()?, |call| handle(chat, push, call)).await
}

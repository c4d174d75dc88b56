//! `POST /api/threads/{threadId}/messages`

use messages_send::handle;
use push::Push;
use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::{Chat, Connections, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let chat = &Chat::new(&config, required("CHAT_TABLE")?);
    let connections = Connections::new(&config, required("CONNECTIONS_TABLE")?);
    let push = &Push::new(&config, required("WS_ENDPOINT")?, connections);
    let links = &Links::new(&required("LINK_KEY")?)?;
    warm_up(async { tokio::try_join!(chat.warm_up(), push.warm_up()) }).await;
    serve(verifier()?, |call| handle(chat, push, links, call)).await
}

//! Lambda entry point for `POST /api/threads/{threadId}/messages`.

use messages_send::{Deps, handle};
use push::Push;
use runtime::{Error, init_telemetry, required, required_number, sdk_config, serve, verifier, warm_up};
use store::{Chat, Connections, Links, MessageRate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let connections = Connections::new(&config, required("CONNECTIONS_TABLE")?);
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        push: Push::new(&config, required("WS_ENDPOINT")?, connections),
        links: Links::new(&required("LINK_KEY")?)?,
        rate: MessageRate::new(required_number("MESSAGES_PER_MINUTE")?),
    };
    warm_up(async { tokio::try_join!(deps.chat.warm_up(), deps.push.warm_up()) }).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

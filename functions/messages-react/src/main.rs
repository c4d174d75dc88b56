//! Lambda entry point for `PUT /api/threads/{threadId}/messages/{seq}/reaction`.

use messages_react::{Deps, handle};
use runtime::{Error, init_telemetry, required, required_number, sdk_config, serve, verifier, warm_up};
use store::{Chat, Links, MessageRate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps {
        chat: Chat::new(&sdk_config()?, required("CHAT_TABLE")?),
        links: Links::new(&required("LINK_KEY")?)?,
        rate: MessageRate::new(required_number("MESSAGES_PER_MINUTE")?),
    };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

//! Lambda entry point for `PATCH /api/threads/{threadId}/messages/{seq}`.

use std::time::Duration;

use messages_edit::{Deps, handle};
use runtime::{Error, init_telemetry, required, required_number, sdk_config, serve, verifier, warm_up};
use store::{Chat, Links, MessageRate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps {
        chat: Chat::new(&sdk_config()?, required("CHAT_TABLE")?),
        links: Links::new(&required("LINK_KEY")?)?,
        rate: MessageRate::new(required_number("MESSAGES_PER_MINUTE")?),
        window: Duration::from_hours(required_number("EDIT_HOURS")?),
    };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

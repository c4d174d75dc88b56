//! Lambda entry point for `PATCH /api/me`.

use files::Reminders;
use me_update::{Deps, handle};
use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::{Chat, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        links: Links::new(&required("LINK_KEY")?)?,
        reminders: Reminders::new(&config, required("REMINDERS_URL")?),
    };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

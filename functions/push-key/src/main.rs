//! Lambda entry point for `GET /api/push-key`.

use push_key::{Deps, handle};
use runtime::{Error, init_telemetry, optional, required, sdk_config, serve, verifier, warm_up};
use store::{Chat, PushKeys};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        keys: PushKeys::new(&config, required("PUSH_KEYS_TABLE")?),
        sends_notifications: optional("PAGE_URL").is_some(),
    };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

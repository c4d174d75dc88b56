//! Lambda entry point for `DELETE /api/push-subscriptions/{id}`.

use push_unsubscribe::{Deps, handle};
use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps { chat: Chat::new(&sdk_config()?, required("CHAT_TABLE")?) };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

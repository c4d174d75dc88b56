//! Lambda entry point for `PUT /api/push-subscriptions`.

use push_subscribe::{Deps, handle};
use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::Chat;
use webpush::PushHosts;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps {
        chat: Chat::new(&sdk_config()?, required("CHAT_TABLE")?),
        hosts: PushHosts::parse(&required("PUSH_HOSTS")?)?,
    };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

//! Lambda entry point for `GET /api/threads`.

use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::Chat;
use threads_list::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps { chat: Chat::new(&sdk_config()?, required("CHAT_TABLE")?) };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

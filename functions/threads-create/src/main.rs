//! Lambda entry point for `POST /api/threads`.

use runtime::{Error, init_telemetry, required, required_flag, required_number, sdk_config, serve, verifier, warm_up};
use store::Chat;
use threads_create::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps {
        chat: Chat::new(&sdk_config()?, required("CHAT_TABLE")?),
        allow_unknown_members: required_flag("ALLOW_UNKNOWN_MEMBERS")?,
        threads_per_day: required_number("THREADS_PER_DAY")?,
    };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

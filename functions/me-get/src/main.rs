//! Lambda entry point for `GET /api/me`.

use me_get::{Deps, handle};
use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::{Chat, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps =
        &Deps { chat: Chat::new(&sdk_config()?, required("CHAT_TABLE")?), links: Links::new(&required("LINK_KEY")?)? };
    warm_up(deps.chat.warm_up()).await;
    serve(verifier()?, |call| handle(deps, call)).await
}

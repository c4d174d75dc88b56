//! Lambda entry point for `GET /files/{fileId}/{name}` and `GET /thumbs/{name}`.

use files::Presigner;
use files_serve::{Deps, handle};
use runtime::{Error, init_telemetry, optional, required, sdk_config, serve_public, warm_up};
use store::{Chat, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        presigner: Presigner::new(&config, &required("BUCKET")?),
        links: Links::new(&required("LINK_KEY")?)?.accepting(optional("SECOND_LINK_KEY").as_deref())?,
    };
    warm_up(deps.chat.warm_up()).await;
    serve_public(|call| handle(deps, call)).await
}

//! `GET /api/files/{fileId}/status`

use files_status::handle;
use runtime::{Error, init_telemetry, required, sdk_config, serve, verifier, warm_up};
use store::{Chat, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let chat = &Chat::new(&sdk_config()?, required("CHAT_TABLE")?);
    let links = &Links::new(&required("LINK_KEY")?)?;
    warm_up(chat.warm_up()).await;
    serve(verifier()?, |call| handle(chat, links, call)).await
}

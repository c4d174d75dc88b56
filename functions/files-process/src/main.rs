//! Lambda entry point for S3's events about uploads and for the queue `Reminders`.

use files::{Bucket, Decoder, Reminders};
use files_process::{Deps, Event, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use push::Push;
use runtime::{Error, init_telemetry, required, sdk_config, warm_up};
use store::{Chat, Connections, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let connections = Connections::new(&config, required("CONNECTIONS_TABLE")?);
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        decoder: Decoder::new(&config, required("DECODE_FUNCTION")?),
        bucket: Bucket::new(&config, required("BUCKET")?),
        push: Push::new(&config, required("WS_ENDPOINT")?, connections),
        reminders: Reminders::new(&config, required("REMINDERS_URL")?),
        links: Links::new(&required("LINK_KEY")?)?,
    };
    tokio::join!(warm_up(deps.chat.warm_up()), warm_up(deps.push.warm_up()));
    let serve = |event: LambdaEvent<Event>| async move { handle(deps, event.payload).await.map_err(Error::from) };
    lambda_runtime::run(service_fn(serve)).await
}

//! An upload has arrived, or is due.

use files::{Bucket, Reminders};
use files_process::{Event, Process};
use lambda_runtime::{LambdaEvent, service_fn};
use push::Push;
use runtime::{Error, init_telemetry, required, sdk_config, warm_up};
use store::{Chat, Connections, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let connections = Connections::new(&config, required("CONNECTIONS_TABLE")?);
    let process = &Process {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        bucket: Bucket::new(&config, required("BUCKET")?),
        push: Push::new(&config, required("WS_ENDPOINT")?, connections),
        reminders: Reminders::new(&config, required("REMINDERS_URL")?),
        links: Links::new(&required("LINK_KEY")?)?,
    };
    let Process { chat, bucket, push, .. } = process;
    tokio::join!(warm_up(chat.warm_up()), warm_up(bucket.warm_up()), warm_up(push.warm_up()));
    let serve = |event: LambdaEvent<Event>| async move { process.handle(event.payload).await.map_err(Error::from) };
    lambda_runtime::run(service_fn(serve)).await
}

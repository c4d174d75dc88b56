//! Lambda entry point for the queue of notifications.

use lambda_runtime::{LambdaEvent, service_fn};
use push::Notifications;
use push_send::{Deps, handle};
use runtime::{Error, init_telemetry, required, sdk_config, warm_up};
use store::{Chat, PushKeys};
use tokio::sync::OnceCell;
use webpush::{Client, PushHosts};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let hosts = PushHosts::parse(&required("PUSH_HOSTS")?)?;
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        keys: PushKeys::new(&config, required("PUSH_KEYS_TABLE")?),
        key: OnceCell::new(),
        client: Box::new(Client::new(required("PUSH_CONTACT")?, &hosts)),
        hosts,
        queue: Notifications::new(&config, required("NOTIFICATIONS_URL")?),
        page_url: required("PAGE_URL")?,
    };
    warm_up(deps.chat.warm_up()).await;
    let serve = |event: LambdaEvent<_>| async move { handle(deps, event.payload).await.map_err(Error::from) };
    lambda_runtime::run(service_fn(serve)).await
}

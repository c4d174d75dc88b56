//! Lambda entry point for the stream of the `Chat` table and for the repair queue.

use chat_stream::{Deps, Event, LIMITS, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use push::{Notifications, Push, Repairs};
use runtime::{Error, init_telemetry, optional, required, sdk_config, warm_up};
use store::{Chat, Connections, Links};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let connections = Connections::new(&config, required("CONNECTIONS_TABLE")?);
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        push: Push::new(&config, required("WS_ENDPOINT")?, connections).with_limits(LIMITS),
        repairs: Repairs::new(
            &config,
            required("REPAIRS_URL")?,
            required("DEAD_LETTERS_URL")?,
            required("REMINDERS_URL")?,
        ),
        notifications: optional("NOTIFICATIONS_URL").map(|url| Notifications::new(&config, url)),
        links: Links::new(&required("LINK_KEY")?)?,
    };
    warm_up(deps.chat.warm_up()).await;
    let serve = |event: LambdaEvent<Event>| async move { Ok::<_, Error>(handle(deps, event.payload).await?) };
    lambda_runtime::run(service_fn(serve)).await
}

//! New messages on the stream of the table `Chat`.

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{LambdaEvent, service_fn};
use outbox::handle;
use runtime::{Error, init_telemetry, required, sdk_config, warm_up};
use store::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let chat = &Chat::new(&sdk_config()?, required("CHAT_TABLE")?);
    warm_up(chat.warm_up()).await;
    let serve = |event: LambdaEvent<Event>| async move { Ok::<_, Error>(handle(chat, event.payload).await) };
    lambda_runtime::run(service_fn(serve)).await
}

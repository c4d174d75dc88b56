//! `POST /api/files`

use files::{Presigner, Reminders};
use files_create::{Desk, handle};
use runtime::{Error, init_telemetry, required, required_number, sdk_config, serve, verifier, warm_up};
use store::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let desk = &Desk {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        presigner: Presigner::new(&config, &required("BUCKET")?),
        reminders: Reminders::new(&config, required("REMINDERS_URL")?),
        max_size: required_number("MAX_FILE_BYTES")?,
    };
    tokio::join!(warm_up(desk.chat.warm_up()), warm_up(desk.reminders.warm_up()));
    serve(verifier()?, |call| handle(desk, call)).await
}

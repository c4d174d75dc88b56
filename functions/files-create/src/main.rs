//! Lambda entry point for `POST /api/files`.

use files::{Presigner, Reminders};
use files_create::{Deps, handle};
use runtime::{Error, init_telemetry, required, required_number, sdk_config, serve, verifier, warm_up};
use store::{Chat, UploadQuota};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let config = sdk_config()?;
    let deps = &Deps {
        chat: Chat::new(&config, required("CHAT_TABLE")?),
        presigner: Presigner::new(&config, &required("BUCKET")?),
        reminders: Reminders::new(&config, required("REMINDERS_URL")?),
        max_file_bytes: required_number("MAX_FILE_BYTES")?,
        uploads_per_day: UploadQuota {
            files: required_number("UPLOADS_PER_DAY")?,
            bytes: required_number("UPLOAD_BYTES_PER_DAY")?,
        },
    };
    tokio::join!(warm_up(deps.chat.warm_up()), warm_up(deps.reminders.warm_up()));
    serve(verifier()?, |call| handle(deps, call)).await
}

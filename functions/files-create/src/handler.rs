//! Takes the announcement of a file, and says where its bytes go.

use contract::{ApiError, CreateFile, NewFile, Upload, UploadHeaders};
use files::{Bucket, Reminders, UPLOAD_WINDOW};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, FileRow};

/// What it takes to accept a file.
pub struct Desk {
    /// Where the file is noted.
    pub chat: Chat,
    /// Where its bytes go.
    pub bucket: Bucket,
    /// What looks after a file that never comes.
    pub reminders: Reminders,
    /// The largest file accepted, in bytes.
    pub max_size: u64,
}

/// Answers 200 with a URL for the bytes.
pub async fn handle(desk: &Desk, call: Call) -> Result<Answer, ApiError> {
    let file = FileRow::new(&call.caller.id, CreateFile::parse(call.body(), desk.max_size)?);
    let upload = desk.bucket.presign_upload(&file.id, &file.mimetype, file.size).await?;
    // Before there is a file, so that there is none without a reminder; one of no file does nothing.
    desk.reminders.remind(&file.id, UPLOAD_WINDOW).await?;
    desk.chat.create_file(&file).await?;
    let answer = Upload {
        upload_url: upload.url,
        method: "PUT",
        headers: UploadHeaders { content_type: file.mimetype },
        expires_at: upload.expires_at,
        file: NewFile { id: file.id, name: file.name, status: file.status },
    };
    json(StatusCode::OK, &answer, &[])
}

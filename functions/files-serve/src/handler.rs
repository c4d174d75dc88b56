//! Sends whoever has a file's URL on to the storage.

use contract::{ApiError, ErrorCode, FileId, Problem};
use files::{Bucket, DOWNLOAD_WINDOW};
use runtime::{Answer, Call, redirect};
use store::{Chat, Links, Published};

/// Seconds that a browser may remember where it was sent: the storage's URL has to live longer.
const MAX_AGE: u64 = 600;
const _: () = assert!(MAX_AGE < DOWNLOAD_WINDOW.as_secs());

/// Answers 302 if the URL's capability is good, and the file is published.
pub async fn handle(chat: &Chat, bucket: &Bucket, links: &Links, call: Call<()>) -> Result<Answer, ApiError> {
    let (published, id) = asked(&call).ok_or_else(invalid)?;
    let [expires, signature] = ["expires", "signature"].map(|name| call.query(name).unwrap_or_default());
    if !links.allow(published, &id, &expires, &signature) {
        return Err(invalid().into());
    }
    let file = chat.file(&id).await?.ok_or_else(Problem::file_not_found)?;
    let key = file.published(published).ok_or_else(Problem::file_not_found)?;
    redirect(&bucket.presign_download(key).await?, MAX_AGE)
}

/// What the path names: `/files/{fileId}/{name}`, the name being there for people alone, or `/thumbs/{fileId}.jpg`.
fn asked(call: &Call<()>) -> Option<(Published, FileId)> {
    match call.path("fileId") {
        Some(id) => Some((Published::Original, FileId::parse(&id)?)),
        None => Some((Published::Thumbnail, FileId::parse(call.path("name")?.strip_suffix(".jpg")?)?)),
    }
}

fn invalid() -> Problem {
    Problem::new(
        ErrorCode::InvalidFileUrl,
        "This URL was changed or has run out. Ask for the message or the file again.",
    )
}

//! Says where a file stands.

use contract::{ApiError, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Answers 200 to the file's owner and to the members of the threads it was sent to.
pub async fn handle(chat: &Chat, links: &Links, call: Call) -> Result<Answer, ApiError> {
    let file = chat.visible_file(&call.file_id()?, &call.caller.id).await?;
    json(StatusCode::OK, &file.ok_or_else(Problem::file_not_found)?.details(links), &[])
}

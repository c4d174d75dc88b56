//! Lists the people whom the caller may write to.

use contract::{ApiError, PeopleQuery};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores the directory and threads.
    pub chat: Chat,
    /// Whether everybody who has called is listed. Otherwise, only people who share a thread with the caller are.
    pub directory: bool,
}

/// Handles `GET /api/people`. Answers 200 with a page of people by name, the caller included.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let query = PeopleQuery::parse(call.query("limit").as_deref(), call.query("cursor").as_deref())?;
    // The caller is recorded first, so that the list includes them.
    deps.chat.record_profile(&call.caller.profile()).await?;
    let page = if deps.directory {
        deps.chat.directory(&query).await?
    } else {
        deps.chat.acquaintances(&call.caller.id, &query).await?
    };
    json(StatusCode::OK, &page, &[])
}

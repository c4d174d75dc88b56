//! Lists the messages of a thread that were changed after a revision.

use contract::{ApiError, ChangesQuery, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages and their changes.
    pub chat: Chat,
    /// Signs the links to message attachments.
    pub links: Links,
}

/// Handles `GET /api/threads/{threadId}/changes`. Answers 200 with a page of changed messages, or with a reset if the client is too
/// far behind.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let thread_id = call.thread_id()?;
    let [limit, cursor, after] = ["limit", "cursor", "after"].map(|name| call.query(name));
    let query = ChangesQuery::parse(limit.as_deref(), cursor.as_deref(), after.as_deref())?;
    let profile = call.caller.profile();
    let (is_member, ()) =
        tokio::try_join!(deps.chat.is_member(&thread_id, &call.caller.id), deps.chat.record_profile(&profile))?;
    if !is_member {
        return Err(Problem::thread_not_found().into());
    }
    json(StatusCode::OK, &deps.chat.changes(&thread_id, &query, &deps.links).await?, &[])
}

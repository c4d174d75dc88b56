//! Changes the caller's own settings for a thread.

use contract::{ApiError, Problem, UpdateSettings};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores memberships.
    pub chat: Chat,
}

/// Handles `PATCH /api/threads/{threadId}/me`. Answers 200 with all of the caller's settings for the thread. Fails with
/// `thread_not_found` for a non-member.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread, update) = (call.thread_id()?, UpdateSettings::parse(call.body())?);
    let profile = call.caller.profile();
    let (settings, ()) = tokio::try_join!(
        deps.chat.update_settings(&call.caller.id, &thread, update),
        deps.chat.record_profile(&profile)
    )?;
    json(StatusCode::OK, &settings.ok_or_else(Problem::thread_not_found)?, &[])
}

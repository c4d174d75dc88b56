//! Moves the caller's read mark in a thread.

use contract::{ApiError, MarkRead, MarkedRead, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, ReadResult};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores memberships and messages.
    pub chat: Chat,
}

/// Handles `PUT /api/threads/{threadId}/read`. Answers 200 with the read mark that is now in effect. The mark never moves
/// back. Fails with `thread_not_found` for a non-member, and with `invalid_request` if the thread has no such message.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread, MarkRead { seq }) = (call.thread_id()?, MarkRead::parse(call.body())?);
    let profile = call.caller.profile();
    let (marked, ()) =
        tokio::try_join!(deps.chat.mark_read(&call.caller.id, &thread, seq), deps.chat.record_profile(&profile))?;
    match marked {
        ReadResult::Mark(read_seq) => json(StatusCode::OK, &MarkedRead { read_seq }, &[]),
        ReadResult::NoMessage => Err(MarkRead::beyond_the_end().into()),
        ReadResult::NotMember => Err(Problem::thread_not_found().into()),
    }
}

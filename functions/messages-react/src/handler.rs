//! Sets or replaces the caller's reaction to a message.

use contract::{ApiError, React};
use runtime::{Answer, Call, StatusCode, json};
use store::{Change, Chat, Links, MessageRate, NewChange};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages and their changes.
    pub chat: Chat,
    /// Signs the links to message attachments.
    pub links: Links,
    /// Limits the messages and changes of each user per minute.
    pub rate: MessageRate,
}

/// Handles `PUT /api/threads/{threadId}/messages/{seq}/reaction`. Answers 200 with the message as it is now. Every member may
/// react, each with one emoji.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread_id, seq, React { emoji }) = (call.thread_id()?, call.seq()?, React::parse(call.body())?);
    let change = Change::React(emoji);
    let new = NewChange { thread_id: &thread_id, seq, caller: &call.caller.profile(), change };
    let message = deps.chat.change(new, &deps.rate, &deps.links).await??;
    json(StatusCode::OK, &message, &[])
}

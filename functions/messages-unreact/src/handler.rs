//! Removes the caller's reaction to a message.

use contract::ApiError;
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

/// Handles `DELETE /api/threads/{threadId}/messages/{seq}/reaction`. Answers 200 with the message as it is now.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread_id, seq, change) = (call.thread_id()?, call.seq()?, Change::Unreact);
    let new = NewChange { thread_id: &thread_id, seq, caller: &call.caller.profile(), change };
    let message = deps.chat.change(new, &deps.rate, &deps.links).await??;
    json(StatusCode::OK, &message, &[])
}

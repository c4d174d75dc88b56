//! Replaces the text of a message.

use std::time::Duration;

use contract::{ApiError, EditMessage};
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
    /// The maximum age of a message that can be edited.
    pub window: Duration,
}

/// Handles `PATCH /api/threads/{threadId}/messages/{seq}`. Answers 200 with the message as it is now. Only the author may edit
/// it, and only within [`Deps::window`].
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread_id, seq, EditMessage { body }) = (call.thread_id()?, call.seq()?, EditMessage::parse(call.body())?);
    let change = Change::Edit { body: &body, window: deps.window };
    let new = NewChange { thread_id: &thread_id, seq, caller: &call.caller.profile(), change };
    let message = deps.chat.change(new, &deps.rate, &deps.links).await??;
    json(StatusCode::OK, &message, &[])
}

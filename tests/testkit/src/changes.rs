use std::time::Duration;

use contract::{Emoji, Message, Thread};
use store::{Change, Chat, MessageRate, NewChange, Refused};

use crate::{caller, links};

/// Returns the change that replaces a message's text, without a limit of the message's age.
#[must_use]
pub fn edit(body: &str) -> Change<'_> {
    Change::Edit { body, window: Duration::MAX }
}

/// Returns the change that sets a reaction.
#[must_use]
pub fn react(emoji: &str) -> Change<'static> {
    Change::React(Emoji::parse(emoji).expect("the text is not an emoji"))
}

/// Makes a change of `user` to a message, unless it is refused.
pub async fn try_change(
    chat: &Chat,
    user: &str,
    thread: &Thread,
    seq: u64,
    change: Change<'_>,
) -> Result<Message, Refused> {
    let new = NewChange { thread_id: &thread.id, seq, caller: &caller(user).profile(), change };
    chat.change(new, &MessageRate::new(u64::MAX), &links()).await.expect("the store could not make the change")
}

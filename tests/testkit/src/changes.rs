use std::time::Duration;

use contract::{Emoji, FileId, Me, Message, Profile, Thread, UpdateMe};
use store::{Change, Chat, Error, MessageRate, NewChange, Refused, UnusablePicture};

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

/// Makes a change of `user` to a message. Returns the changed message, or the reason why the change was refused.
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

/// Makes `file` the caller's picture, or removes the picture if `file` is `None`. The file of the old picture is not
/// erased.
pub async fn set_picture(
    chat: &Chat,
    caller: &Profile,
    file: Option<&FileId>,
) -> Result<Result<Me, UnusablePicture>, Error> {
    update_me(chat, caller, &UpdateMe { receipts: None, avatar_file_id: Some(file.cloned()) }).await
}

/// Sets whether the caller shares their read marks; `None` changes nothing.
pub async fn set_receipts(chat: &Chat, caller: &Profile, receipts: Option<bool>) -> Result<Me, Error> {
    let updated = update_me(chat, caller, &UpdateMe { receipts, avatar_file_id: None }).await?;
    Ok(updated.expect("the picture does not change"))
}

async fn update_me(chat: &Chat, caller: &Profile, update: &UpdateMe) -> Result<Result<Me, UnusablePicture>, Error> {
    chat.update_me(caller, update, &links(), async |_| Ok(())).await
}

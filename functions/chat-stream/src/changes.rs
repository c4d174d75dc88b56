//! Processes the changes to a thread's messages: updates the projection, has the files of deleted messages deleted, and
//! announces the changes to the thread's viewers and to its members' inboxes.

use contract::{ApiError, ReadMark, ThreadId};
use futures::future::try_join_all;
use push::{Announcement, Erasure};
use store::{ChangeKind, ChangedMessage, Error, ThreadRow};
use tracing::warn;

use crate::Deps;
use crate::announcements::{Content, announce};

/// Processes the changes with the revisions `revs`. Returns those that can never be processed: the row of the revision, of its
/// message, of one of its files or of the thread is missing or not valid.
///
/// Fails only if the projection could not be written, or a queue did not accept a request. A repeated call announces the
/// changes again, because the first one may have ended after the projection.
pub(crate) async fn process_changes(deps: &Deps, thread: &ThreadId, revs: &[u64]) -> Result<Vec<u64>, ApiError> {
    let changed = match deps.chat.changed_messages(thread, revs).await {
        // One invalid row must not hold up the other changes, so they are processed one by one.
        Err(Error::BadRow { .. }) if revs.len() > 1 => {
            let each =
                try_join_all(revs.iter().map(|rev| Box::pin(process_changes(deps, thread, std::slice::from_ref(rev)))));
            return Ok(each.await?.concat());
        }
        Err(error @ Error::BadRow { .. }) => {
            warn!(%thread, %error, "a revision or its message is not valid; its key goes to the dead-letter queue");
            return Ok(revs.to_vec());
        }
        read => read?,
    };
    let found = |rev: &u64| changed.iter().any(|changed| changed.revision.rev == *rev);
    let invalid: Vec<_> = revs.iter().filter(|rev| !found(rev)).copied().collect();
    if changed.is_empty() {
        return Ok(invalid);
    }
    let updated = match refresh_projection(deps, &changed).await {
        Err(error @ Error::MissingRow(_)) => {
            warn!(%thread, %error, "changes reference a missing row; their keys go to the dead-letter queue");
            return Ok(revs.to_vec());
        }
        refreshed => refreshed?,
    };
    let erasures = changed.iter().filter(|changed| !changed.revision.file_ids.is_empty()).map(|changed| {
        let erasure = Erasure { thread_id: thread.clone(), rev: changed.revision.rev };
        async move { deps.repairs.request_erasure(&erasure).await }
    });
    try_join_all(erasures).await?;
    let revs = changed.iter().map(|changed| changed.revision.rev).collect();
    let announcement = Announcement::MessageChanged { thread_id: thread.clone(), revs };
    let content = async { Content::of_changes(deps, thread, changed).await.map(Some) };
    futures::try_join!(announce(deps, announcement, content, |_| true), announce_update(deps, updated))?;
    Ok(invalid)
}

/// Updates the projection if the thread's last message was edited or deleted. Returns the thread's row if it was.
async fn refresh_projection(deps: &Deps, changed: &[ChangedMessage]) -> Result<Option<ThreadRow>, Error> {
    let visible = changed.iter().filter(|changed| changed.revision.kind != ChangeKind::Reaction);
    let Some(ChangedMessage { message, .. }) = visible.max_by_key(|changed| changed.message.seq) else {
        return Ok(None);
    };
    let mut row = deps.chat.refresh_projection(message).await?;
    if row.last_seq() < message.seq {
        // The record of the message itself is not processed yet. Whoever processes it may have read the message before this
        // change, and must not write the old text now.
        let mark = ReadMark { user_id: message.author_id.clone(), seq: message.seq };
        deps.chat.record_sent(&message.thread_id, &mark).await?;
        row = deps.chat.advance_projection(message).await?;
    }
    Ok((row.last_seq() == message.seq).then_some(row))
}

/// Pushes `thread:updated` to the inboxes of the thread's members, if there is a row to announce.
async fn announce_update(deps: &Deps, row: Option<ThreadRow>) -> Result<(), ApiError> {
    let Some(row) = row else { return Ok(()) };
    let announcement = Announcement::ThreadUpdated { thread_id: row.id.clone(), sent: Vec::new() };
    let content = async { Content::of_update(&deps.chat, row, &[]).await.map(Some) };
    announce(deps, announcement, content, |_| true).await
}

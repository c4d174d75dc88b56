//! Processes the changes to a thread's messages: updates the projection, requests the deletion of the files of deleted
//! messages, and pushes `message:changed` to the thread's subscribers. If the thread's last message was edited or
//! deleted, also pushes `thread:updated` to the inboxes of the members.

use contract::{ApiError, ReadMark, ThreadId};
use futures::future::try_join_all;
use push::{Announcement, Erasure};
use store::{ChangeKind, ChangedMessage, Error, ThreadRow};
use tracing::warn;

use crate::Deps;
use crate::announcements::{Content, announce};

/// Processes the changes with the revisions `revs`. Returns the revisions that can never be processed, because the row
/// of the revision, of its message, of one of its files or of the thread is missing or not valid.
///
/// Fails only if rows could not be read or written, or a queue did not accept a request. A repeated call announces the
/// changes again, because the first call may have ended after it updated the projection and before it announced them.
pub(crate) async fn process_changes(deps: &Deps, thread: &ThreadId, revs: &[u64]) -> Result<Vec<u64>, ApiError> {
    let (changed, updated) = match read_and_project(deps, thread, revs).await {
        // One invalid row must not hold up the other changes, so they are processed one by one.
        Err(Error::BadRow { .. } | Error::MissingRow(_)) if revs.len() > 1 => {
            let each =
                try_join_all(revs.iter().map(|rev| Box::pin(process_changes(deps, thread, std::slice::from_ref(rev)))));
            return Ok(each.await?.concat());
        }
        Err(error @ (Error::BadRow { .. } | Error::MissingRow(_))) => {
            warn!(
                %thread,
                %error,
                "a change references an invalid or missing row; the key of its revision goes to the dead-letter queue"
            );
            return Ok(revs.to_vec());
        }
        projected => projected?,
    };
    let found: Vec<_> = changed.iter().map(|changed| changed.revision.rev).collect();
    let invalid = revs.iter().filter(|rev| !found.contains(rev)).copied().collect();
    let erasures = changed.iter().filter(|changed| !changed.revision.file_ids.is_empty()).map(|changed| {
        let erasure = Erasure { thread_id: thread.clone(), rev: changed.revision.rev };
        async move { deps.repairs.request_erasure(&erasure).await }
    });
    try_join_all(erasures).await?;
    if changed.is_empty() {
        return Ok(invalid);
    }
    let announcement = Announcement::MessageChanged { thread_id: thread.clone(), revs: found };
    let content = async { Content::of_changes(deps, thread, changed).await.map(Some) };
    futures::try_join!(announce(deps, announcement, content, |_| true), announce_update(deps, updated))?;
    Ok(invalid)
}

/// Reads the changed messages and updates the projection. Returns the thread's row, too, if the thread's last message was
/// edited or deleted.
async fn read_and_project(
    deps: &Deps,
    thread: &ThreadId,
    revs: &[u64],
) -> Result<(Vec<ChangedMessage>, Option<ThreadRow>), Error> {
    let changed = deps.chat.changed_messages(thread, revs).await?;
    // A preview contains no reactions, so a reaction does not change the projection.
    let previewed = changed.iter().filter(|changed| changed.revision.kind != ChangeKind::Reaction);
    let Some(newest) = previewed.map(|changed| &changed.message).max_by_key(|message| message.seq) else {
        return Ok((changed, None));
    };
    let mut row = deps.chat.refresh_projection(newest).await?;
    if row.last_seq() < newest.seq {
        // The stream record of the new message is not processed yet. It may be in progress with a row that was read
        // before this change. The projection advances here, so that it cannot receive the old text later.
        let mark = ReadMark { user_id: newest.author_id.clone(), seq: newest.seq };
        deps.chat.record_sent(thread, &mark).await?;
        row = deps.chat.advance_projection(newest).await?;
    }
    let updated = (row.last_seq() == newest.seq).then_some(row);
    Ok((changed, updated))
}

/// Pushes `thread:updated` to the inboxes of the thread's members. Does nothing if `row` is `None`, because the
/// thread's last message was then neither edited nor deleted.
async fn announce_update(deps: &Deps, row: Option<ThreadRow>) -> Result<(), ApiError> {
    let Some(row) = row else { return Ok(()) };
    let announcement = Announcement::ThreadUpdated { thread_id: row.id.clone(), sent: Vec::new() };
    let content = async { Content::of_update(&deps.chat, row, &[]).await.map(Some) };
    announce(deps, announcement, content, |_| true).await
}

#[cfg(test)]
mod tests;

//! Delivers announcements: events whose content is read when they are delivered.

use std::collections::BTreeSet;

use contract::{
    ApiError, Channel, ConnectionId, Event, ReadMark, ThreadId, message_changed_frame, thread_new_frame,
    thread_updated_frames,
};
use push::{Announcement, Repair, Target};
use store::{ChangedMessage, Chat, ThreadRow};
use tracing::warn;

use crate::{Deps, STREAM_LIMITS};

/// Maximum number of connections in a repair request; a request for more connections is for the whole audience. A
/// request is an SQS message, which has at most 256 KB.
const MAX_NAMED: usize = 1_000;

/// The current content of an announcement, and the channels whose subscribers receive it.
pub(crate) struct Content {
    pub(crate) channels: Vec<Channel>,
    pub(crate) frames: Vec<String>,
}

impl Content {
    /// Reads the content of an announcement. Returns `None` if its thread or membership does not exist, or if the
    /// member has no read mark to announce.
    pub(crate) async fn read(deps: &Deps, announcement: &Announcement) -> Result<Option<Self>, ApiError> {
        let chat = &deps.chat;
        let content = match announcement {
            Announcement::ThreadNew { thread_id } => {
                let Some(row) = chat.thread_row(thread_id).await? else { return Ok(None) };
                let channels = inboxes(&row);
                Self { channels, frames: vec![thread_new_frame(chat.thread_overview(row).await?)?] }
            }
            Announcement::ThreadUpdated { thread_id, sent } => {
                let Some(row) = chat.thread_row(thread_id).await? else { return Ok(None) };
                Self::of_update(chat, row, sent).await?
            }
            Announcement::MessageChanged { thread_id, revs } => {
                let changed = chat.changed_messages(thread_id, revs).await?;
                Self::of_changes(deps, thread_id, changed).await?
            }
            Announcement::ReadUpdated { thread_id, user_id } => {
                let Some(state) = chat.member_state(user_id, thread_id).await? else { return Ok(None) };
                let Some(seq) = state.read_seq else { return Ok(None) };
                let mut channels = vec![Channel::User(user_id.clone())];
                if state.receipts {
                    channels.push(Channel::Thread(thread_id.clone()));
                }
                let mark = ReadMark { user_id: user_id.clone(), seq };
                let event = Event::ReadUpdated { thread_id: thread_id.clone(), mark };
                Self { channels, frames: vec![serde_json::to_string(&event)?] }
            }
            Announcement::ThreadSettings { thread_id, user_id } => {
                let Some(state) = chat.member_state(user_id, thread_id).await? else { return Ok(None) };
                let event = Event::ThreadSettings { thread_id: thread_id.clone(), settings: state.settings };
                Self { channels: vec![Channel::Inbox(user_id.clone())], frames: vec![serde_json::to_string(&event)?] }
            }
        };
        Ok(Some(content))
    }

    /// Returns the content of `message:changed` for changed messages of a thread: one frame for each revision.
    pub(crate) async fn of_changes(
        deps: &Deps,
        thread: &ThreadId,
        changed: Vec<ChangedMessage>,
    ) -> Result<Self, ApiError> {
        let (revs, rows): (Vec<_>, Vec<_>) =
            changed.into_iter().map(|changed| (changed.revision.rev, changed.message)).unzip();
        let messages = deps.chat.present(rows, &deps.links).await?;
        let frames = revs.into_iter().zip(messages).map(|(rev, message)| message_changed_frame(rev, message));
        Ok(Self { channels: vec![Channel::Thread(thread.clone())], frames: frames.collect::<Result<_, _>>()? })
    }

    /// Returns the content of `thread:updated` for the thread with this row.
    pub(crate) async fn of_update(chat: &Chat, row: ThreadRow, sent: &[ReadMark]) -> Result<Self, ApiError> {
        let channels = inboxes(&row);
        Ok(Self { channels, frames: thread_updated_frames(&chat.thread_update(row).await?, sent)? })
    }
}

fn inboxes(row: &ThreadRow) -> Vec<Channel> {
    row.member_ids.iter().cloned().map(Channel::Inbox).collect()
}

/// Delivers an announcement once, to the connections of its audience for which `keep` returns true. Requests a repair
/// for the connections that were not reached, or for the whole audience if reading the content or the audience failed.
/// Fails only if the repair queue did not accept the request.
pub(crate) async fn announce(
    deps: &Deps,
    announcement: Announcement,
    content: impl Future<Output = Result<Option<Content>, ApiError>>,
    keep: impl Fn(&Target<'_>) -> bool,
) -> Result<(), ApiError> {
    let push = deps.push.clone().with_limits(STREAM_LIMITS);
    let delivered = async {
        let Some(Content { channels, frames }) = content.await? else { return Ok(Vec::new()) };
        let mut audience = push.audience(&channels).await?;
        audience.retain(|_, target| keep(target));
        Ok::<_, ApiError>(push.deliver_to(audience, &frames).await.undelivered)
    };
    match delivered.await {
        Ok(undelivered) if undelivered.is_empty() => Ok(()),
        Ok(undelivered) => request_repair(deps, announcement, Some(undelivered.into_iter().collect())).await,
        Err(error) => {
            warn!(?announcement, %error, "an announcement failed; the repair queue will deliver it");
            request_repair(deps, announcement, None).await
        }
    }
}

/// Requests that an announcement is delivered again to `connections`, or to its whole audience if `connections` is
/// `None` or names more than 1,000 connections.
pub(crate) async fn request_repair(
    deps: &Deps,
    announcement: Announcement,
    connections: Option<BTreeSet<ConnectionId>>,
) -> Result<(), ApiError> {
    let connections = connections.filter(|connections| connections.len() <= MAX_NAMED);
    deps.repairs.request(&Repair::Announcement { announcement, connections }).await
}

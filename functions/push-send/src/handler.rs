//! Notifies the members of a thread who have not read its newest message, on all their devices.
//!
//! Notifications are best effort. A failed one is tried again through the queue, at most four times. It never ends in a
//! dead-letter queue, because a late notification is of no use to anybody.

mod content;
mod posts;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use contract::{ApiError, Timestamp, UserId};
use futures::StreamExt as _;
use push::{NotificationRequest, Notifications};
use store::{Chat, PushKeys, SubscriptionRow};
use tokio::sync::OnceCell;
use tracing::{info, warn};
use webpush::{PushClient, PushHosts, VapidKey};

use crate::posts::Post;

/// Maximum number of attempts to send a notification.
const ATTEMPTS: u32 = 5;

/// Maximum age, in milliseconds, of a message that members are notified of. A notification of an older message would
/// surprise more than it helps.
const STALE: i64 = 60 * 60 * 1_000;

/// Number of members whose devices are read at once.
const CONCURRENCY: usize = 8;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages, memberships and push subscriptions.
    pub chat: Chat,
    /// The `PushKeys` table, which stores the VAPID key.
    pub keys: PushKeys,
    /// The VAPID key; empty until the first notification is sent.
    pub key: OnceCell<VapidKey>,
    /// Sends to push services.
    pub client: Box<dyn PushClient>,
    /// The hosts that endpoints may have.
    pub hosts: PushHosts,
    /// The queue of notifications, for another attempt.
    pub queue: Notifications,
    /// Address of the page that a notification opens, without the part after `#`.
    pub page_url: String,
}

/// Handles a batch of requests to notify. Fails if the tables or the queue are not available, or the VAPID key is
/// missing or not valid; the queue then delivers the batch again. A request that cannot be parsed is dropped.
pub async fn handle(deps: &Deps, event: SqsEvent) -> Result<(), ApiError> {
    for message in event.records {
        match serde_json::from_str(message.body.as_deref().unwrap_or_default()) {
            Ok(request) => notify(deps, with_receives(request, &message)).await?,
            Err(error) => warn!(%error, "a request to notify cannot be parsed; it is dropped"),
        }
    }
    Ok(())
}

/// Counts each earlier receive of the queue message as an attempt, because the invocation that received it has failed.
fn with_receives(mut request: NotificationRequest, message: &SqsMessage) -> NotificationRequest {
    let receives: u32 = message.attributes.get("ApproximateReceiveCount").and_then(|n| n.parse().ok()).unwrap_or(1);
    request.attempt += receives.saturating_sub(1);
    request
}

async fn notify(deps: &Deps, request: NotificationRequest) -> Result<(), ApiError> {
    let thread = &request.thread_id;
    if request.attempt >= ATTEMPTS {
        info!(%thread, seq = request.seq, "the last attempt of a notification has failed; the notification is dropped");
        return Ok(());
    }
    let Some(news) = deps.chat.thread_news(thread).await? else { return Ok(()) };
    let message = &news.message;
    let is_announced_later = message.seq > request.seq && !request.even_if_followed;
    let age = Timestamp::now().millis() - message.created_at.millis();
    if is_announced_later || age > STALE {
        return Ok(());
    }
    let is_asked_for = |user: &UserId, device: Option<&SubscriptionRow>| {
        let mut devices = request.devices.iter();
        request.devices.is_empty()
            || devices.any(|(owner, id)| owner == user && device.is_none_or(|device| device.id == *id))
    };
    let members = news.member_ids.iter().filter(|user| **user != message.author_id && is_asked_for(user, None));
    let reads: Vec<_> =
        members.map(|user| async move { (user, deps.chat.recipient(user, thread, message.seq).await) }).collect();
    let recipients: Vec<_> = futures::stream::iter(reads).buffer_unordered(CONCURRENCY).collect().await;
    let mut posts = Vec::new();
    for (user, recipient) in recipients {
        let Some(recipient) = recipient? else { continue };
        let content = content::of(&news, thread, &deps.page_url, recipient.badge)?;
        let devices = recipient.devices.into_iter().filter(|device| is_asked_for(user, Some(device)));
        posts.extend(devices.map(|device| Post { user: user.clone(), device, content: content.clone() }));
    }
    posts::send(deps, &request, posts).await
}

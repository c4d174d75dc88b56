//! Sends notifications to devices.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::{ApiError, PushId, Timestamp, UserId};
use futures::StreamExt as _;
use futures::future::try_join_all;
use push::NotificationRequest;
use store::SubscriptionRow;
use tracing::{info, warn};
use webpush::{Endpoint, Message, Pushed, SubscriptionKeys, VapidKey};

use crate::{ATTEMPTS, Deps, content};

/// Maximum number of requests to one push service at the same time.
const CONCURRENCY: usize = 32;

/// The longest delay of an SQS message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
const MAX_DELAY: Duration = Duration::from_mins(15);

/// Maximum number of devices in one SQS message. If all user IDs have the maximum length, the message has 200 KB. SQS
/// allows 256 KB.
const MAX_DEVICES: usize = 500;

/// A notification to one device.
pub(crate) struct Post {
    /// The user whom the device belongs to.
    pub(crate) user: UserId,
    /// The device.
    pub(crate) device: SubscriptionRow,
    /// What the device receives.
    pub(crate) content: String,
}

/// Sends `posts` to all push services at the same time, so that a slow service does not hold up the others. Requests
/// another attempt for the devices whose service is not available.
pub(crate) async fn send(deps: &Deps, request: &NotificationRequest, posts: Vec<Post>) -> Result<(), ApiError> {
    if posts.is_empty() {
        return Ok(());
    }
    let key = deps.key.get_or_try_init(|| read_key(deps)).await?;
    let mut services: BTreeMap<String, Vec<(Endpoint, Post)>> = BTreeMap::new();
    for post in posts {
        match deps.hosts.endpoint(&post.device.endpoint) {
            Some(endpoint) => services.entry(endpoint.origin().to_owned()).or_default().push((endpoint, post)),
            // The template's parameter `PushHosts` allowed this host when the device was registered, but does not allow
            // it any more. So the device is removed.
            None => deps.chat.remove_gone_device(&post.user, &post.device).await?,
        }
    }
    try_join_all(services.into_values().map(|posts| send_to_service(deps, key, request, posts))).await?;
    Ok(())
}

/// Reads the VAPID key. A missing key is an error: browsers subscribe with its public key, so it is stored before a
/// device can be registered.
async fn read_key(deps: &Deps) -> Result<VapidKey, ApiError> {
    let key = deps.keys.private_key().await?;
    let key = key.ok_or_else(|| ApiError::Internal("the VAPID key is missing, although there are devices".into()))?;
    VapidKey::from_pkcs8(&key).map_err(|error| ApiError::Internal(error.to_string()))
}

/// Sends the notifications to the devices of one push service. Requests another attempt for the devices that were not
/// reached.
async fn send_to_service(
    deps: &Deps,
    key: &VapidKey,
    request: &NotificationRequest,
    posts: Vec<(Endpoint, Post)>,
) -> Result<(), ApiError> {
    let unreachable = &AtomicBool::new(false);
    let topic = &content::topic(&request.thread_id);
    let sent: Vec<_> = posts
        .into_iter()
        .map(|(endpoint, post)| async move {
            // Once the service has not answered one request, no further requests are made in this attempt, because each
            // of them might take as long. Their devices wait for the next attempt.
            let pushed = if unreachable.load(Ordering::Relaxed) {
                Pushed::Unreachable
            } else {
                push(deps, key, &endpoint, &post, topic).await?
            };
            if pushed == Pushed::Unreachable {
                unreachable.store(true, Ordering::Relaxed);
            }
            finish(deps, post, pushed).await
        })
        .collect();
    let sent: Vec<_> = futures::stream::iter(sent).buffer_unordered(CONCURRENCY).collect().await;
    let mut again = Vec::new();
    let mut delay = Duration::from_secs(10 << request.attempt);
    for result in sent {
        if let Some((device, requested)) = result? {
            again.push(device);
            delay = delay.max(requested.unwrap_or_default());
        }
    }
    request_again(deps, request, again, delay).await
}

async fn push(deps: &Deps, key: &VapidKey, endpoint: &Endpoint, post: &Post, topic: &str) -> Result<Pushed, ApiError> {
    let internal = |error: webpush::Error| ApiError::Internal(error.to_string());
    let Some(keys) = SubscriptionKeys::parse(&post.device.p256dh, &post.device.auth) else {
        // An error would fail the invocation, and no other device would be notified.
        return Ok(Pushed::Refused("the stored keys are not valid".into()));
    };
    let message = Message { endpoint, keys: &keys, content: post.content.as_bytes(), topic };
    deps.client.push(key, message, Timestamp::now()).await.map_err(internal)
}

/// Processes a push service's answer. Removes the device if the service reports that it does not exist any more.
/// Returns the device if it needs another attempt, with the delay that its push service has asked for, if any.
async fn finish(
    deps: &Deps,
    post: Post,
    pushed: Pushed,
) -> Result<Option<((UserId, PushId), Option<Duration>)>, ApiError> {
    let Post { user, device, content: _ } = post;
    match pushed {
        Pushed::Accepted => Ok(None),
        Pushed::Gone => {
            deps.chat.remove_gone_device(&user, &device).await?;
            Ok(None)
        }
        Pushed::Refused(reason) => {
            warn!(device = %device.id, reason, "a push service refuses a notification; it is dropped");
            Ok(None)
        }
        Pushed::Later(delay) => Ok(Some(((user, device.id), delay))),
        Pushed::Unreachable => Ok(Some(((user, device.id), None))),
    }
}

/// Requests another attempt for `devices`. Drops their notifications if this was the last attempt, or if their push
/// service asks for a longer delay than the 15 minutes of an SQS message.
async fn request_again(
    deps: &Deps,
    request: &NotificationRequest,
    devices: Vec<(UserId, PushId)>,
    delay: Duration,
) -> Result<(), ApiError> {
    let attempt = request.attempt + 1;
    if !devices.is_empty() && (attempt >= ATTEMPTS || delay > MAX_DELAY) {
        let (devices, thread) = (devices.len(), &request.thread_id);
        info!(%thread, devices, ?delay, "a push service is not available; its devices get no notification");
        return Ok(());
    }
    let requests = devices.chunks(MAX_DEVICES).map(|devices| async {
        let devices = devices.to_vec();
        let request = NotificationRequest { attempt, devices, even_if_followed: false, ..request.clone() };
        deps.queue.request(&request, delay).await
    });
    try_join_all(requests).await?;
    Ok(())
}

//! Delivery: sends an event to every subscriber of its channels, through API Gateway's `@connections` API.

mod audience;
mod closing;
mod notifications;
mod post;
mod repairs;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_types::SdkConfig;
use contract::{Channel, ConnectionId};
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use store::{Connections, Error};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::post::PostResult;

pub use audience::{Audience, Target};
pub use notifications::{NotificationRequest, Notifications};
pub use repairs::{Announcement, DeadLetter, Erasure, Repair, Repairs};

/// Maximum number of concurrent `@connections` calls of one function instance, across all its deliveries.
const CONCURRENCY: usize = 64;

/// Time limits of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time limit of one attempt to post to one connection.
    pub post: Duration,
    /// Time limit of a whole delivery, including the read of the subscribers.
    pub overall: Duration,
}

impl Default for Limits {
    /// Returns short limits, because the sender of a message waits for its delivery: 2 s for a post, 4 s overall.
    fn default() -> Self {
        Self { post: Duration::from_secs(2), overall: Duration::from_secs(4) }
    }
}

/// Result of a delivery, by connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Number of connections that received the event.
    pub delivered: usize,
    /// Number of connections that turned out to be closed. Their rows and subscriptions were deleted.
    pub gone: usize,
    /// Connections that did not receive the event: API Gateway refused the post or was too slow, or the delivery
    /// reached its time limit.
    pub undelivered: Vec<ConnectionId>,
}

/// Delivers events to subscribers. A function creates one `Push` and keeps it between invocations. Clones share the limit
/// of concurrent calls.
#[derive(Debug, Clone)]
pub struct Push {
    client: Client,
    connections: Connections,
    limits: Limits,
    /// Limits the number of concurrent `@connections` calls. Each call holds one permit.
    permits: Arc<Semaphore>,
}

impl Push {
    /// Creates a `Push` that delivers to the subscribers in `connections`. `endpoint` is the URL of the `@connections`
    /// API: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    #[must_use]
    pub fn new(config: &SdkConfig, endpoint: String, connections: Connections) -> Self {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(config)
            .endpoint_url(endpoint)
            // `Push::post` has its own retries and timeouts, so those of the SDK are disabled.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled());
        let (client, permits) = (Client::from_conf(config.build()), Arc::new(Semaphore::new(CONCURRENCY)));
        Self { client, connections, limits: Limits::default(), permits }
    }

    /// Replaces the default time limits of deliveries.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Opens the network connections, so that the first delivery is faster. Call it during a function's initialization,
    /// when Lambda provides a whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        // API Gateway refuses this post, because no connection has this ID. That does not matter: the post has opened
        // the network connection.
        let (_refused, opened) =
            tokio::join!(self.client.post_to_connection().connection_id("warm-up").data(Blob::new("")).send(), async {
                self.connections.warm_up().await
            });
        opened
    }

    /// Sends `frame` once to every connection that is subscribed to at least one of `channels`.
    ///
    /// A closed connection (410) is removed. A connection that cannot be reached for another reason is tried several
    /// times, then counted as undelivered; it stays subscribed. An expired connection is closed and does not receive
    /// the frame. Returns an error only if the subscribers cannot be read.
    pub async fn deliver(&self, channels: &[Channel], frame: &str) -> Result<Delivery, Error> {
        self.deliver_where(channels, frame, |_| true).await
    }

    /// [Delivers](Self::deliver) `frame` only to those subscribers for which `wanted` returns true.
    pub async fn deliver_where(
        &self,
        channels: &[Channel],
        frame: &str,
        wanted: impl Fn(&ConnectionId) -> bool,
    ) -> Result<Delivery, Error> {
        let mut audience = self.audience(channels).await?;
        audience.retain(|id, _| wanted(id));
        Ok(self.deliver_to(audience, &[frame]).await)
    }

    /// Reads the subscribers of `channels`, for [`deliver_to`](Self::deliver_to). The delivery's time limit starts now.
    pub async fn audience<'a>(&self, channels: &'a [Channel]) -> Result<Audience<'a>, Error> {
        let deadline = Instant::now() + self.limits.overall;
        let audience = timeout_at(deadline, Audience::read(&self.connections, channels, deadline));
        audience
            .await
            .map_err(|_| Error::Unavailable("reading the subscribers exceeded the delivery's time limit".into()))?
    }

    /// [Delivers](Self::deliver) `frames` to the connections of an audience. Each connection receives the frames in
    /// order, and no further frame after a frame that failed. The connections do not wait for each other.
    pub async fn deliver_to(&self, audience: Audience<'_>, frames: &[impl AsRef<str>]) -> Delivery {
        let Audience { targets, expired, deadline } = audience;
        let mut posts = targets.into_iter().map(|(id, target)| async move {
            // A post that starts after the deadline would be cancelled at once. It might still reach the connection,
            // and a repair of the message would then send the frame a second time.
            if Instant::now() >= deadline {
                return (id, PostResult::Failed);
            }
            let result = timeout_at(deadline, self.post_all(&target, &id, frames)).await;
            (id, result.unwrap_or(PostResult::Failed))
        });
        let posting = async {
            let mut in_flight: FuturesUnordered<_> = posts.by_ref().take(CONCURRENCY).collect();
            let mut delivery = Delivery::default();
            while let Some((id, result)) = in_flight.next().await {
                match result {
                    PostResult::Delivered => delivery.delivered += 1,
                    PostResult::Gone => delivery.gone += 1,
                    PostResult::Retryable | PostResult::Failed => delivery.undelivered.push(id),
                }
                in_flight.extend(posts.next());
            }
            delivery
        };
        // The deadline also ends the closing of expired connections. The next delivery closes those that are still
        // open.
        let closing: Vec<_> = expired.iter().map(|(id, channels)| self.close(channels.iter().copied(), id)).collect();
        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));
        if !delivery.undelivered.is_empty() {
            let Delivery { delivered, gone, undelivered } = &delivery;
            let undelivered = undelivered.len();
            warn!(delivered, gone, undelivered, "delivery did not reach all subscribers");
        }
        delivery
    }
}

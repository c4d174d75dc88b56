//! Delivery: an event goes to every connection that hears a channel, through API Gateway's `@connections`.

mod repairs;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_types::SdkConfig;
use contract::{Channel, ConnectionId};
use futures::StreamExt as _;
use futures::future::{join_all, try_join_all};
use futures::stream::FuturesUnordered;
use store::{Connections, Error, describe};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, warn};

pub use repairs::{Repair, Repairs};

/// Calls of `@connections` in flight at once, of all deliveries of an instance.
const CONCURRENCY: usize = 64;

/// How often a post is tried: API Gateway throttles an account as a whole, so a little later it may well be taken.
const ATTEMPTS: u32 = 5;

/// How long a delivery may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one attempt at a post.
    pub post: Duration,
    /// For one delivery, finding out who is subscribed included.
    pub overall: Duration,
}

impl Default for Limits {
    /// A sender waits for the delivery, so neither is long.
    fn default() -> Self {
        Self { post: Duration::from_secs(2), overall: Duration::from_secs(4) }
    }
}

/// What a delivery came to, in connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How many were reached.
    pub delivered: usize,
    /// How many were found closed, and removed with their subscriptions.
    pub gone: usize,
    /// Not reached: refused, too slow, or the overall time was up.
    pub undelivered: Vec<ConnectionId>,
}

/// Delivers events. Made once for the life of a function.
pub struct Push {
    client: Client,
    connections: Connections,
    limits: Limits,
    turns: Semaphore,
}

enum Post {
    Delivered,
    Gone,
    /// It may be taken a little later.
    Again,
    Failed,
}

/// What is known of a connection that is to be posted to.
#[derive(Default)]
struct Target<'a> {
    channels: Vec<&'a Channel>,
    opening: bool,
}

/// Who hears some channels, and each of them which.
#[derive(Default)]
struct Audience<'a> {
    targets: BTreeMap<ConnectionId, Target<'a>>,
    expired: BTreeMap<ConnectionId, Vec<&'a Channel>>,
}

impl Push {
    /// Posts to whom `connections` says, through `endpoint`: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    #[must_use]
    pub fn new(config: &SdkConfig, endpoint: String, connections: Connections) -> Self {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(config)
            .endpoint_url(endpoint)
            // What is tried again, and for how long, is for `post` to say.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled());
        let (client, turns) = (Client::from_conf(config.build()), Semaphore::new(CONCURRENCY));
        Self { client, connections, limits: Limits::default(), turns }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Opens the connections that the first delivery will use; for a function's start, which has a whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        // No connection has this id, so API Gateway refuses the post; the way there is open all the same.
        let (_refused, opened) =
            tokio::join!(self.client.post_to_connection().connection_id("warm-up").data(Blob::new("")).send(), async {
                self.connections.warm_up().await
            });
        opened
    }

    /// Sends `frame` to every connection subscribed to one of `channels` now, once to each. A connection that is closed
    /// (410) is removed; one that cannot be reached for another reason is tried again, then logged and counted, and
    /// stays. One whose time is over gets nothing and is closed. The error is that of finding out who is subscribed.
    pub async fn deliver(&self, channels: &[Channel], frame: &str) -> Result<Delivery, Error> {
        self.deliver_where(channels, frame, |_| true).await
    }

    /// The same for those subscribers alone that are `wanted`.
    pub async fn deliver_where(
        &self,
        channels: &[Channel],
        frame: &str,
        wanted: impl Fn(&ConnectionId) -> bool,
    ) -> Result<Delivery, Error> {
        let deadline = Instant::now() + self.limits.overall;
        let audience = timeout_at(deadline, self.audience(channels));
        let Audience { targets, expired } =
            audience.await.map_err(|_| Error::Unavailable("the subscribers took too long".into()))??;
        let targets = targets.into_iter().filter(|(id, _)| wanted(id));
        let mut posts = targets.map(|(id, target)| async move {
            // A request that begins now would be given up at once, and may arrive all the same.
            if Instant::now() >= deadline {
                return (id, Post::Failed);
            }
            let post = timeout_at(deadline, self.post(target, &id, frame)).await;
            (id, post.unwrap_or(Post::Failed))
        });
        let posting = async {
            let mut in_flight: FuturesUnordered<_> = posts.by_ref().take(CONCURRENCY).collect();
            let mut delivery = Delivery::default();
            while let Some((id, post)) = in_flight.next().await {
                match post {
                    Post::Delivered => delivery.delivered += 1,
                    Post::Gone => delivery.gone += 1,
                    Post::Again | Post::Failed => delivery.undelivered.push(id),
                }
                in_flight.extend(posts.next());
            }
            delivery
        };
        // What there is no time for, the next delivery closes.
        let closing: Vec<_> = expired.iter().map(|(id, channels)| self.close(channels, id)).collect();
        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));
        if !delivery.undelivered.is_empty() {
            let channel = channels.first().map(tracing::field::display);
            let Delivery { delivered, gone, undelivered } = &delivery;
            warn!(channel, delivered, gone, undelivered = undelivered.len(), "not every subscriber was reached");
        }
        Ok(delivery)
    }

    async fn audience<'a>(&self, channels: &'a [Channel]) -> Result<Audience<'a>, Error> {
        let subscribers = try_join_all(channels.iter().map(|channel| self.connections.subscribers(channel))).await?;
        let mut audience = Audience::default();
        for (channel, subscribers) in channels.iter().zip(subscribers) {
            for subscriber in subscribers.live {
                let target = audience.targets.entry(subscriber.connection_id).or_default();
                // Whoever has subscribed to a second channel has been open.
                target.opening = subscriber.opening && target.channels.is_empty();
                target.channels.push(channel);
            }
            for id in subscribers.expired {
                audience.expired.entry(id).or_default().push(channel);
            }
        }
        Ok(audience)
    }

    async fn post(&self, target: Target<'_>, id: &ConnectionId, frame: &str) -> Post {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                let ceiling = 50 << (attempt - 1);
                sleep(Duration::from_millis(fastrand::u64(ceiling / 2..=ceiling))).await;
            }
            match self.try_post(id, frame).await {
                Post::Gone if !target.opening => return self.remove(&target.channels, id).await,
                Post::Gone | Post::Again => {}
                post => return post,
            }
        }
        Post::Failed
    }

    async fn try_post(&self, id: &ConnectionId, frame: &str) -> Post {
        let _turn = self.turns.acquire().await;
        let request = self.client.post_to_connection().connection_id(id.as_str()).data(Blob::new(frame));
        let error = match timeout(self.limits.post, request.send()).await {
            Ok(Ok(_)) => return Post::Delivered,
            Ok(Err(error)) => error,
            Err(_) => {
                debug!(connection = %id, "a post took too long");
                return Post::Again;
            }
        };
        debug!(connection = %id, error = describe(&error), "a post failed");
        match error.raw_response().map(|answer| answer.status().as_u16()) {
            _ if is_gone(&error) => Post::Gone,
            None | Some(429 | 500..) => Post::Again,
            Some(_) => Post::Failed,
        }
    }

    /// Closes a connection whose time is over. Its rows go once it is closed, so that whatever fails here is found again.
    async fn close(&self, channels: &[&Channel], id: &ConnectionId) {
        let closed = {
            let _turn = self.turns.acquire().await;
            self.client.delete_connection().connection_id(id.as_str()).send().await
        };
        match closed {
            Err(error) if !is_gone(&error) => {
                warn!(connection = %id, error = describe(&error), "an expired connection was not closed");
            }
            _ => _ = self.remove(channels, id).await,
        }
    }

    async fn remove(&self, channels: &[&Channel], id: &ConnectionId) -> Post {
        // The subscriptions first: they may have outlived their connection's row.
        let removed = async {
            for channel in channels {
                self.connections.unsubscribe(id, channel).await?;
            }
            self.connections.remove(id).await
        };
        match removed.await {
            Ok(()) => Post::Gone,
            Err(error) => {
                // The next delivery finds it closed again, and TTL removes it at the latest.
                warn!(connection = %id, %error, "a closed connection was not removed");
                Post::Failed
            }
        }
    }
}

/// Whether API Gateway knows no such connection (410), or none could have such an id (400).
fn is_gone<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ServiceError(answer) => match answer.raw().status().as_u16() {
            400 => answer.err().code() == Some("BadRequestException"),
            status => status == 410,
        },
        _ => false,
    }
}

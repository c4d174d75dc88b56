//! Delivery: an event goes to every connection that hears a channel, through API Gateway's `@connections`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_types::SdkConfig;
use contract::{Channel, ConnectionId};
use futures::StreamExt as _;
use futures::future::try_join_all;
use futures::stream::FuturesUnordered;
use store::{Connections, Error, describe};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

/// Posts in flight at once.
const CONCURRENCY: usize = 64;

/// How long a delivery may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one post, the SDK's retries included.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Reached.
    pub delivered: usize,
    /// Found closed, and removed with their subscriptions.
    pub gone: usize,
    /// Not reached: refused, too slow, or the overall time was up.
    pub failed: usize,
}

/// Delivers events. Made once for the life of a function.
pub struct Push {
    client: Client,
    connections: Connections,
    limits: Limits,
}

enum Post {
    Delivered,
    Gone,
    Failed,
}

impl Push {
    /// Posts to whom `connections` says, through `endpoint`: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    #[must_use]
    pub fn new(config: &SdkConfig, endpoint: String, connections: Connections) -> Self {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(config).endpoint_url(endpoint).build();
        Self { client: Client::from_conf(config), connections, limits: Limits::default() }
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
    /// (410) is removed; one that cannot be reached for another reason is logged and counted, and stays. The error is
    /// that of finding out who is subscribed.
    pub async fn deliver(&self, channels: &[Channel], frame: &str) -> Result<Delivery, Error> {
        let deadline = Instant::now() + self.limits.overall;
        let subscribers = timeout_at(deadline, self.subscribers(channels));
        let subscribers =
            subscribers.await.map_err(|_| Error::Unavailable("the subscribers took too long".into()))??;
        let mut posts =
            subscribers.into_iter().map(|(id, channels)| timeout_at(deadline, self.post(channels, id, frame)));
        let mut in_flight: FuturesUnordered<_> = posts.by_ref().take(CONCURRENCY).collect();
        let mut delivery = Delivery::default();
        while let Some(post) = in_flight.next().await {
            match post.unwrap_or(Post::Failed) {
                Post::Delivered => delivery.delivered += 1,
                Post::Gone => delivery.gone += 1,
                Post::Failed => delivery.failed += 1,
            }
            in_flight.extend(posts.next());
        }
        if delivery.failed > 0 {
            let channel = channels.first().map(tracing::field::display);
            warn!(channel, ?delivery, "not every subscriber was reached");
        }
        Ok(delivery)
    }

    /// Who hears the channels, and which of them.
    async fn subscribers<'a>(
        &self,
        channels: &'a [Channel],
    ) -> Result<BTreeMap<ConnectionId, Vec<&'a Channel>>, Error> {
        let ids = try_join_all(channels.iter().map(|channel| self.connections.subscribers(channel))).await?;
        let mut subscribers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (channel, ids) in channels.iter().zip(ids) {
            for id in ids {
                subscribers.entry(id).or_default().push(channel);
            }
        }
        Ok(subscribers)
    }

    async fn post(&self, channels: Vec<&Channel>, id: ConnectionId, frame: &str) -> Post {
        let request = self.client.post_to_connection().connection_id(id.as_str()).data(Blob::new(frame));
        let error = match timeout(self.limits.post, request.send()).await {
            Ok(Ok(_)) => return Post::Delivered,
            Ok(Err(error)) => error,
            Err(_) => {
                debug!(connection = %id, "a post took too long");
                return Post::Failed;
            }
        };
        if !error.as_service_error().is_some_and(PostToConnectionError::is_gone_exception) {
            debug!(connection = %id, error = describe(&error), "a post failed");
            return Post::Failed;
        }
        // The subscriptions first: they may have outlived their connection's row.
        let removed = async {
            for channel in channels {
                self.connections.unsubscribe(&id, channel).await?;
            }
            self.connections.remove(&id).await
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

//! Delivery: an event goes to every connection that hears a channel, through API Gateway's `@connections`.

use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_types::SdkConfig;
use contract::{Channel, ConnectionId};
use futures::StreamExt as _;
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

    /// Sends `frame` to every connection subscribed to `channel` now. A connection that is closed (410) is removed;
    /// one that cannot be reached for another reason is logged and counted, and stays. The error is that of finding
    /// out who is subscribed.
    pub async fn deliver(&self, channel: &Channel, frame: &str) -> Result<Delivery, Error> {
        let deadline = Instant::now() + self.limits.overall;
        let subscribers = timeout_at(deadline, self.connections.subscribers(channel));
        let subscribers =
            subscribers.await.map_err(|_| Error::Unavailable("the subscribers took too long".into()))??;
        let mut posts = subscribers.into_iter().map(|id| timeout_at(deadline, self.post(channel, id, frame)));
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
            warn!(%channel, ?delivery, "not every subscriber was reached");
        }
        Ok(delivery)
    }

    async fn post(&self, channel: &Channel, id: ConnectionId, frame: &str) -> Post {
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
        // The subscription first: it may have outlived its connection's row.
        let removed = async {
            self.connections.unsubscribe(&id, channel).await?;
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

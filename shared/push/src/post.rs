use std::time::Duration;

use aws_sdk_apigatewaymanagement::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_support::{describe, is_retryable};
use contract::{Channel, ConnectionId};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::Push;
use crate::audience::Target;

/// Maximum number of attempts to post to one connection. API Gateway throttles per AWS account, not per connection, so
/// a later attempt often succeeds.
const ATTEMPTS: u32 = 5;

/// Result of posting a frame to a connection.
pub(crate) enum PostResult {
    Delivered,
    /// API Gateway reports that the connection is closed.
    Gone,
    /// The post failed, but a later attempt may succeed.
    Retryable,
    Failed,
}

impl Push {
    /// Posts `frames` to a connection in order, until one fails.
    pub(crate) async fn post_all(
        &self,
        target: &Target<'_>,
        id: &ConnectionId,
        frames: &[impl AsRef<str>],
    ) -> PostResult {
        for frame in frames {
            match self.post(target, id, frame.as_ref()).await {
                PostResult::Delivered => {}
                failed => return failed,
            }
        }
        PostResult::Delivered
    }

    /// Posts `frame` to a connection, with retries. Deletes the rows of a closed connection, unless API Gateway may
    /// still be opening the connection.
    async fn post(&self, target: &Target<'_>, id: &ConnectionId, frame: &str) -> PostResult {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                let max_millis = 50 << (attempt - 1);
                sleep(Duration::from_millis(fastrand::u64(max_millis / 2..=max_millis))).await;
            }
            match self.try_post(id, frame).await {
                PostResult::Gone if !target.opening() => return self.remove(target.channels(), id).await,
                PostResult::Gone | PostResult::Retryable => {}
                result => return result,
            }
        }
        PostResult::Failed
    }

    pub(crate) async fn try_post(&self, id: &ConnectionId, frame: &str) -> PostResult {
        let _permit = self.permits.acquire().await;
        let request = self.client.post_to_connection().connection_id(id.as_str()).data(Blob::new(frame));
        let error = match timeout(self.limits.post, request.send()).await {
            Ok(Ok(_)) => return PostResult::Delivered,
            Ok(Err(error)) => error,
            Err(_) => {
                debug!(connection = %id, "a post to a connection timed out; retrying unless it was the last attempt");
                return PostResult::Retryable;
            }
        };
        debug!(connection = %id, error = describe(&error), "a post to a connection failed");
        match error {
            error if is_gone(&error) => PostResult::Gone,
            error if is_retryable(&error) => PostResult::Retryable,
            _ => PostResult::Failed,
        }
    }

    /// Closes a connection, then deletes its rows from the `Connections` table. If closing fails, the rows
    /// stay, and the next delivery to one of `channels` tries again.
    pub(crate) async fn close(&self, channels: impl Iterator<Item = &Channel>, id: &ConnectionId) {
        let closed = {
            let _permit = self.permits.acquire().await;
            self.client.delete_connection().connection_id(id.as_str()).send().await
        };
        match closed {
            Err(error) if !is_gone(&error) => {
                warn!(
                    connection = %id,
                    error = describe(&error),
                    "closing a connection failed; the next delivery to it or a new connection of its user will retry"
                );
            }
            _ => _ = self.remove(channels, id).await,
        }
    }

    /// Deletes the rows of a closed connection from the `Connections` table.
    async fn remove(&self, channels: impl Iterator<Item = &Channel>, id: &ConnectionId) -> PostResult {
        // A subscription may exist although the row of its connection does not. `Connections::remove` would not find
        // such a subscription, so the subscriptions to `channels` are deleted first.
        let removed = async {
            for channel in channels {
                self.connections.unsubscribe(id, channel).await?;
            }
            self.connections.remove(id).await
        };
        match removed.await {
            Ok(()) => PostResult::Gone,
            Err(error) => {
                warn!(
                    connection = %id,
                    %error,
                    "removing a closed connection failed; the next delivery will retry, or TTL will delete its rows"
                );
                PostResult::Failed
            }
        }
    }
}

/// Returns whether the connection does not exist. API Gateway answers 410 for a closed connection, and 400 for a text
/// that is not a valid connection ID.
fn is_gone<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ServiceError(answer) => match answer.raw().status().as_u16() {
            400 => answer.err().code() == Some("BadRequestException"),
            status => status == 410,
        },
        _ => false,
    }
}

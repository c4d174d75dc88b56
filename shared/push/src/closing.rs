use std::iter;

use contract::Channel;
use futures::future::join_all;
use store::Subscriber;
use tokio::time::timeout;
use tracing::warn;

use crate::Push;
use crate::post::PostResult;

impl Push {
    /// Sends `frame` to these subscribers of `channel`, closes their connections and deletes their rows.
    ///
    /// The frame is sent once, without retries, and a connection is closed even if the frame did not reach it. Only a
    /// connection that API Gateway is still opening stays open if the frame did not reach it. Stops after the overall
    /// time limit. Failures are logged; the rows of a connection that could not be closed stay.
    pub async fn close_with_frame(&self, channel: &Channel, subscribers: &[Subscriber], frame: &str) {
        let closing = subscribers.iter().map(|Subscriber { connection_id, opening, .. }| async move {
            match self.try_post(connection_id, frame).await {
                PostResult::Gone if *opening => {}
                _ => self.close(iter::once(channel), connection_id).await,
            }
        });
        if timeout(self.limits.overall, join_all(closing)).await.is_err() {
            warn!(
                %channel,
                connections = subscribers.len(),
                "closing connections exceeded the time limit; those that are still open stay open"
            );
        }
    }
}

//! Tells a thread's subscribers that a user is typing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::{ApiError, Channel, ChannelName, ConnectionId, ErrorCode, Event, Problem, ThreadId, limits};
use tokio::time::Instant;

use crate::Deps;

/// Minimum time between two pushes for one connection.
const INTERVAL: Duration = Duration::from_secs(limits::TYPING_SECONDS);

/// Number of connections after which those that may type again are removed.
const CAPACITY: usize = 1_000;

/// The connections whose `typing` frames this instance has pushed within the last 5 seconds. The limit holds for each
/// instance of the function: a durable one would cost a write per frame.
#[derive(Debug, Default)]
pub struct RecentTyping(Mutex<HashMap<ConnectionId, Instant>>);

impl RecentTyping {
    fn contains(&self, id: &ConnectionId) -> bool {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.get(id).is_some_and(|at| at.elapsed() < INTERVAL)
    }

    fn insert(&self, id: &ConnectionId) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= CAPACITY {
            recent.retain(|_, at| at.elapsed() < INTERVAL);
        }
        recent.insert(id.clone(), Instant::now());
    }
}

/// Pushes `typing` to the thread's subscribers, except the connections of the user who types. Does nothing if this
/// instance has pushed for the connection within the last 5 seconds. Fails with `not_subscribed` if the connection is not
/// subscribed to the thread.
///
/// The one query for the subscribers also authorizes the frame, because subscriptions name their users. A push that does
/// not reach a connection is not repeated.
pub(crate) async fn push(deps: &Deps, id: &ConnectionId, thread: &ThreadId) -> Result<Event, ApiError> {
    let accepted = Event::Accepted { channel: ChannelName::Thread(thread.clone()) };
    if deps.typing.contains(id) {
        return Ok(accepted);
    }
    let channel = [Channel::Thread(thread.clone())];
    let mut audience = deps.push.audience(&channel).await?;
    let Some(user_id) = audience.get(id).and_then(|target| target.user_id().cloned()) else {
        let detail = "This connection is not subscribed to the thread. Subscribe to it first.";
        return Err(Problem::new(ErrorCode::NotSubscribed, detail).into());
    };
    audience.retain(|_, target| target.user_id() != Some(&user_id));
    let frame = serde_json::to_string(&Event::Typing { thread_id: thread.clone(), user_id })?;
    deps.typing.insert(id);
    deps.push.deliver_to(audience, &frame).await;
    Ok(accepted)
}

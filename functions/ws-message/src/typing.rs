//! Tells a thread's subscribers that a user is typing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::{ApiError, Channel, ChannelName, ConnectionId, ErrorCode, Event, Problem, ThreadId, limits};
use tokio::time::Instant;

use crate::Deps;

/// Minimum time between two pushes of `typing` from one connection.
const INTERVAL: Duration = Duration::from_secs(limits::TYPING_SECONDS);

/// With this many connections in [`RecentTyping`], those whose last push was more than 5 seconds ago are removed.
const CAPACITY: usize = 1_000;

/// The connections from which this instance has pushed `typing` within the last 5 seconds, each with the thread. Each
/// instance of the function limits the pushes by itself, because a limit across instances would cost a write per frame.
#[derive(Debug, Default)]
pub struct RecentTyping(Mutex<HashMap<ConnectionId, (ThreadId, Instant)>>);

impl RecentTyping {
    /// Returns the thread to which this instance has pushed `typing` from the connection within the last 5 seconds.
    fn thread(&self, id: &ConnectionId) -> Option<ThreadId> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (thread, at) = recent.get(id)?;
        (at.elapsed() < INTERVAL).then(|| thread.clone())
    }

    fn insert(&self, id: &ConnectionId, thread: &ThreadId) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= CAPACITY {
            recent.retain(|_, (_, at)| at.elapsed() < INTERVAL);
        }
        recent.insert(id.clone(), (thread.clone(), Instant::now()));
    }
}

/// Pushes `typing` to the thread's subscribers, except the connections of the user who types. Does nothing if this
/// instance has pushed `typing` from the connection within the last 5 seconds. Fails with `not_subscribed` if the
/// connection is not subscribed to the thread.
///
/// The query for the thread's subscribers also authorizes the frame, because it returns the connection's own
/// subscription with its user. A push that does not reach a connection is not repeated.
pub(crate) async fn push(deps: &Deps, id: &ConnectionId, thread: &ThreadId) -> Result<Event, ApiError> {
    let accepted = Event::Accepted { channel: ChannelName::Thread(thread.clone()) };
    let recent = deps.typing.thread(id);
    // An earlier frame of the connection was authorized for this thread, so a repeated frame needs no query.
    if recent.as_ref() == Some(thread) {
        return Ok(accepted);
    }
    let channel = [Channel::Thread(thread.clone())];
    let mut audience = deps.push.audience(&channel).await?;
    let Some(user_id) = audience.get(id).and_then(|target| target.user_id().cloned()) else {
        let detail = "This connection is not subscribed to the thread. Subscribe to it first.";
        return Err(Problem::new(ErrorCode::NotSubscribed, detail).into());
    };
    if recent.is_some() {
        return Ok(accepted);
    }
    audience.retain(|_, target| target.user_id() != Some(&user_id));
    let frame = serde_json::to_string(&Event::Typing { thread_id: thread.clone(), user_id })?;
    deps.typing.insert(id, thread);
    deps.push.deliver_to(audience, &[frame]).await;
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use serde_json::{Value, json};
    use testkit::{Fault, connect, new_thread, socket_event};
    use tokio::time;

    use super::*;
    use crate::fixture::Fixture;

    const EVENT: &str = include_str!("../../../events/ws-message-typing.json");

    impl Fixture {
        /// Creates a fixture in which `phone` and `laptop` of Sarah and `tablet` and `watch` of Dad are subscribed.
        async fn subscribed() -> Self {
            let fixture = Self::new().await;
            for (user, connection) in
                [("user-sarah", "phone"), ("user-sarah", "laptop"), ("user-dad", "tablet"), ("user-dad", "watch")]
            {
                fixture.subscribe(user, connection).await;
            }
            fixture
        }

        /// Sends `typing` with an ID and returns the answer.
        async fn types(&self, connection: &str) -> Value {
            self.answer(connection, self.frame("typing")).await
        }

        fn accepted(&self) -> Value {
            json!({"event": "accepted", "id": "a", "data": {"channel": self.channel()}})
        }

        /// Returns the users in the `typing` events that a connection has received. Checks that they name the thread.
        fn typists(&self, connection: &str) -> Vec<String> {
            let frames = self.management.frames(connection).into_iter().map(|frame| {
                let user = frame["data"]["userId"].as_str().unwrap().to_owned();
                let data = json!({"threadId": self.thread.id, "userId": user});
                assert_eq!(frame, json!({"event": "typing", "data": data}));
                user
            });
            frames.collect()
        }

        /// Removes `userId` from the subscription of a connection. Subscriptions that an earlier version has written do
        /// not have this attribute.
        async fn forget_user(&self, connection: &str) {
            let key = self.thread_channel().to_string();
            let update = self.tables.client.update_item().table_name(&self.tables.connections);
            let update = update.key("pk", AttributeValue::S(format!("CHANNEL#{key}")));
            let update = update.key("sk", AttributeValue::S(format!("CONN#{connection}")));
            let update = update.condition_expression("attribute_exists(userId)").update_expression("REMOVE userId");
            update.send().await.unwrap();
        }
    }

    async fn pass(duration: Duration) {
        time::pause();
        time::advance(duration).await;
        time::resume();
    }

    #[tokio::test]
    async fn typing_reaches_all_others_and_no_connection_of_the_user() {
        let fixture = Fixture::subscribed().await;
        connect(&fixture.deps.connections, "user-dad", "unsubscribed").await;
        let sample = socket_event(EVENT, "phone", |event| {
            let body = event["body"].as_str().unwrap();
            event["body"] = body.replace("thread_0199170a7c8e7d3e9d5a3f1b2c4d5e6f", fixture.thread.id.as_str()).into();
        });
        assert_eq!(fixture.send_event(sample).await, None);
        for other in ["tablet", "watch"] {
            assert_eq!(fixture.typists(other), ["user-sarah"]);
        }
        for other in ["phone", "laptop", "unsubscribed", "non-member"] {
            assert_eq!(fixture.management.frames(other), Vec::<Value>::new(), "{other}");
        }
        assert_eq!(fixture.types("tablet").await, fixture.accepted());
        assert_eq!(
            (fixture.typists("phone"), fixture.typists("laptop")),
            (vec!["user-dad".into()], vec!["user-dad".into()])
        );
        assert_eq!(fixture.typists("watch").len(), 1);
    }

    #[tokio::test]
    async fn connection_that_is_not_subscribed_gets_not_subscribed() {
        let fixture = Fixture::subscribed().await;
        connect(&fixture.deps.connections, "user-sarah", "unsubscribed").await;
        fixture.subscribe_expired("user-sarah", "expired").await;
        for connection in ["unsubscribed", "expired", "non-member", "unknown"] {
            let answer = fixture.types(connection).await;
            assert_eq!(answer["data"]["code"], "not_subscribed", "{connection}");
            assert_eq!((&answer["data"]["channel"], &answer["id"]), (&json!(fixture.channel()), &json!("a")));
        }
        assert!(fixture.typists("tablet").is_empty());
        // A refused frame does not start the 5 seconds in which further frames are dropped.
        fixture.subscribe("user-sarah", "unsubscribed").await;
        assert_eq!(fixture.types("unsubscribed").await, fixture.accepted());
        assert_eq!(fixture.typists("tablet"), ["user-sarah"]);
    }

    #[tokio::test]
    async fn frame_without_id_gets_no_answer_even_to_an_error() {
        let fixture = Fixture::subscribed().await;
        let typing = json!({"action": "typing", "channel": fixture.channel()}).to_string();
        assert_eq!(fixture.send("non-member", typing.as_str()).await, None);
        for invalid in [r#"{"action":"typing"}"#, r#"{"action":"typing","channel":"inbox"}"#] {
            assert_eq!(fixture.send("phone", invalid).await, None, "{invalid}");
        }
        assert_eq!(fixture.answer("phone", r#"{"action":"typing","id":1}"#).await["data"]["code"], "invalid_frame");
        let broken = fixture.tables.through(|_| Fault::Refuse("AccessDeniedException")).await;
        let fixture = fixture.through(&broken);
        assert_eq!(fixture.send("phone", typing.as_str()).await, None);
        assert_eq!(fixture.types("phone").await["data"]["code"], "internal");
        assert!(fixture.typists("tablet").is_empty());
    }

    #[tokio::test]
    async fn limit_covers_all_threads_but_does_not_replace_the_authorization() {
        let fixture = Fixture::subscribed().await;
        let other = new_thread(&fixture.deps.chat, &["user-sarah", "user-dad", "user-lena"]).await;
        let frame =
            |action: &str| json!({"action": action, "channel": format!("thread:{}", other.id), "id": "a"}).to_string();
        assert_eq!(fixture.types("phone").await, fixture.accepted());
        assert_eq!(fixture.answer("phone", frame("typing")).await["data"]["code"], "not_subscribed");
        for connection in ["phone", "tablet"] {
            fixture.answer(connection, frame("subscribe")).await;
        }
        assert_eq!(fixture.answer("phone", frame("typing")).await["event"], "accepted");
        assert_eq!(fixture.typists("tablet"), ["user-sarah"]);
    }

    #[tokio::test]
    async fn frames_within_five_seconds_are_dropped_for_each_connection() {
        let fixture = Fixture::subscribed().await;
        for _ in 0..3 {
            assert_eq!(fixture.types("phone").await, fixture.accepted());
        }
        assert_eq!(fixture.typists("tablet"), ["user-sarah"]);
        assert_eq!(fixture.types("laptop").await, fixture.accepted());
        assert_eq!(fixture.typists("tablet").len(), 2);
        pass(INTERVAL).await;
        for _ in 0..2 {
            assert_eq!(fixture.types("phone").await, fixture.accepted());
        }
        assert_eq!(fixture.typists("tablet").len(), 3);
    }

    #[tokio::test]
    async fn instance_remembers_only_recent_connections() {
        let (recent, thread) = (RecentTyping::default(), ThreadId::new());
        let id = |n: usize| ConnectionId::new(format!("c-{n}"));
        let remembers = |n| recent.thread(&id(n)).is_some();
        (0..CAPACITY).for_each(|n| recent.insert(&id(n), &thread));
        pass(INTERVAL / 2).await;
        recent.insert(&id(CAPACITY), &thread);
        assert!(remembers(0) && remembers(CAPACITY));
        pass(INTERVAL / 2).await;
        recent.insert(&id(CAPACITY + 1), &thread);
        assert!(!remembers(0) && remembers(CAPACITY));
        assert_eq!(recent.0.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn failing_push_does_not_disturb_the_others_or_the_user() {
        let fixture = Fixture::subscribed().await;
        fixture.subscribe("user-dad", "closed").await;
        fixture.subscribe_expired("user-dad", "expired").await;
        fixture.management.answer("watch", 500);
        fixture.management.answer("closed", 410);
        assert_eq!(fixture.types("phone").await, fixture.accepted());
        assert_eq!(fixture.typists("tablet"), ["user-sarah"]);
        assert_eq!(fixture.management.closed(), ["expired"]);
        assert_eq!(fixture.subscribers(&fixture.thread_channel()).await, ["laptop", "phone", "tablet", "watch"]);
    }

    #[tokio::test]
    async fn slow_push_does_not_hold_up_the_answer() {
        let fixture = Fixture::subscribed().await;
        fixture.management.delay(Duration::from_hours(1));
        let answer = time::timeout(Duration::from_mins(1), fixture.types("phone")).await;
        assert_eq!(answer, Ok(fixture.accepted()));
        assert!(fixture.typists("tablet").is_empty());
    }

    #[tokio::test]
    async fn subscription_without_user_receives_typing_but_may_not_type() {
        let fixture = Fixture::subscribed().await;
        fixture.forget_user("watch").await;
        assert_eq!(fixture.types("watch").await["data"]["code"], "not_subscribed");
        assert_eq!(fixture.types("phone").await, fixture.accepted());
        assert_eq!(
            (fixture.typists("watch"), fixture.typists("tablet")),
            (vec!["user-sarah".into()], vec!["user-sarah".into()])
        );
        fixture.answer("watch", fixture.frame("subscribe")).await;
        assert_eq!(fixture.types("watch").await, fixture.accepted());
    }
}

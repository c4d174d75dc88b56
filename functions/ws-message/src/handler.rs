//! Answers the frames that clients send on a WebSocket: subscribe, unsubscribe, typing and ping.

mod typing;

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::{
    Action, Answer, ApiError, Channel, ChannelName, ErrorCode, Event, Frame, FrameError, Problem, ThreadId, limits,
};
use push::{Limits, Push};
use runtime::{SocketEvent, report, socket_response};
use store::{Chat, Connection, Connections, Subscribed};

pub use typing::RecentTyping;

/// Time limits of a push that tells of typing. They are short, because it is of no use when it is late.
pub const LIMITS: Limits = Limits { post: Duration::from_secs(1), overall: Duration::from_secs(1) };

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores memberships and the last `seq` of threads.
    pub chat: Chat,
    /// The `Connections` table, which stores connections and their subscriptions.
    pub connections: Connections,
    /// Tells a thread's subscribers that a user is typing, within [`LIMITS`].
    pub push: Push,
    /// The connections whose `typing` frames this instance has pushed within the last seconds.
    pub typing: RecentTyping,
}

/// Handles the WebSocket route `$default`. Answers every frame with one frame, except `typing` without an `id`. If a frame
/// is not valid or its action fails, answers with an `error` event and keeps the connection open.
pub async fn handle(deps: &Deps, event: SocketEvent) -> Result<ApiGatewayProxyResponse, ApiError> {
    let Frame { id, action } = event.text().map_or_else(binary_frame, Frame::parse);
    let answered = !matches!(action, Ok(Action::Typing(_))) || id.is_some();
    let (answer, channel) = match action {
        Err(error) => (Ok(Event::Error(error)), None),
        // Nothing is pushed to an expired connection, so the answer to a ping tells the client to reconnect.
        Ok(Action::Ping) => (live_connection(deps, &event).await.map(|_| Event::Pong), None),
        Ok(Action::Subscribe(channel)) => (subscribe(deps, &event, &channel).await, Some(channel)),
        Ok(Action::Unsubscribe(channel)) => (unsubscribe(deps, &event, &channel).await, Some(channel)),
        Ok(Action::Typing(thread)) => {
            (typing::push(deps, &event.connection_id, &thread).await, Some(ChannelName::Thread(thread)))
        }
    };
    let answer = answer.unwrap_or_else(|error| {
        // `report` logs a fault of the server, also if the client gets no answer.
        let Problem { code, detail, .. } = report(error);
        Event::Error(FrameError { code, detail, channel: channel.map(|channel| channel.to_string()) })
    });
    let answer = answered.then(|| serde_json::to_string(&Answer { event: answer, id })).transpose()?;
    Ok(socket_response(200, answer))
}

fn binary_frame() -> Frame {
    let error = FrameError::new(ErrorCode::MalformedFrame, "The frame is binary. Send JSON in a text frame.");
    Frame { id: None, action: Err(error) }
}

fn connection_expired() -> Problem {
    Problem::new(ErrorCode::ConnectionExpired, "The connection has expired. Reconnect with a new ticket.")
}

/// Returns the connection that the frame came from. Fails with `connection_expired` if the connection is unknown or has
/// expired.
async fn live_connection(deps: &Deps, event: &SocketEvent) -> Result<Connection, ApiError> {
    Ok(deps.connections.connection(&event.connection_id).await?.ok_or_else(connection_expired)?)
}

async fn subscribe(deps: &Deps, event: &SocketEvent, channel: &ChannelName) -> Result<Event, ApiError> {
    let connection = live_connection(deps, event).await?;
    let seq = match channel {
        ChannelName::Thread(thread) => Some(subscribe_to_thread(deps, &connection, thread).await?),
        ChannelName::Inbox => {
            accepted(deps.connections.open_inbox(&connection).await?)?;
            None
        }
    };
    Ok(Event::Subscribed { channel: channel.clone(), seq })
}

/// Subscribes the connection to the thread's channel and returns the thread's last `seq`.
///
/// The subscription is written before the `seq` is read, so that the client misses no message: later messages are
/// pushed to the connection, and the returned `seq` includes all earlier messages.
async fn subscribe_to_thread(deps: &Deps, connection: &Connection, thread: &ThreadId) -> Result<u64, ApiError> {
    if !deps.chat.is_member(thread, &connection.user_id).await? {
        return Err(Problem::thread_not_found().into());
    }
    accepted(deps.connections.subscribe(connection, &Channel::Thread(thread.clone())).await?)?;
    Ok(deps.chat.last_seq(thread).await?)
}

fn accepted(subscribed: Subscribed) -> Result<(), Problem> {
    match subscribed {
        Subscribed::Done => Ok(()),
        Subscribed::TooMany => {
            let most = limits::SUBSCRIPTIONS;
            let detail = format!("This connection has used all its {most} subscriptions. Open another connection.");
            Err(Problem::new(ErrorCode::TooManySubscriptions, detail))
        }
        Subscribed::Gone => Err(connection_expired()),
    }
}

async fn unsubscribe(deps: &Deps, event: &SocketEvent, channel: &ChannelName) -> Result<Event, ApiError> {
    match channel {
        ChannelName::Thread(thread) => {
            deps.connections.unsubscribe(&event.connection_id, &Channel::Thread(thread.clone())).await?;
        }
        ChannelName::Inbox => deps.connections.close_inbox(&live_connection(deps, event).await?).await?,
    }
    Ok(Event::Unsubscribed { channel: channel.clone() })
}

#[cfg(test)]
mod tests {
    use contract::{ConnectionId, Thread};
    use serde_json::{Value, json};
    use testkit::{Fault, Management, Tables, connect, new_thread, send_text, socket_event};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-message.json");

    struct Fixture {
        deps: Deps,
        management: Management,
        thread: Thread,
    }

    fn deps(tables: &Tables, management: &Management) -> Deps {
        let connections = tables.connections();
        let push = management.push(connections.clone()).with_limits(LIMITS);
        Deps { chat: tables.chat(), connections, push, typing: RecentTyping::default() }
    }

    impl Fixture {
        async fn new() -> Self {
            let tables = Tables::create().await;
            let management = Management::start().await;
            let deps = deps(&tables, &management);
            let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
            connect(&deps.connections, "user-sarah", "phone").await;
            connect(&deps.connections, "user-michael", "non-member").await;
            Self { deps, management, thread }
        }

        async fn answer(&self, connection: &str, frame: impl Into<Value>) -> Value {
            let event = socket_event(EVENT, connection, |event| event["body"] = frame.into());
            self.answer_to(event).await
        }

        async fn answer_to(&self, event: SocketEvent) -> Value {
            let response = handle(&self.deps, event).await.unwrap();
            assert_eq!(response.status_code, 200);
            let Some(aws_lambda_events::encodings::Body::Text(body)) = response.body else {
                panic!("the answer has no text body")
            };
            serde_json::from_str(&body).unwrap()
        }

        fn frame(&self, action: &str) -> String {
            json!({"action": action, "channel": self.channel(), "id": "a"}).to_string()
        }

        fn channel(&self) -> String {
            format!("thread:{}", self.thread.id)
        }

        async fn subscribers(&self) -> Vec<store::Subscriber> {
            self.deps.connections.subscribers(&Channel::Thread(self.thread.id.clone())).await.unwrap().live
        }
    }

    #[tokio::test]
    async fn member_subscribes_gets_the_last_seq_and_unsubscribes() {
        let fixture = Fixture::new().await;
        for seq in 0..2 {
            let subscribed =
                json!({"event": "subscribed", "id": "a", "data": {"channel": fixture.channel(), "seq": seq}});
            assert_eq!(fixture.answer("phone", fixture.frame("subscribe")).await, subscribed);
            assert_eq!(fixture.subscribers().await.len(), 1);
            send_text(&fixture.deps.chat, "user-dad", &fixture.thread, "hello").await;
        }
        for _ in 0..2 {
            let unsubscribed = json!({"event": "unsubscribed", "id": "a", "data": {"channel": fixture.channel()}});
            assert_eq!(fixture.answer("phone", fixture.frame("unsubscribe")).await, unsubscribed);
            assert!(fixture.subscribers().await.is_empty());
        }
    }

    #[tokio::test]
    async fn subscribed_seq_includes_messages_committed_while_subscribing() {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-sarah"]).await;
        connect(&tables.connections(), "user-sarah", "phone").await;
        // The message is committed before the subscription is written, so it is not pushed. The client learns of it
        // only from the `seq` in the answer.
        let (chat, sent_to) = (std::sync::Arc::new(tables.chat()), thread.clone());
        let racing = tables.through(move |call| {
            if !call.is("PutItem", "CHANNEL#") {
                return Fault::Pass;
            }
            let (chat, sent_to) = (chat.clone(), sent_to.clone());
            Fault::After(Box::pin(async move { _ = send_text(&chat, "user-sarah", &sent_to, "meanwhile").await }))
        });
        let (racing, management) = (racing.await, Management::start().await);
        let fixture = Fixture { deps: deps(&racing, &management), management, thread };
        assert_eq!(fixture.answer("phone", fixture.frame("subscribe")).await["data"]["seq"], 1);
    }

    #[tokio::test]
    async fn non_member_gets_the_error_of_a_missing_thread() {
        let fixture = Fixture::new().await;
        let answer = fixture.answer("non-member", fixture.frame("subscribe")).await;
        assert_eq!(answer["event"], "error");
        assert_eq!(answer["data"]["code"], "thread_not_found");
        assert_eq!(answer["data"]["channel"], fixture.channel());
        assert_eq!(answer["id"], "a");
        let missing_thread = fixture.answer_to(socket_event(EVENT, "phone", |_| {})).await;
        assert_eq!(missing_thread["data"]["detail"], answer["data"]["detail"]);
        assert!(fixture.subscribers().await.is_empty());
    }

    #[tokio::test]
    async fn unknown_or_expired_connection_gets_connection_expired() {
        let fixture = Fixture::new().await;
        let sarah = testkit::caller("user-sarah").id;
        fixture.deps.connections.connect(&ConnectionId::new("old"), &sarah, 1).await.unwrap();
        for connection in ["old", "unknown"] {
            for frame in [fixture.frame("subscribe"), r#"{"action":"ping"}"#.into()] {
                assert_eq!(fixture.answer(connection, frame).await["data"]["code"], "connection_expired");
            }
        }
        assert!(fixture.subscribers().await.is_empty());
    }

    #[tokio::test]
    async fn invalid_frames_get_an_error_event() {
        let fixture = Fixture::new().await;
        assert_eq!(fixture.answer("phone", r#"{"action":"ping","id":7}"#).await, json!({"event": "pong", "id": 7}));
        for (frame, code) in [
            ("hello", "malformed_frame"),
            ("{}", "invalid_frame"),
            (r#"{"action":"dance"}"#, "unknown_action"),
            (r#"{"action":"subscribe","channel":"user:1"}"#, "invalid_frame"),
        ] {
            assert_eq!(fixture.answer("phone", frame).await["data"]["code"], code);
        }
        assert_eq!(fixture.answer("phone", "x".repeat(33_000)).await["data"]["code"], "frame_too_large");
        assert_eq!(fixture.answer("phone", Value::Null).await["data"]["code"], "malformed_frame");
        let binary = socket_event(EVENT, "phone", |event| event["isBase64Encoded"] = true.into());
        assert_eq!(fixture.answer_to(binary).await["data"]["code"], "malformed_frame");
    }
}

//! Answers the frames that clients send on a WebSocket: subscribe, unsubscribe, typing and ping.

#[cfg(test)]
mod fixture;
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

/// Time limits for pushing `typing`. They are short, because a late `typing` event is of no use.
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
    let Frame { id, action, answered } = event.text().map_or_else(binary_frame, Frame::parse);
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
    Frame::invalid(FrameError::new(ErrorCode::MalformedFrame, "The frame is binary. Send JSON in a text frame."))
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
    let (seq, rev) = match channel {
        ChannelName::Thread(thread) => {
            let (seq, rev) = subscribe_to_thread(deps, &connection, thread).await?;
            (Some(seq), Some(rev))
        }
        ChannelName::Inbox => {
            accepted(deps.connections.open_inbox(&connection).await?)?;
            (None, None)
        }
    };
    Ok(Event::Subscribed { channel: channel.clone(), seq, rev })
}

/// Subscribes the connection to the thread's channel. Returns the thread's last `seq`, and the last revision up to
/// which a client that now reads messages sees all changes.
///
/// The subscription is written before these numbers are read, so that the client misses nothing: later messages and
/// changes are pushed to the connection, and the returned numbers include all earlier ones.
async fn subscribe_to_thread(deps: &Deps, connection: &Connection, thread: &ThreadId) -> Result<(u64, u64), ApiError> {
    if !deps.chat.is_member(thread, &connection.user_id).await? {
        return Err(Problem::thread_not_found().into());
    }
    accepted(deps.connections.subscribe(connection, &Channel::Thread(thread.clone())).await?)?;
    Ok(tokio::try_join!(deps.chat.last_seq(thread), deps.chat.settled_rev(thread))?)
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
    use std::sync::Arc;

    use contract::ConnectionId;
    use serde_json::{Value, json};
    use store::Change;
    use testkit::{Fault, caller, change, connect, once, send_text, socket_event};

    use super::*;
    use crate::fixture::{EVENT, Fixture};

    /// Returns a frame with the given action, the channel `inbox` and an ID.
    fn inbox(action: &str) -> String {
        json!({"action": action, "channel": "inbox", "id": "a"}).to_string()
    }

    fn inbox_of(user: &str) -> Channel {
        Channel::Inbox(caller(user).id)
    }

    #[tokio::test]
    async fn member_subscribes_gets_the_last_seq_and_unsubscribes() {
        let fixture = Fixture::new().await;
        for seq in 0..2 {
            let subscribed =
                json!({"event": "subscribed", "id": "a", "data": {"channel": fixture.channel(), "seq": seq, "rev": 0}});
            assert_eq!(fixture.answer("phone", fixture.frame("subscribe")).await, subscribed);
            assert_eq!(fixture.subscribers(&fixture.thread_channel()).await, ["phone"]);
            send_text(&fixture.deps.chat, "user-dad", &fixture.thread, "hello").await;
        }
        for _ in 0..2 {
            let unsubscribed = json!({"event": "unsubscribed", "id": "a", "data": {"channel": fixture.channel()}});
            assert_eq!(fixture.answer("phone", fixture.frame("unsubscribe")).await, unsubscribed);
            assert!(fixture.subscribers(&fixture.thread_channel()).await.is_empty());
        }
    }

    #[tokio::test]
    async fn subscribed_seq_and_rev_include_what_is_committed_while_subscribing() {
        let fixture = Fixture::new().await;
        // The message and its change are committed before the subscription is written, so they are not pushed. The client
        // learns of them only from the numbers in the answer.
        let (chat, thread) = (Arc::new(fixture.tables.chat()), fixture.thread.clone());
        let racing = fixture.tables.through(move |call| {
            if !call.is("PutItem", "CHANNEL#") {
                return Fault::Pass;
            }
            let (chat, thread) = (chat.clone(), thread.clone());
            Fault::After(Box::pin(async move {
                let message = send_text(&chat, "user-sarah", &thread, "meanwhile").await;
                change(&chat, "user-sarah", &thread, message.seq, Change::Delete).await;
            }))
        });
        let racing = racing.await;
        let fixture = fixture.through(&racing);
        let answer = fixture.answer("phone", fixture.frame("subscribe")).await;
        assert_eq!((&answer["data"]["seq"], &answer["data"]["rev"]), (&json!(1), &json!(1)));
    }

    #[tokio::test]
    async fn non_member_gets_the_error_of_a_missing_thread() {
        let fixture = Fixture::new().await;
        let answer = fixture.answer("non-member", fixture.frame("subscribe")).await;
        assert_eq!(answer["event"], "error");
        assert_eq!(answer["data"]["code"], "thread_not_found");
        assert_eq!(answer["data"]["channel"], fixture.channel());
        assert_eq!(answer["id"], "a");
        let missing_thread = fixture.send_event(socket_event(EVENT, "phone", |_| {})).await.unwrap();
        assert_eq!(missing_thread["data"]["detail"], answer["data"]["detail"]);
        assert!(fixture.subscribers(&fixture.thread_channel()).await.is_empty());
    }

    #[tokio::test]
    async fn inbox_has_only_the_connections_that_subscribed() {
        let fixture = Fixture::new().await;
        connect(&fixture.deps.connections, "user-sarah", "laptop").await;
        for _ in 0..2 {
            let subscribed = json!({"event": "subscribed", "id": "a", "data": {"channel": "inbox"}});
            assert_eq!(fixture.answer("phone", inbox("subscribe")).await, subscribed);
            assert_eq!(fixture.subscribers(&inbox_of("user-sarah")).await, ["phone"]);
        }
        for other in ["user-dad", "user-michael"] {
            assert!(fixture.subscribers(&inbox_of(other)).await.is_empty());
        }
        for _ in 0..2 {
            let unsubscribed = json!({"event": "unsubscribed", "id": "a", "data": {"channel": "inbox"}});
            assert_eq!(fixture.answer("phone", inbox("unsubscribe")).await, unsubscribed);
            assert!(fixture.subscribers(&inbox_of("user-sarah")).await.is_empty());
        }
        // The subscription to the inbox is an attribute of the subscription to the user's own channel, which stays. So
        // the connection still receives events of the user's files.
        assert_eq!(fixture.subscribers(&Channel::User(caller("user-sarah").id)).await, ["laptop", "phone"]);
    }

    #[tokio::test]
    async fn subscribing_does_not_bring_back_a_connection_that_is_removed_meanwhile() {
        let fixture = Fixture::new().await;
        let connections = Arc::new(fixture.tables.connections());
        let removed = once(
            |call| call.is("UpdateItem", "inbox"),
            move |_| {
                let connections = connections.clone();
                Fault::After(Box::pin(async move { connections.remove(&ConnectionId::new("phone")).await.unwrap() }))
            },
        );
        let racing = fixture.tables.through(removed).await;
        let fixture = fixture.through(&racing);
        assert_eq!(fixture.answer("phone", inbox("subscribe")).await["data"]["code"], "connection_expired");
        assert!(fixture.subscribers(&inbox_of("user-sarah")).await.is_empty());
        assert!(fixture.subscribers(&Channel::User(caller("user-sarah").id)).await.is_empty());
    }

    #[tokio::test]
    async fn unknown_or_expired_connection_gets_connection_expired() {
        let fixture = Fixture::new().await;
        fixture.connect_expired("user-sarah", "old").await;
        for connection in ["old", "unknown"] {
            let frames =
                [fixture.frame("subscribe"), inbox("subscribe"), inbox("unsubscribe"), r#"{"action":"ping"}"#.into()];
            for frame in frames {
                assert_eq!(fixture.answer(connection, frame).await["data"]["code"], "connection_expired");
            }
        }
        assert!(fixture.subscribers(&fixture.thread_channel()).await.is_empty());
        assert!(fixture.subscribers(&inbox_of("user-sarah")).await.is_empty());
    }

    #[tokio::test]
    async fn failure_of_the_server_is_answered_and_names_the_channel() {
        let fixture = Fixture::new().await;
        let broken = fixture.tables.through(|_| Fault::Refuse("AccessDeniedException")).await;
        let fixture = fixture.through(&broken);
        let answer = fixture.answer("phone", inbox("subscribe")).await;
        assert_eq!(answer["event"], "error");
        assert_eq!(answer["data"]["code"], "internal");
        assert_eq!((&answer["data"]["channel"], &answer["id"]), (&json!("inbox"), &json!("a")));
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
            (r#"{"action":"subscribe","channel":"inbox:user-sarah"}"#, "invalid_frame"),
            (r#"{"action":"subscribe","channel":"Inbox"}"#, "invalid_frame"),
            (r#"{"action":"unsubscribe","channel":["inbox"]}"#, "invalid_frame"),
        ] {
            assert_eq!(fixture.answer("phone", frame).await["data"]["code"], code, "{frame}");
        }
        assert_eq!(fixture.answer("phone", "x".repeat(33_000)).await["data"]["code"], "frame_too_large");
        assert_eq!(fixture.answer("phone", Value::Null).await["data"]["code"], "malformed_frame");
        let binary = socket_event(EVENT, "phone", |event| event["isBase64Encoded"] = true.into());
        assert_eq!(fixture.send_event(binary).await.unwrap()["data"]["code"], "malformed_frame");
    }
}

//! Answers the frames of a socket.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::{Action, Answer, ApiError, Channel, ErrorCode, Event, Frame, FrameError, Problem, ThreadId};
use runtime::{SocketEvent, report, socket_response};
use store::{Chat, Connection, Connections, Subscribed};

/// Answers every frame with one frame. Whatever goes wrong is an error event; the connection stays.
pub async fn handle(
    chat: &Chat,
    connections: &Connections,
    event: SocketEvent,
) -> Result<ApiGatewayProxyResponse, ApiError> {
    let frame = event.text().map_or_else(binary, Frame::parse);
    let answer = match frame.action {
        Err(error) => Event::Error(error),
        // A connection that has expired hears nothing any more, and here its client learns of it.
        Ok(Action::Ping) => match live(connections, &event).await {
            Ok(_) => Event::Pong,
            Err(error) => failed(error, None),
        },
        Ok(Action::Unsubscribe(thread)) => {
            let channel = Channel::Thread(thread);
            let done = connections.unsubscribe(&event.connection_id, &channel).await;
            done.map_or_else(
                |error| failed(error.into(), Some(&channel)),
                |()| Event::Unsubscribed { channel: channel.clone() },
            )
        }
        Ok(Action::Subscribe(thread)) => {
            let channel = Channel::Thread(thread.clone());
            let done = subscribe(chat, connections, &event, &thread).await;
            done.map_or_else(
                |error| failed(error, Some(&channel)),
                |seq| Event::Subscribed { channel: channel.clone(), seq },
            )
        }
    };
    Ok(socket_response(200, Some(serde_json::to_string(&Answer { event: answer, id: frame.id })?)))
}

fn binary() -> Frame {
    let error = FrameError::new(ErrorCode::MalformedFrame, "A frame has to be text.");
    Frame { id: None, action: Err(error) }
}

fn failed(error: ApiError, channel: Option<&Channel>) -> Event {
    let Problem { code, detail, .. } = report(error);
    Event::Error(FrameError { code, detail, channel: channel.map(Channel::to_string) })
}

fn expired() -> Problem {
    Problem::new(ErrorCode::ConnectionExpired, "The connection has expired. Connect anew.")
}

/// The connection that the frame came on.
async fn live(connections: &Connections, event: &SocketEvent) -> Result<Connection, ApiError> {
    Ok(connections.connection(&event.connection_id).await?.ok_or_else(expired)?)
}

/// Subscribes and returns the thread's last `seq`. The subscription is written before that is read: what is committed
/// after it is pushed, what was committed before is at most it. So nothing falls between.
async fn subscribe(
    chat: &Chat,
    connections: &Connections,
    event: &SocketEvent,
    thread_id: &ThreadId,
) -> Result<u64, ApiError> {
    let connection = live(connections, event).await?;
    if !chat.is_member(thread_id, &connection.user_id).await? {
        return Err(Problem::thread_not_found().into());
    }
    match connections.subscribe(&connection, &Channel::Thread(thread_id.clone())).await? {
        Subscribed::Done => Ok(chat.last_seq(thread_id).await?),
        Subscribed::TooMany => {
            let detail = "This connection has as many subscriptions as it may. Open another one.";
            Err(Problem::new(ErrorCode::TooManySubscriptions, detail).into())
        }
        Subscribed::Gone => Err(expired().into()),
    }
}

#[cfg(test)]
mod tests {
    use contract::{ConnectionId, Thread};
    use serde_json::{Value, json};
    use testkit::{Fault, Tables, connect, new_thread, send_text, socket_event};

    use super::*;

    const EVENT: &str = include_str!("../../../events/ws-message.json");

    struct Fixture {
        chat: Chat,
        connections: Connections,
        thread: Thread,
    }

    impl Fixture {
        async fn new() -> Self {
            let tables = Tables::create().await;
            let (chat, connections) = (tables.chat(), tables.connections());
            let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
            connect(&connections, "user-sarah", "phone").await;
            connect(&connections, "user-michael", "stranger").await;
            Self { chat, connections, thread }
        }

        async fn answer(&self, connection: &str, frame: impl Into<Value>) -> Value {
            let event = socket_event(EVENT, connection, |event| event["body"] = frame.into());
            self.answer_to(event).await
        }

        async fn answer_to(&self, event: SocketEvent) -> Value {
            let response = handle(&self.chat, &self.connections, event).await.unwrap();
            assert_eq!(response.status_code, 200);
            let Some(aws_lambda_events::encodings::Body::Text(body)) = response.body else { panic!("no body") };
            serde_json::from_str(&body).unwrap()
        }

        fn frame(&self, action: &str) -> String {
            json!({"action": action, "channel": self.channel(), "id": "a"}).to_string()
        }

        fn channel(&self) -> String {
            format!("thread:{}", self.thread.id)
        }

        async fn subscribers(&self) -> Vec<store::Subscriber> {
            self.connections.subscribers(&Channel::Thread(self.thread.id.clone())).await.unwrap().live
        }
    }

    #[tokio::test]
    async fn a_member_subscribes_behind_the_last_message_and_unsubscribes() {
        let fixture = Fixture::new().await;
        for seq in 0..2 {
            let subscribed =
                json!({"event": "subscribed", "id": "a", "data": {"channel": fixture.channel(), "seq": seq}});
            assert_eq!(fixture.answer("phone", fixture.frame("subscribe")).await, subscribed);
            assert_eq!(fixture.subscribers().await.len(), 1);
            send_text(&fixture.chat, "user-dad", &fixture.thread, "hello").await;
        }
        for _ in 0..2 {
            let unsubscribed = json!({"event": "unsubscribed", "id": "a", "data": {"channel": fixture.channel()}});
            assert_eq!(fixture.answer("phone", fixture.frame("unsubscribe")).await, unsubscribed);
            assert!(fixture.subscribers().await.is_empty());
        }
    }

    #[tokio::test]
    async fn what_is_committed_while_subscribing_is_in_the_answers_seq() {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-sarah"]).await;
        connect(&tables.connections(), "user-sarah", "phone").await;
        // The message is committed, and nobody is subscribed yet who it could be pushed to.
        let (chat, said) = (std::sync::Arc::new(tables.chat()), thread.clone());
        let racing = tables.through(move |call| {
            if !call.is("PutItem", "CHANNEL#") {
                return Fault::Pass;
            }
            let (chat, said) = (chat.clone(), said.clone());
            Fault::After(Box::pin(async move { _ = send_text(&chat, "user-sarah", &said, "meanwhile").await }))
        });
        let racing = racing.await;
        let fixture = Fixture { chat: racing.chat(), connections: racing.connections(), thread };
        assert_eq!(fixture.answer("phone", fixture.frame("subscribe")).await["data"]["seq"], 1);
    }

    #[tokio::test]
    async fn strangers_get_an_error_as_if_there_were_no_thread() {
        let fixture = Fixture::new().await;
        let answer = fixture.answer("stranger", fixture.frame("subscribe")).await;
        assert_eq!(answer["event"], "error");
        assert_eq!(answer["data"]["code"], "thread_not_found");
        assert_eq!(answer["data"]["channel"], fixture.channel());
        assert_eq!(answer["id"], "a");
        let nowhere = fixture.answer_to(socket_event(EVENT, "phone", |_| {})).await;
        assert_eq!(nowhere["data"]["detail"], answer["data"]["detail"]);
        assert!(fixture.subscribers().await.is_empty());
    }

    #[tokio::test]
    async fn a_connection_that_is_unknown_or_has_expired_is_told_so() {
        let fixture = Fixture::new().await;
        let sarah = testkit::caller("user-sarah").id;
        fixture.connections.connect(&ConnectionId::new("old"), &sarah, 1).await.unwrap();
        for connection in ["old", "unknown"] {
            for frame in [fixture.frame("subscribe"), r#"{"action":"ping"}"#.into()] {
                assert_eq!(fixture.answer(connection, frame).await["data"]["code"], "connection_expired");
            }
        }
        assert!(fixture.subscribers().await.is_empty());
    }

    #[tokio::test]
    async fn every_mistake_is_an_error_event() {
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

//! Fixture for the tests of the handler and of typing.

use contract::{Channel, ConnectionId, Thread};
use runtime::SocketEvent;
use serde_json::{Value, json};
use testkit::{Management, Tables, connect, new_thread, socket_event};

use crate::{Deps, LIMITS, RecentTyping, handle};

pub(crate) const EVENT: &str = include_str!("../../../events/ws-message.json");

/// A thread of Sarah and Dad, and open connections of Sarah (`phone`), Dad (`tablet`) and Michael (`non-member`), who
/// is not a member. None is subscribed.
pub(crate) struct Fixture {
    pub(crate) deps: Deps,
    pub(crate) tables: Tables,
    pub(crate) management: Management,
    pub(crate) thread: Thread,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let tables = Tables::create().await;
        let management = Management::start().await;
        let thread = new_thread(&tables.chat(), &["user-sarah", "user-dad"]).await;
        for (user, connection) in [("user-sarah", "phone"), ("user-dad", "tablet"), ("user-michael", "non-member")] {
            connect(&tables.connections(), user, connection).await;
        }
        Self { deps: deps(&tables, &management), tables, management, thread }
    }

    /// Returns the fixture with handler dependencies that use `tables`, which may inject faults.
    pub(crate) fn through(self, tables: &Tables) -> Self {
        Self { deps: deps(tables, &self.management), ..self }
    }

    /// Sends a frame and returns its answer. Panics if the frame has no answer.
    pub(crate) async fn answer(&self, connection: &str, frame: impl Into<Value>) -> Value {
        self.send(connection, frame).await.expect("the frame has no answer")
    }

    /// Sends a frame. Returns its answer, if it has one.
    pub(crate) async fn send(&self, connection: &str, frame: impl Into<Value>) -> Option<Value> {
        self.send_event(socket_event(EVENT, connection, |event| event["body"] = frame.into())).await
    }

    pub(crate) async fn send_event(&self, event: SocketEvent) -> Option<Value> {
        let response = handle(&self.deps, event).await.unwrap();
        assert_eq!(response.status_code, 200);
        let body = response.body?;
        let aws_lambda_events::encodings::Body::Text(body) = body else { panic!("the answer is not text: {body:?}") };
        Some(serde_json::from_str(&body).unwrap())
    }

    /// Returns a frame with the given action, the thread's channel and an ID.
    pub(crate) fn frame(&self, action: &str) -> String {
        json!({"action": action, "channel": self.channel(), "id": "a"}).to_string()
    }

    /// Returns the thread's channel as frames name it.
    pub(crate) fn channel(&self) -> String {
        format!("thread:{}", self.thread.id)
    }

    pub(crate) fn thread_channel(&self) -> Channel {
        Channel::Thread(self.thread.id.clone())
    }

    /// Opens a connection of `user` and subscribes it to the thread.
    pub(crate) async fn subscribe(&self, user: &str, connection: &str) {
        let connection = connect(&self.tables.connections(), user, connection).await;
        self.tables.connections().subscribe(&connection, &self.thread_channel()).await.unwrap();
    }

    /// Opens a connection of `user` that has expired, and subscribes it to the thread.
    pub(crate) async fn subscribe_expired(&self, user: &str, connection: &str) {
        let connection = self.connect_expired(user, connection).await;
        self.tables.connections().subscribe(&connection, &self.thread_channel()).await.unwrap();
    }

    /// Opens a connection of `user` that has expired.
    pub(crate) async fn connect_expired(&self, user: &str, connection: &str) -> store::Connection {
        let (id, user_id) = (ConnectionId::new(connection), testkit::caller(user).id);
        self.tables.connections().connect(&id, &user_id, 1).await.unwrap();
        store::Connection { id, user_id, expires_at: 1 }
    }

    /// Returns the IDs of the connections that are subscribed to a channel.
    pub(crate) async fn subscribers(&self, channel: &Channel) -> Vec<String> {
        let live = self.tables.connections().subscribers(channel).await.unwrap().live;
        live.into_iter().map(|subscriber| subscriber.connection_id.to_string()).collect()
    }
}

fn deps(tables: &Tables, management: &Management) -> Deps {
    let connections = tables.connections();
    let push = management.push(connections.clone()).with_limits(LIMITS);
    Deps { chat: tables.chat(), connections, push, typing: RecentTyping::default() }
}

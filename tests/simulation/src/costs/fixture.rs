//! The users and the thread for which costs are measured, and the table of the measured costs.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use contract::{ApiError, Thread};
use runtime::{Answer, Call, SocketEvent};
use serde_json::{Value, json};
use testkit::engine::{self, CHAT};
use testkit::make_known;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::cloud::{Cloud, Consequence};
use crate::content::parse;
use crate::ledger::Cost;
use crate::parts::Parts;
use crate::sender::PICTURE;
use crate::stream;
use crate::world::{call, socket_event};

pub(super) const SARAH: &str = "user-sarah";
pub(super) const DAD: &str = "user-dad";
pub(super) const MICHAEL: &str = "user-michael";

/// A thread with Sarah, Dad and Michael as members, and the lines of the costs table so far.
pub(super) struct Fixture {
    pub(super) cloud: Arc<Cloud>,
    pub(super) parts: Parts,
    /// ID of the thread that all three users belong to.
    pub(super) thread: String,
    consequences: RefCell<UnboundedReceiver<Consequence>>,
    /// The frames that sockets receive. Nobody reads them, but the sockets must stay open.
    sockets: RefCell<Vec<UnboundedReceiver<Value>>>,
    lines: RefCell<Vec<Line>>,
    measured: RefCell<BTreeSet<&'static str>>,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let (sender, consequences) = tokio::sync::mpsc::unbounded_channel();
        let cloud = Cloud::new(0, sender);
        cloud.faults.pause();
        let mut fixture = Self {
            parts: Parts::new(&cloud).with_messages_per_minute(1_000),
            cloud,
            thread: String::new(),
            consequences: RefCell::new(consequences),
            sockets: RefCell::default(),
            lines: RefCell::default(),
            measured: RefCell::default(),
        };
        fixture.thread = fixture.create_thread(DAD).await;
        fixture
    }

    /// Adds a line to the costs table: what `trigger` costs on a warm instance and at an instance's first invocation.
    ///
    /// `trigger` is the name of a [`Trigger`](super::triggers::Trigger). `new` makes the instance. `work` invokes the
    /// instance. It is called with turn 0 for the first invocation, then with turn 1 for the invocation of the warm
    /// instance. A route under `/api` is called once more, to check that it records its caller.
    pub(super) async fn measure<T>(
        &self,
        trigger: &'static str,
        label: &str,
        new: impl Fn(&Parts) -> T,
        work: impl AsyncFn(&Self, &T, usize),
    ) {
        self.measured.borrow_mut().insert(trigger);
        let instance = new(&self.parts);
        self.cloud.ledger.open();
        work(self, &instance, 0).await;
        let first = self.cloud.ledger.close();
        self.cloud.ledger.open();
        work(self, &instance, 1).await;
        let warm = self.cloud.ledger.close();
        if trigger.contains(" /api/") {
            self.delete_profile(SARAH);
            work(self, &new(&self.parts), 1).await;
            assert!(
                self.profile(SARAH).is_some(),
                "{trigger} does not record its caller: its handler must call `Chat::record_profile`"
            );
        }
        self.lines.borrow_mut().push(Line { label: label.to_owned(), first: (first.read, first.write), warm });
    }

    fn profile(&self, user: &str) -> Option<Value> {
        stream::row(&self.cloud.database, &profile_key(user))
    }

    fn delete_profile(&self, user: &str) {
        let request = json!({"TableName": CHAT, "Key": profile_key(user)}).to_string();
        assert_eq!(engine::apply(&self.cloud.database, "DeleteItem", request.as_bytes()).0, 200);
    }

    /// Returns the lines of the costs table, and the names of the triggers that were measured.
    pub(super) fn finish(self) -> (Vec<Line>, BTreeSet<&'static str>) {
        assert_eq!(self.cloud.denied(), BTreeSet::new(), "template.yaml does not allow these calls");
        (self.lines.into_inner(), self.measured.into_inner())
    }

    /// Creates a thread with Sarah, Michael and the user `other` as members. Returns the thread's ID.
    pub(super) async fn create_thread(&self, other: &str) -> String {
        make_known(&self.parts.unrestricted_chat(), &[other, MICHAEL]).await;
        let call = request(SARAH, &json!({"memberIds": [other, MICHAEL]}));
        text(&answer(threads_create::handle(&self.parts.threads_create(), call)).await, "id")
    }

    /// Opens the socket `id` for a user with a new ticket, and subscribes it to `channels`.
    pub(super) async fn open_socket(&self, id: &str, user: &str, channels: &[&str]) {
        let ticket = answer(ws_ticket::handle(&self.parts.ws_ticket(), request(user, &Value::Null))).await;
        let event = socket_event(id, "CONNECT", |event| {
            event.query_string_parameters = HashMap::from([("ticket".to_owned(), text(&ticket, "ticket"))]).into();
        });
        assert_eq!(ws_connect::handle(&self.parts.ws_connect(), event).await.unwrap().status_code, 200);
        self.sockets.borrow_mut().push(self.cloud.gateway.open(id));
        for channel in channels {
            ws_message::handle(&self.parts.ws_message(), frame(id, "subscribe", channel)).await.unwrap();
        }
    }

    /// Reads the fixture's thread.
    pub(super) async fn thread(&self) -> Thread {
        let call = self.thread_request(&[], &Value::Null);
        parse(&answer(threads_get::handle(&self.parts.threads_get(), call)).await)
    }

    /// Returns the name of the channel of the fixture's thread.
    pub(super) fn channel(&self) -> String {
        format!("thread:{}", self.thread)
    }

    /// Returns a request of Sarah's for a route of the fixture's thread.
    pub(super) fn thread_request(&self, query: &[(&str, &str)], body: &Value) -> Call {
        call(SARAH, ("threadId", &self.thread), query, None, body)
    }

    /// Creates a file of Sarah's and uploads a photo for it. Returns the file's ID.
    pub(super) async fn upload(&self) -> String {
        let call = request(SARAH, &json!({"filename": "cake.gif", "mimetype": "image/gif", "size": PICTURE.len()}));
        let created = answer(files_create::handle(&self.parts.files_create(), call)).await;
        let file = text(&created["file"], "id");
        self.cloud.put_object(&format!("uploads/{file}"), Bytes::from_static(PICTURE));
        file
    }

    /// Returns the stream records of the changes since the last call of this method.
    pub(super) fn stream_records(&self) -> Vec<Value> {
        let mut records = Vec::new();
        while let Ok(consequence) = self.consequences.borrow_mut().try_recv() {
            if let Consequence::Changed(record) = consequence {
                records.push(record);
            }
        }
        records
    }
}

/// Returns a frame of a client on the socket `id`.
pub(super) fn frame(id: &str, action: &str, channel: &str) -> SocketEvent {
    let frame = json!({"action": action, "channel": channel});
    socket_event(id, "MESSAGE", |event| event.body = Some(frame.to_string()))
}

/// A line of the costs table.
pub(super) struct Line {
    pub(super) label: String,
    /// Read and write units of an instance's first invocation.
    first: (f64, f64),
    /// Cost of an invocation of a warm instance.
    pub(super) warm: Cost,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, first, warm: Cost { calls, read, write, other } } = self;
        let first = if *first == (*read, *write) { String::new() } else { format!("{}, {}", first.0, first.1) };
        write!(f, "| {label} | {calls} | {read} | {write} | {first} | {other} |")
    }
}

fn profile_key(user: &str) -> Value {
    json!({"pk": {"S": format!("USER#{user}")}, "sk": {"S": "PROFILE"}})
}

/// Returns a request of `user` for a route without path parameters.
pub(super) fn request(user: &str, body: &Value) -> Call {
    call(user, ("", ""), &[], None, body)
}

/// Returns the JSON body of a handler's answer. Panics if the handler failed.
pub(super) async fn answer(handled: impl Future<Output = Result<Answer, ApiError>>) -> Value {
    serde_json::from_slice(handled.await.unwrap().body()).unwrap_or_default()
}

pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

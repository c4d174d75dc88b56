//! The users and the thread for which costs are measured, and the table of the measured costs.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use contract::ApiError;
use runtime::{Answer, Call};
use serde_json::{Value, json};
use testkit::make_known;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::cloud::{Cloud, Consequence};
use crate::parts::Parts;
use crate::sender::PICTURE;
use crate::world::call;

pub(super) const SARAH: &str = "user-sarah";
pub(super) const DAD: &str = "user-dad";
pub(super) const MICHAEL: &str = "user-michael";

/// A thread with Sarah, Dad and Michael as members, and the lines of the costs table so far.
pub(super) struct Fixture {
    pub(super) cloud: Arc<Cloud>,
    pub(super) parts: Parts,
    /// ID of the thread that all three users belong to.
    pub(super) thread: String,
    consequences: UnboundedReceiver<Consequence>,
    table: RefCell<String>,
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
            consequences,
            table: RefCell::default(),
            measured: RefCell::default(),
        };
        fixture.thread = fixture.create_thread(DAD).await;
        fixture
    }

    /// Adds a line to the costs table: what `trigger` costs on a warm instance and at an instance's first invocation.
    ///
    /// `trigger` is the name of a [`Trigger`](super::triggers::Trigger). `new` makes the instance. `work` invokes the
    /// instance. It is called with turn 0 for the first invocation, then with turn 1 for the invocation of the warm
    /// instance.
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
        assert!(
            !trigger.contains(" /api/") || first.write > warm.write,
            "{trigger} does not record its caller: its handler must call `Chat::record_profile`, which writes at the \
             first invocation of an instance"
        );
        let (calls, other) = (warm.calls, warm.other);
        let first = if (first.read, first.write) == (warm.read, warm.write) {
            String::new()
        } else {
            format!("{}, {}", first.read, first.write)
        };
        writeln!(self.table.borrow_mut(), "| {label} | {calls} | {} | {} | {first} | {other} |", warm.read, warm.write)
            .unwrap();
    }

    /// Returns the lines of the costs table, and the names of the triggers that were measured.
    pub(super) fn finish(self) -> (String, BTreeSet<&'static str>) {
        assert_eq!(self.cloud.denied(), BTreeSet::new(), "template.yaml does not allow these calls");
        (self.table.into_inner(), self.measured.into_inner())
    }

    /// Creates a thread with Sarah, Michael and the user `other` as members. Returns the thread's ID.
    pub(super) async fn create_thread(&self, other: &str) -> String {
        make_known(&self.parts.unrestricted_chat(), &[other, MICHAEL]).await;
        let call = request(SARAH, &json!({"memberIds": [other, MICHAEL]}));
        text(&answer(threads_create::handle(&self.parts.threads_create(), call)).await, "id")
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

    /// Returns the messages that were committed since the last call of this method: their rows, as stream records
    /// contain them (`NewImage`).
    pub(super) fn stream_images(&mut self) -> Vec<Value> {
        let mut images = Vec::new();
        while let Ok(consequence) = self.consequences.try_recv() {
            if let Consequence::Committed(image) = consequence {
                images.push(image);
            }
        }
        images
    }
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

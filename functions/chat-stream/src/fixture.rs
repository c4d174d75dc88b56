//! Fixture and helpers for the tests of chat-stream's modules.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{Channel, Thread, ThreadsQuery};
use serde_json::{Value, json};
use store::Change;
use testkit::{Management, Queue, Tables, caller, connect, links, new_thread, send_text};

use crate::{Deps, LIMITS, handle};

const RECORDS: &str = include_str!("../../../events/chat-stream.json");
const REPAIR: &str = include_str!("../../../events/chat-stream-repair.json");

/// A thread with Sarah and Dad as its members, and test versions of the services that chat-stream calls.
pub(crate) struct Fixture {
    pub(crate) tables: Tables,
    pub(crate) queue: Queue,
    pub(crate) management: Management,
    pub(crate) thread: Thread,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-sarah", "user-dad"]).await;
        Self { tables, queue: Queue::start().await, management: Management::start().await, thread }
    }

    /// Returns the dependencies of a new instance of chat-stream.
    pub(crate) fn deps(&self) -> Deps {
        Deps {
            chat: self.tables.chat(),
            push: self.management.push(self.tables.connections()).with_limits(LIMITS),
            repairs: self.queue.repairs(),
            notifications: Some(self.queue.notifications()),
            links: links(),
        }
    }

    /// Invokes chat-stream with `event`. Returns the IDs of the failed items. If the invocation fails, returns only the
    /// text of its error.
    async fn handle(&self, event: Value) -> Vec<String> {
        match handle(&self.deps(), serde_json::from_value(event).unwrap()).await {
            Ok(response) => response.failed().map(str::to_owned).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    /// Handles a batch of stream records. Returns the sequence numbers of the failed ones.
    pub(crate) async fn process_records(&self, records: Vec<Value>) -> Vec<String> {
        self.handle(json!({"Records": records})).await
    }

    /// Handles a message of the repair queue with the given body and the ID `m-1`. Returns the ID if the repair failed.
    pub(crate) async fn repair(&self, body: &Value) -> Vec<String> {
        let mut event: Value = serde_json::from_str(REPAIR).unwrap();
        event["Records"][0]["messageId"] = json!("m-1");
        event["Records"][0]["body"] = json!(body.to_string());
        self.handle(event).await
    }

    /// Commits a message of Sarah's without delivering it. Returns the message's stream record.
    pub(crate) async fn send_text(&self, body: &str) -> Value {
        let message = send_text(&self.tables.chat(), "user-sarah", &self.thread, body).await;
        message_record(&self.thread, message.seq)
    }

    /// Commits a message of Sarah's and records that it was delivered to all subscribers. Returns its stream record.
    pub(crate) async fn send_delivered(&self, body: &str) -> Value {
        let message = send_text(&self.tables.chat(), "user-sarah", &self.thread, body).await;
        self.tables.chat().record_delivery(&self.thread.id, message.seq, []).await.unwrap();
        message_record(&self.thread, message.seq)
    }

    /// Changes a message of the fixture's thread as `user`. Returns the stream record of the revision.
    pub(crate) async fn change(&self, user: &str, seq: u64, change: Change<'_>) -> Value {
        let message = testkit::change(&self.tables.chat(), user, &self.thread, seq, change).await;
        revision_record(&self.thread, message.rev)
    }

    /// Opens a connection for Sarah and subscribes it to the fixture's thread.
    pub(crate) async fn subscribe(&self, connection: &str) {
        let connection = connect(&self.tables.connections(), "user-sarah", connection).await;
        let channel = Channel::Thread(self.thread.id.clone());
        self.tables.connections().subscribe(&connection, &channel).await.unwrap();
    }

    /// Opens a connection of a user and subscribes it to their inbox. With `viewing`, subscribes it to the fixture's
    /// thread, too.
    pub(crate) async fn open_inbox(&self, user: &str, connection: &str, viewing: bool) {
        let connections = self.tables.connections();
        let connection = connect(&connections, user, connection).await;
        connections.open_inbox(&connection).await.unwrap();
        if viewing {
            connections.subscribe(&connection, &Channel::Thread(self.thread.id.clone())).await.unwrap();
        }
    }

    /// Makes the subscriptions to the fixture's thread look a minute older.
    pub(crate) async fn make_subscriptions_older(&self) {
        let Tables { client, connections, .. } = &self.tables;
        let pk = AttributeValue::S(format!("CHANNEL#thread:{}", self.thread.id));
        let query = client.query().table_name(connections).key_condition_expression("pk = :pk");
        let rows = query.expression_attribute_values(":pk", pk).send().await.unwrap();
        for row in rows.items() {
            let update = client.update_item().table_name(connections);
            let update = update.key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
            let update = update.update_expression("SET subscribedAt = subscribedAt - :minute");
            update.expression_attribute_values(":minute", AttributeValue::N("60".into())).send().await.unwrap();
        }
    }

    /// Writes a row of the `Chat` table with the given attributes. Replaces an existing row with this key.
    pub(crate) async fn put_chat_row(&self, pk: &str, sk: &str, attributes: &[(&str, AttributeValue)]) {
        let put = self.tables.client.put_item().table_name(&self.tables.chat);
        let put = put.item("pk", AttributeValue::S(pk.into())).item("sk", AttributeValue::S(sk.into()));
        let put = attributes.iter().fold(put, |put, (name, value)| put.item(*name, value.clone()));
        put.send().await.unwrap();
    }

    /// Returns the bodies of the messages that were pushed to `connection` with `message:new`.
    pub(crate) fn received(&self, connection: &str) -> Vec<String> {
        let frames = self.events(connection, "message:new").into_iter();
        frames.map(|data| data["message"]["body"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the data of the `event` frames that were pushed to `connection`.
    pub(crate) fn events(&self, connection: &str, event: &str) -> Vec<Value> {
        let frames = self.management.frames(connection).into_iter();
        frames.filter(|frame| frame["event"] == event).map(|mut frame| frame["data"].take()).collect()
    }

    /// Returns the fixture's thread as it is in the user's list of threads.
    pub(crate) async fn listed(&self, user: &str) -> Value {
        let query = ThreadsQuery::parse(None, None, None).unwrap();
        let page = self.tables.chat().threads(&caller(user).id, &query).await.unwrap();
        serde_json::to_value(page).unwrap()["threads"][0].take()
    }

    /// Returns the body of the last message that the list of threads shows for the fixture's thread.
    pub(crate) async fn last_body(&self) -> Value {
        self.listed("user-sarah").await["lastMessage"]["body"].clone()
    }
}

/// Returns a stream record of message number `seq` in `thread`, made from the first record of the sample event. The
/// image in the record has a different text than the message's row, so that tests notice if chat-stream uses the image.
pub(crate) fn message_record(thread: &Thread, seq: u64) -> Value {
    record(&format!("THREAD#{}", thread.id), &format!("MSG#{seq:020}"), &json!({"body": {"S": "from the image"}}))
}

/// Returns the stream record of a revision.
pub(crate) fn revision_record(thread: &Thread, rev: u64) -> Value {
    record(&format!("THREAD#{}", thread.id), &format!("REV#{rev:020}"), &json!({}))
}

/// Returns the stream record of a membership. `changed` says what has changed: `read`, `settings` or `sent`.
pub(crate) fn membership_record(thread: &Thread, user: &str, changed: &str) -> Value {
    record(&format!("USER#{user}"), &format!("THREAD#{}", thread.id), &json!({"changed": {"S": changed}}))
}

/// Returns the stream record of a new thread.
pub(crate) fn thread_record(thread: &Thread) -> Value {
    record(&format!("THREAD#{}", thread.id), "META", &json!({}))
}

/// Returns the stream record of a row. Its sequence number is the row's key, so that tests can tell which record failed.
pub(crate) fn record(pk: &str, sk: &str, image: &Value) -> Value {
    let mut record = serde_json::from_str::<Value>(RECORDS).unwrap()["Records"][0].take();
    record["dynamodb"]["Keys"] = json!({"pk": {"S": pk}, "sk": {"S": sk}});
    record["dynamodb"]["NewImage"] = image.clone();
    record["dynamodb"]["SequenceNumber"] = json!(format!("{pk}/{sk}"));
    record
}

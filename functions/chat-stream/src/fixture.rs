//! Fixture and helpers for the tests of `records` and `repairs`, which handle chat-stream's two event sources.

use contract::{Channel, Thread, ThreadsQuery};
use serde_json::{Value, json};
use testkit::{Management, Queue, Tables, caller, connect, links, new_thread, send_text};

use crate::{Deps, LIMITS, handle};

const RECORDS: &str = include_str!("../../../events/chat-stream.json");
const REPAIR: &str = include_str!("../../../events/chat-stream-repair.json");

/// A thread with Sarah as its only member, and test versions of the services that chat-stream calls.
pub(crate) struct Fixture {
    pub(crate) tables: Tables,
    pub(crate) queue: Queue,
    pub(crate) management: Management,
    pub(crate) thread: Thread,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-sarah"]).await;
        Self { tables, queue: Queue::start().await, management: Management::start().await, thread }
    }

    /// Invokes chat-stream with `event`. Returns the IDs of the failed items. If the invocation fails, returns only the
    /// text of its error.
    async fn handle(&self, event: Value) -> Vec<String> {
        let deps = Deps {
            chat: self.tables.chat(),
            push: self.management.push(self.tables.connections()).with_limits(LIMITS),
            repairs: self.queue.repairs(),
            links: links(),
        };
        match handle(&deps, serde_json::from_value(event).unwrap()).await {
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
        record(&self.thread, message.seq)
    }

    /// Opens a connection for Sarah and subscribes it to the fixture's thread.
    pub(crate) async fn subscribe(&self, connection: &str) {
        let connection = connect(&self.tables.connections(), "user-sarah", connection).await;
        let channel = Channel::Thread(self.thread.id.clone());
        self.tables.connections().subscribe(&connection, &channel).await.unwrap();
    }

    /// Returns the bodies of the messages that were pushed to `connection`.
    pub(crate) fn received(&self, connection: &str) -> Vec<String> {
        let frames = self.management.frames(connection);
        frames.iter().map(|frame| frame["data"]["message"]["body"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the body of the last message that the list of threads shows for the fixture's thread.
    pub(crate) async fn last_body(&self) -> Value {
        let query = ThreadsQuery::parse(None, None, None).unwrap();
        let page = self.tables.chat().threads(&caller("user-sarah").id, &query).await.unwrap();
        serde_json::to_value(page).unwrap()["threads"][0]["lastMessage"]["body"].clone()
    }
}

/// Returns a stream record of message number `seq` in `thread`, made from the first record of the sample event.
pub(crate) fn record(thread: &Thread, seq: u64) -> Value {
    let mut record = serde_json::from_str::<Value>(RECORDS).unwrap()["Records"][0].take();
    record["dynamodb"]["Keys"]["pk"]["S"] = json!(format!("THREAD#{}", thread.id));
    record["dynamodb"]["Keys"]["sk"]["S"] = json!(format!("MSG#{seq:020}"));
    record["dynamodb"]["NewImage"]["threadId"]["S"] = json!(thread.id);
    record["dynamodb"]["NewImage"]["seq"]["N"] = json!(seq.to_string());
    record["dynamodb"]["NewImage"]["body"]["S"] = json!(format!("message {seq}"));
    record["dynamodb"]["SequenceNumber"] = json!(format!("{}/{seq}", thread.id));
    record
}

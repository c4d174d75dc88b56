//! Follows the messages that are committed: keeps each thread's `lastSeq`, `lastMessage` and `updatedAt`, and has
//! everybody reached whom the sender has left over.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::dynamodb;
use aws_lambda_events::sqs::SqsEvent;
use contract::{ApiError, Channel, ThreadId, message_new_frame};
use futures::future::{join_all, try_join_all};
use push::{Limits, Push, Repair, Repairs};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use store::{Chat, Error, Links, MessageRow, Undelivered};
use tracing::{error, warn};

/// How long a repair may take. Nobody waits for it.
pub const LIMITS: Limits = Limits { post: Duration::from_secs(2), overall: Duration::from_secs(10) };

/// What the function is invoked with.
pub enum Event {
    /// Messages were committed.
    Committed(dynamodb::Event),
    /// Messages are to be delivered once more.
    Repairs(SqsEvent),
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        match event["Records"][0]["eventSource"].as_str() {
            Some("aws:dynamodb") => serde_json::from_value(event).map(Self::Committed),
            Some("aws:sqs") => serde_json::from_value(event).map(Self::Repairs),
            _ => return Err(D::Error::custom("an event of neither DynamoDB nor SQS")),
        }
        .map_err(D::Error::custom)
    }
}

/// The records or messages that are to come again: Lambda's answer for streams and queues alike.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl Failures {
    fn of(identifiers: impl IntoIterator<Item = String>) -> Self {
        let failures = identifiers.into_iter().map(|item_identifier| Failure { item_identifier });
        Self { batch_item_failures: failures.collect() }
    }

    /// Which they are.
    pub fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str())
    }
}

/// A message of the stream, and its record's number.
struct Committed {
    message: MessageRow,
    sequence_number: String,
    record: dynamodb::EventRecord,
}

/// What it takes to follow messages.
pub struct Outbox {
    /// Where messages and threads are.
    pub chat: Chat,
    /// To whoever hears them.
    pub push: Push,
    /// For messages that have not reached everybody, and for what nobody can handle.
    pub repairs: Repairs,
    /// What the URLs of their files are signed with.
    pub links: Links,
}

impl Outbox {
    /// Does what there is to do for each record, which may be repeated. Returns those that have to come again; where that is
    /// all of the stream's, it is an error, which shows in the function's metrics.
    pub async fn handle(&self, event: Event) -> Result<Failures, ApiError> {
        match event {
            Event::Committed(event) => self.follow(event).await,
            Event::Repairs(event) => {
                let repaired = join_all(event.records.into_iter().map(|message| async move {
                    let failed = self.repair(message.body.as_deref().unwrap_or_default()).await.err()?;
                    warn!(message = message.message_id, error = %failed, "a message has not reached everybody");
                    Some(message.message_id.unwrap_or_default())
                }));
                Ok(Failures::of(repaired.await.into_iter().flatten()))
            }
        }
    }

    /// Advances every thread in the batch, one write for each, and asks for the repair of what is still marked. What can
    /// never be handled is put aside at once, so that it holds nobody up.
    async fn follow(&self, event: dynamodb::Event) -> Result<Failures, ApiError> {
        let (all, mut failed, mut cause) = (event.records.len(), Vec::new(), None);
        let mut threads: BTreeMap<ThreadId, Vec<Committed>> = BTreeMap::new();
        for record in event.records {
            let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
            match serde_dynamo::from_item::<_, MessageRow>(record.change.new_image.clone()) {
                Ok(message) => {
                    let committed = Committed { message, sequence_number, record };
                    threads.entry(committed.message.thread_id.clone()).or_default().push(committed);
                }
                Err(error) => {
                    warn!(sequence_number, keys = ?record.change.keys, %error, "a record of the stream is no message");
                    if let Err(error) = self.send_to_dead_letters(&record).await {
                        failed.push(sequence_number);
                        cause = Some(error);
                    }
                }
            }
        }
        let followed = join_all(threads.into_values().map(|messages| async move {
            let error = self.follow_thread(&messages).await.err()?;
            let thread = messages.first().map(|committed| committed.message.thread_id.to_string());
            warn!(thread, %error, "a thread could not be followed");
            // All of the thread's records, so that the retry starts at the first of them.
            Some((messages.into_iter().map(|committed| committed.sequence_number), error))
        }));
        for (sequence_numbers, error) in followed.await.into_iter().flatten() {
            failed.extend(sequence_numbers);
            cause = Some(error);
        }
        match cause {
            Some(cause) if failed.len() == all => {
                Err(ApiError::Unavailable(format!("none of {all} records could be followed: {cause}")))
            }
            _ => Ok(Failures::of(failed)),
        }
    }

    async fn follow_thread(&self, messages: &[Committed]) -> Result<(), ApiError> {
        let Some(newest) = messages.iter().map(|committed| &committed.message).max_by_key(|message| message.seq) else {
            return Ok(());
        };
        match self.chat.advance_projection(newest).await {
            Err(error @ Error::MissingRow(_)) => {
                warn!(%error, "a message of no thread");
                for committed in messages {
                    self.send_to_dead_letters(&committed.record).await?;
                }
                return Ok(());
            }
            advanced => advanced?,
        };
        let known: Vec<_> = messages.iter().map(|c| (c.message.thread_id.clone(), c.message.seq)).collect();
        let asked =
            self.chat.undelivered_messages(&known).await?.into_iter().map(|row| async move {
                self.repairs.request(&Repair { thread_id: row.thread_id, seq: row.seq }).await
            });
        try_join_all(asked).await.map(drop)
    }

    async fn send_to_dead_letters(&self, record: &dynamodb::EventRecord) -> Result<(), ApiError> {
        self.repairs
            .send_to_dead_letters(record)
            .await
            .inspect_err(|error| error!(%error, "a record could not be put aside"))
    }

    /// Delivers a message to whoever is left over; an error while somebody is.
    async fn repair(&self, body: &str) -> Result<(), ApiError> {
        let Repair { thread_id, seq } = serde_json::from_str(body)?;
        for row in self.chat.undelivered_messages(&[(thread_id.clone(), seq)]).await? {
            let left = row.undelivered();
            let frame = message_new_frame(self.chat.present_message(row, &self.links).await?)?;
            let wanted = |id: &_| !matches!(&left, Some(Undelivered::Connections(ids)) if !ids.contains(id));
            let channel = [Channel::Thread(thread_id.clone())];
            let delivery = self.push.deliver_where(&channel, &frame, wanted).await?;
            self.chat.record_delivery(&thread_id, seq, &delivery.undelivered).await?;
            if !delivery.undelivered.is_empty() {
                return Err(ApiError::Unavailable(format!("{} connections are left over", delivery.undelivered.len())));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use contract::{ConnectionId, Thread, ThreadsQuery};
    use futures::stream::{self, StreamExt as _};
    use serde_json::json;
    use testkit::{Fault, Management, Queue, Tables, caller, connect, links, new_thread, send_text};

    use super::*;

    const EVENT: &str = include_str!("../../../events/chat-stream.json");

    struct Fixture {
        tables: Tables,
        queue: Queue,
        management: Management,
        thread: Thread,
    }

    impl Fixture {
        async fn new() -> Self {
            let tables = Tables::create().await;
            let thread = new_thread(&tables.chat(), &["user-sarah"]).await;
            Self { tables, queue: Queue::start().await, management: Management::start().await, thread }
        }

        async fn handle(&self, event: Value) -> Vec<String> {
            let outbox = Outbox {
                chat: self.tables.chat(),
                push: self.management.push(self.tables.connections()).with_limits(LIMITS),
                repairs: self.queue.repairs(),
                links: links(),
            };
            match outbox.handle(serde_json::from_value(event).unwrap()).await {
                Ok(failures) => failures.identifiers().map(str::to_owned).collect(),
                Err(error) => vec![error.to_string()],
            }
        }

        async fn follow(&self, records: Vec<Value>) -> Vec<String> {
            self.handle(json!({"Records": records})).await
        }

        async fn repair(&self, body: &Value) -> Vec<String> {
            let mut event: Value =
                serde_json::from_str(include_str!("../../../events/chat-stream-repair.json")).unwrap();
            event["Records"][0]["messageId"] = json!("m-1");
            event["Records"][0]["body"] = json!(body.to_string());
            self.handle(event).await
        }

        /// A message that its sender commits and pushes to nobody.
        async fn send_text(&self, body: &str) -> Value {
            let message = send_text(&self.tables.chat(), "user-sarah", &self.thread, body).await;
            record(&self.thread, message.seq)
        }

        async fn listen(&self, connection: &str) {
            let connection = connect(&self.tables.connections(), "user-sarah", connection).await;
            let channel = Channel::Thread(self.thread.id.clone());
            self.tables.connections().subscribe(&connection, &channel).await.unwrap();
        }

        /// Bodies of the messages that `connection` was pushed.
        fn heard(&self, connection: &str) -> Vec<String> {
            let frames = self.management.frames(connection);
            frames.iter().map(|frame| frame["data"]["message"]["body"].as_str().unwrap().to_owned()).collect()
        }

        /// Body of the last message of Sarah's only thread, as the list of threads shows it.
        async fn last(&self) -> Value {
            let query = ThreadsQuery::parse(None, None).unwrap();
            let page = self.tables.chat().threads(&caller("user-sarah").id, &query, &links()).await.unwrap();
            serde_json::to_value(page).unwrap()["threads"][0]["lastMessage"]["body"].clone()
        }
    }

    /// The sample's first record, as the record of message `seq` of `thread`.
    fn record(thread: &Thread, seq: u64) -> Value {
        let mut record = serde_json::from_str::<Value>(EVENT).unwrap()["Records"][0].take();
        record["dynamodb"]["NewImage"]["threadId"]["S"] = json!(thread.id);
        record["dynamodb"]["NewImage"]["seq"]["N"] = json!(seq.to_string());
        record["dynamodb"]["NewImage"]["body"]["S"] = json!(format!("message {seq}"));
        record["dynamodb"]["SequenceNumber"] = json!(format!("{}/{seq}", thread.id));
        record
    }

    #[tokio::test]
    async fn the_projection_only_goes_forward_whatever_order_records_come_in() {
        let fixture = Fixture::new().await;
        let of = |seq| record(&fixture.thread, seq);
        assert_eq!(fixture.last().await, Value::Null);
        assert_eq!(fixture.follow(vec![of(2), of(3), of(1)]).await, [""; 0]);
        assert_eq!(fixture.last().await, "message 3");
        assert_eq!(fixture.follow(vec![of(2)]).await, [""; 0]);
        assert_eq!(fixture.last().await, "message 3");
    }

    #[tokio::test]
    async fn a_sent_message_reads_back_from_its_image() {
        let fixture = Fixture::new().await;
        fixture.send_text("hello").await;
        let item = fixture.tables.client.get_item().table_name(&fixture.tables.chat);
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let item = item.key("pk", key(&format!("THREAD#{}", fixture.thread.id)));
        let image = item.key("sk", key("MSG#00000000000000000001")).send().await.unwrap().item.unwrap();
        let row: MessageRow = serde_dynamo::aws_sdk_dynamodb_1::from_item(image).unwrap();
        assert_eq!((row.seq, row.body.as_str()), (1, "hello"));
        assert_eq!(row.undelivered(), Some(Undelivered::Everybody));
    }

    #[tokio::test]
    async fn what_can_never_be_handled_is_put_aside_and_holds_nobody_up() {
        let mut fixture = Fixture::new().await;
        let mut garbage = record(&fixture.thread, 2);
        garbage["dynamodb"]["NewImage"] = json!({"seq": {"S": "two"}});
        let gone = Thread { id: ThreadId::new(), ..fixture.thread.clone() };
        let records = || vec![record(&gone, 1), garbage.clone(), record(&fixture.thread, 3), record(&gone, 2)];
        assert_eq!(fixture.follow(records()).await, [""; 0]);
        assert_eq!(fixture.last().await, "message 3");
        let aside = fixture.queue.messages("dead-letters");
        let mut aside: Vec<_> = aside.iter().map(|record| record["dynamodb"]["SequenceNumber"].clone()).collect();
        aside.sort_unstable_by_key(Value::to_string);
        let mut expected = [format!("{}/1", gone.id), format!("{}/2", gone.id), format!("{}/2", fixture.thread.id)];
        expected.sort_unstable();
        assert_eq!(aside, expected);

        // Not even that: then they come again.
        let records = records();
        fixture.queue = fixture.queue.through(|_| Fault::Refuse("com.amazonaws.sqs#AccessDenied")).await;
        let mut failed = fixture.follow(records).await;
        failed.sort_unstable();
        assert_eq!(failed, expected);
        let failed = fixture.follow(vec![garbage]).await;
        assert!(failed[0].starts_with("none of 1 records could be followed: SQS: "), "{failed:?}");
    }

    #[tokio::test]
    async fn what_the_sender_has_not_delivered_is_delivered_once_more() {
        let fixture = Fixture::new().await;
        for connection in ["phone", "tablet"] {
            fixture.listen(connection).await;
        }
        // The sender has ended between the commit and the push of the one, and after that of the other.
        let (one, two) = (fixture.send_text("message 1").await, fixture.send_text("message 2").await);
        fixture.tables.chat().record_delivery(&fixture.thread.id, 2, []).await.unwrap();
        assert_eq!(fixture.follow(vec![one, two]).await, [""; 0]);
        let repair = json!({"threadId": fixture.thread.id, "seq": 1});
        assert_eq!(fixture.queue.messages("repairs"), std::slice::from_ref(&repair));
        assert_eq!(fixture.heard("phone"), [""; 0]);

        for _ in 0..2 {
            assert_eq!(fixture.repair(&repair).await, [""; 0]);
            assert_eq!(
                (fixture.heard("phone"), fixture.heard("tablet")),
                (vec!["message 1".into()], vec!["message 1".into()])
            );
        }
        let nowhere = json!({"threadId": fixture.thread.id, "seq": 3});
        assert_eq!(fixture.repair(&nowhere).await, [""; 0]);
        assert_eq!(fixture.repair(&json!("garbage")).await, ["m-1"]);
    }

    #[tokio::test]
    async fn a_thousand_are_reached_by_the_sender_and_its_repair() {
        let fixture = Fixture::new().await;
        let ids: Vec<_> = (0..1_000).map(|n| format!("c{n}")).collect();
        stream::iter(&ids).for_each_concurrent(16, |id| fixture.listen(id)).await;
        // 16 times 64 posts take 1.6 s, and the sender has one.
        fixture.management.delay(Duration::from_millis(100));
        fixture.send_text("message 1").await;
        let hurried = Limits { post: Duration::from_secs(2), overall: Duration::from_secs(1) };
        let push = fixture.management.push(fixture.tables.connections()).with_limits(hurried);
        let channel = [Channel::Thread(fixture.thread.id.clone())];
        let row =
            fixture.tables.chat().undelivered_messages(&[(fixture.thread.id.clone(), 1)]).await.unwrap().remove(0);
        let frame = message_new_frame(fixture.tables.chat().present_message(row, &links()).await.unwrap()).unwrap();
        let left = push.deliver(&channel, &frame).await.unwrap().undelivered;
        assert!(!left.is_empty());
        fixture.tables.chat().record_delivery(&fixture.thread.id, 1, &left).await.unwrap();

        // On a slow machine, it takes more than one; the queue brings it 30 times.
        let mut receipts = 1..=30;
        while !fixture.repair(&json!({"threadId": fixture.thread.id, "seq": 1})).await.is_empty() {
            assert!(receipts.next().is_some(), "no repair reaches everybody");
        }
        let unheard = ids.iter().filter(|id| fixture.heard(id).is_empty()).count();
        assert_eq!(unheard, 0);
    }

    #[tokio::test]
    async fn who_was_left_over_is_tried_again_alone_until_reached() {
        let fixture = Fixture::new().await;
        for connection in ["phone", "tablet"] {
            fixture.listen(connection).await;
        }
        fixture.send_text("message 1").await;
        let (tablet, repair) = (ConnectionId::new("tablet"), json!({"threadId": fixture.thread.id, "seq": 1}));
        fixture.management.answer("tablet", 403);
        assert_eq!(fixture.repair(&repair).await, ["m-1"]);
        let left = fixture.tables.chat().undelivered_messages(&[(fixture.thread.id.clone(), 1)]).await.unwrap();
        assert_eq!(left[0].undelivered(), Some(Undelivered::Connections([tablet].into())));

        fixture.listen("late").await;
        fixture.management.answer("tablet", 200);
        assert_eq!(fixture.repair(&repair).await, [""; 0]);
        assert_eq!(fixture.heard("phone").len(), 1);
        assert_eq!(fixture.heard("tablet").len(), 1);
        assert_eq!(fixture.heard("late").len(), 0);
    }
}

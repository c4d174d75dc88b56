//! Handles stream records of the `Chat` table. Each names a row: a new message, a new revision, a new thread, or a changed
//! membership.

use std::collections::BTreeMap;

use aws_lambda_events::dynamodb;
use contract::{ApiError, ThreadId};
use futures::future::{join_all, try_join_all};
use push::{Announcement, DeadLetter};
use serde::Deserialize;
use store::{ChangedRow, MembershipChange};
use tracing::{error, warn};

use crate::announcements::{Content, announce};
use crate::changes::process_changes;
use crate::messages::process_messages;
use crate::{BatchResponse, Deps};

/// A stream record: the key of the changed row, and the record's position in the stream.
struct Record {
    key: DeadLetter,
    sequence_number: String,
}

/// The work that a stream record requires. The records of a batch that require the same work are processed together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// Process the new messages of a thread.
    Messages(ThreadId),
    /// Process the changes to a thread's messages.
    Changes(ThreadId),
    Announce(Announcement),
    /// Do nothing. The membership has changed because its member sent a message or was notified of one, and the message
    /// is announced by its own record.
    Nothing,
    /// Send the key to the dead-letter queue, because the record can never be processed.
    DeadLetter,
}

/// The attribute of a membership's stream image that says what has changed. The new values are read from the row.
#[derive(Deserialize)]
struct ChangedMembership {
    changed: MembershipChange,
}

/// Handles a batch of stream records. Groups the records by the work that they require, and processes the groups at the
/// same time.
///
/// The key of a record that can never be processed is sent to the dead-letter queue at once. Otherwise Lambda would
/// retry the record and hold back the records after it.
pub(crate) async fn handle_records(deps: &Deps, event: dynamodb::Event) -> Result<BatchResponse, ApiError> {
    let (total, mut failed, mut cause) = (event.records.len(), Vec::new(), None);
    let mut groups: BTreeMap<Work, Vec<Record>> = BTreeMap::new();
    for record in event.records {
        let sequence_number = record.change.sequence_number.unwrap_or_default();
        let key = serde_dynamo::from_item::<_, DeadLetter>(record.change.keys)
            .map_err(|error| ApiError::Internal(format!("stream record {sequence_number} has no key: {error}")))?;
        let work = work(&key, record.change.new_image);
        groups.entry(work).or_default().push(Record { key, sequence_number });
    }
    let processed = join_all(groups.into_iter().map(|(work, records)| async move {
        let error = process(deps, work, &records).await.err()?;
        warn!(records = records.len(), %error, "processing stream records failed; Lambda will deliver them again");
        // Lambda retries from the first failed record. Every record of the group is reported as failed, so that the
        // retry includes all of them.
        Some((records.into_iter().map(|record| record.sequence_number), error))
    }));
    for (sequence_numbers, error) in processed.await.into_iter().flatten() {
        failed.extend(sequence_numbers);
        cause = Some(error);
    }
    match cause {
        Some(cause) if failed.len() == total => {
            Err(ApiError::Unavailable(format!("all {total} stream records failed, the last one with: {cause}")))
        }
        _ => Ok(BatchResponse::with_failures(failed)),
    }
}

fn work(key: &DeadLetter, image: serde_dynamo::Item) -> Work {
    match ChangedRow::of_key(&key.pk, &key.sk) {
        Some(ChangedRow::Message { thread_id, .. }) => Work::Messages(thread_id),
        Some(ChangedRow::Revision { thread_id, .. }) => Work::Changes(thread_id),
        Some(ChangedRow::Thread(thread_id)) => Work::Announce(Announcement::ThreadNew { thread_id }),
        Some(ChangedRow::Membership { user_id, thread_id }) => {
            match serde_dynamo::from_item(image).map(|ChangedMembership { changed }| changed) {
                Ok(MembershipChange::Read) => Work::Announce(Announcement::ReadUpdated { thread_id, user_id }),
                Ok(MembershipChange::Settings) => Work::Announce(Announcement::ThreadSettings { thread_id, user_id }),
                Ok(MembershipChange::Sent | MembershipChange::Notified) => Work::Nothing,
                Err(_) => Work::DeadLetter,
            }
        }
        None => Work::DeadLetter,
    }
}

async fn process(deps: &Deps, work: Work, records: &[Record]) -> Result<(), ApiError> {
    match work {
        Work::Messages(thread) => {
            let numbers: Vec<_> = records.iter().filter_map(number).collect();
            let invalid = process_messages(deps, &thread, &numbers).await?;
            send_invalid(deps, records, &invalid).await
        }
        Work::Changes(thread) => {
            let numbers: Vec<_> = records.iter().filter_map(number).collect();
            let invalid = process_changes(deps, &thread, &numbers).await?;
            send_invalid(deps, records, &invalid).await
        }
        Work::Announce(announcement) => {
            let content = Content::read(deps, &announcement);
            announce(deps, announcement.clone(), content, |_| true).await
        }
        Work::Nothing => Ok(()),
        Work::DeadLetter => {
            let keys: Vec<_> = records.iter().map(|record| &record.key).collect();
            warn!(?keys, "changed rows are not of a known kind; their keys go to the dead-letter queue");
            try_join_all(keys.into_iter().map(|key| send_to_dead_letters(deps, key))).await.map(drop)
        }
    }
}

/// Returns the number of a record's message or revision in its thread.
fn number(record: &Record) -> Option<u64> {
    match ChangedRow::of_key(&record.key.pk, &record.key.sk)? {
        ChangedRow::Message { seq, .. } => Some(seq),
        ChangedRow::Revision { rev, .. } => Some(rev),
        ChangedRow::Thread(_) | ChangedRow::Membership { .. } => None,
    }
}

/// Sends the keys of the records whose `seq` or revision is one of `invalid` to the dead-letter queue.
async fn send_invalid(deps: &Deps, records: &[Record], invalid: &[u64]) -> Result<(), ApiError> {
    let dead = records.iter().filter(|record| number(record).is_some_and(|number| invalid.contains(&number)));
    try_join_all(dead.map(|record| send_to_dead_letters(deps, &record.key))).await.map(drop)
}

async fn send_to_dead_letters(deps: &Deps, key: &DeadLetter) -> Result<(), ApiError> {
    deps.repairs.send_to_dead_letters(key).await.inspect_err(|error| {
        error!(%error, "sending a key to the dead-letter queue failed; Lambda will deliver the stream record again");
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use contract::Thread;
    use serde_json::{Value, json};
    use testkit::{Fault, caller, set_receipts};

    use super::*;
    use crate::fixture::{Fixture, membership_record, message_record, record, thread_record};

    #[tokio::test]
    async fn unprocessable_records_go_to_the_dead_letter_queue_and_block_nothing() {
        let mut fixture = Fixture::new().await;
        for n in 1..=3 {
            fixture.send_text(&format!("message {n}")).await;
        }
        // The row of message 2 is malformed, one thread is missing, and one row is of an unknown kind.
        let pk = format!("THREAD#{}", fixture.thread.id);
        let seq = [("seq", AttributeValue::S("two".into()))];
        fixture.put_chat_row(&pk, "MSG#00000000000000000002", &seq).await;
        let missing = Thread { id: ThreadId::new(), ..fixture.thread.clone() };
        let (malformed, unknown) = (message_record(&fixture.thread, 2), record("POISON", "1", &json!({})));
        let records = || {
            let (absent, good) = (message_record(&missing, 1), message_record(&fixture.thread, 3));
            vec![absent, malformed.clone(), good, message_record(&missing, 2), unknown.clone()]
        };
        assert_eq!(fixture.process_records(records()).await, [""; 0]);
        assert_eq!(fixture.last_body().await, "message 3");
        let key =
            |thread: &Thread, seq: u64| json!({"pk": format!("THREAD#{}", thread.id), "sk": format!("MSG#{seq:020}")});
        let mut dead_letters = fixture.queue.messages("dead-letters");
        let poison = json!({"pk": "POISON", "sk": "1"});
        let mut expected = [key(&missing, 1), key(&missing, 2), key(&fixture.thread, 2), poison];
        dead_letters.sort_unstable_by_key(Value::to_string);
        expected.sort_unstable_by_key(Value::to_string);
        assert_eq!(dead_letters, expected, "dead letters must contain keys and no message text");

        // If the dead-letter queue refuses the unprocessable records, they are reported as failed. So is message 3,
        // because Lambda repeats all records of a thread together.
        let records = records();
        fixture.queue = fixture.queue.through(|_| Fault::Refuse("com.amazonaws.sqs#AccessDenied")).await;
        let failed = fixture.process_records(records).await;
        assert!(failed[0].starts_with("all 5 stream records failed"), "{failed:?}");
    }

    #[tokio::test]
    async fn row_of_a_thread_that_is_no_thread_fails_only_its_own_records() {
        let fixture = Fixture::new().await;
        let orphan = Thread { id: ThreadId::new(), ..fixture.thread.clone() };
        let message = fixture.send_text("message 1").await;
        let mut row = fixture.tables.client.get_item().table_name(&fixture.tables.chat);
        for (name, sk) in [("pk", format!("THREAD#{}", fixture.thread.id)), ("sk", format!("MSG#{:020}", 1))] {
            row = row.key(name, AttributeValue::S(sk));
        }
        let mut row = row.send().await.unwrap().item.unwrap();
        row.retain(|name, _| name != "pk" && name != "sk");
        row.insert("threadId".into(), AttributeValue::S(orphan.id.to_string()));
        let attributes: Vec<_> = row.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        fixture.put_chat_row(&format!("THREAD#{}", orphan.id), "MSG#00000000000000000001", &attributes).await;
        assert_eq!(fixture.process_records(vec![message_record(&orphan, 1), message]).await, [""; 0]);
        assert_eq!(fixture.queue.messages("dead-letters").len(), 1);
        assert_eq!(fixture.last_body().await, "message 1");
    }

    #[tokio::test]
    async fn new_thread_is_announced_to_the_inboxes_of_its_members_only() {
        let fixture = Fixture::new().await;
        fixture.open_inbox("user-sarah", "phone", false).await;
        fixture.open_inbox("user-dad", "tablet", false).await;
        fixture.open_inbox("user-michael", "stranger", false).await;
        fixture.subscribe("without-inbox").await;
        assert_eq!(fixture.process_records(vec![thread_record(&fixture.thread)]).await, [""; 0]);
        for connection in ["phone", "tablet"] {
            let events = fixture.events(connection, "thread:new");
            assert_eq!(events.len(), 1, "{connection}");
            let thread = &events[0]["thread"];
            assert_eq!((&thread["id"], &thread["lastSeq"]), (&json!(fixture.thread.id), &json!(0)));
            assert_eq!(thread["memberIds"], json!(["user-sarah", "user-dad"]));
            assert_eq!(thread.get("readSeq"), None);
        }
        for connection in ["stranger", "without-inbox"] {
            assert!(fixture.management.frames(connection).is_empty(), "{connection}");
        }
    }

    #[tokio::test]
    async fn read_mark_is_announced_to_others_only_with_receipts() {
        let fixture = Fixture::new().await;
        let (chat, sarah) = (fixture.tables.chat(), caller("user-sarah"));
        fixture.send_text("message 1").await;
        fixture.subscribe("own-phone").await;
        fixture.open_inbox("user-sarah", "own-tablet", false).await;
        fixture.open_inbox("user-dad", "viewer", true).await;
        fixture.open_inbox("user-dad", "not-viewing", false).await;
        chat.mark_read(&sarah.id, &fixture.thread.id, 1).await.unwrap();
        let record = membership_record(&fixture.thread, "user-sarah", "read");
        assert_eq!(fixture.process_records(vec![record.clone(), record.clone()]).await, [""; 0]);
        let expected = json!({"threadId": fixture.thread.id, "userId": "user-sarah", "seq": 1});
        for connection in ["own-phone", "own-tablet", "viewer"] {
            assert_eq!(fixture.events(connection, "read:updated"), std::slice::from_ref(&expected), "{connection}");
        }
        assert!(fixture.management.frames("not-viewing").is_empty());

        set_receipts(&chat, &sarah.profile(), Some(false)).await.unwrap();
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        assert_eq!(fixture.events("own-tablet", "read:updated").len(), 2);
        assert_eq!(fixture.events("viewer", "read:updated").len(), 1);
    }

    #[tokio::test]
    async fn settings_are_announced_to_the_members_own_inboxes() {
        let fixture = Fixture::new().await;
        fixture.open_inbox("user-sarah", "own", true).await;
        fixture.open_inbox("user-dad", "other", true).await;
        let update = contract::UpdateSettings { archived: Some(true), muted_until: None };
        let sarah = caller("user-sarah").id;
        fixture.tables.chat().update_settings(&sarah, &fixture.thread.id, update).await.unwrap();
        let record = membership_record(&fixture.thread, "user-sarah", "settings");
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        let expected = json!({"threadId": fixture.thread.id, "archived": true, "mutedUntil": null});
        assert_eq!(fixture.events("own", "thread:settings"), [expected]);
        assert!(fixture.management.frames("other").is_empty());
    }

    #[tokio::test]
    async fn change_of_a_missing_row_announces_nothing() {
        let fixture = Fixture::new().await;
        fixture.open_inbox("user-sarah", "phone", true).await;
        let missing = Thread { id: ThreadId::new(), ..fixture.thread.clone() };
        let own = |changed| membership_record(&fixture.thread, "user-sarah", changed);
        let foreign = membership_record(&fixture.thread, "user-michael", "read");
        assert_eq!(fixture.process_records(vec![thread_record(&missing), foreign, own("sent")]).await, [""; 0]);
        assert!(fixture.management.frames("phone").is_empty());
        assert!(fixture.queue.messages("dead-letters").is_empty());
        assert_eq!(fixture.process_records(vec![own("renamed")]).await, [""; 0]);
        assert_eq!(fixture.queue.messages("dead-letters").len(), 1);
    }

    #[tokio::test]
    async fn announcement_that_fails_goes_to_the_repair_queue() {
        let mut fixture = Fixture::new().await;
        fixture.open_inbox("user-sarah", "phone", false).await;
        fixture.open_inbox("user-dad", "tablet", false).await;
        fixture.management.answer("tablet", 403);
        let record = thread_record(&fixture.thread);
        assert_eq!(fixture.process_records(vec![record.clone()]).await, [""; 0]);
        let announcement = json!({"event": "thread:new", "threadId": fixture.thread.id});
        let repair = json!({"announcement": announcement, "connections": ["tablet"]});
        assert_eq!(fixture.queue.messages("repairs"), [repair]);

        // If the audience cannot be read, a repair for the whole audience is requested.
        let tables = fixture.tables.through(|call| {
            if call.is("Query", "CHANNEL#") { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
        });
        fixture.tables = tables.await;
        assert_eq!(fixture.process_records(vec![record.clone()]).await, [""; 0]);
        let repair = json!({"announcement": announcement, "connections": null});
        assert_eq!(fixture.queue.messages("repairs").last(), Some(&repair));

        // If the repair queue refuses the request, the record is reported as failed, so that Lambda delivers it again.
        fixture.queue = fixture.queue.through(|_| Fault::Refuse("com.amazonaws.sqs#AccessDenied")).await;
        let failed = fixture.process_records(vec![record]).await;
        assert!(failed[0].starts_with("all 1 stream records failed"), "{failed:?}");
    }
}

//! Processes the new messages of a thread: moves the read marks of their authors, updates the projection, and pushes
//! `thread:updated` to the members' inboxes. Requests repairs of undelivered messages, and notifications.

use std::collections::BTreeMap;

use contract::{ApiError, Channel, ReadMark, ThreadId, UserId};
use futures::future::try_join_all;
use push::{Announcement, Repair, Target};
use store::{Error, MessageRow, ThreadRow};
use tracing::warn;

use crate::announcements::{Content, announce};
use crate::{Deps, notifications};

/// Seconds by which a subscription must be older than a message. Only then has the message's sender certainly found the
/// subscription and pushed the message to the connection, because the clocks of instances differ a little and the times
/// are rounded to whole seconds.
const MARGIN: i64 = 5;

/// Processes the messages with the numbers `seqs`. Returns the numbers that can never be processed, because the
/// message's row is missing or not valid, or the thread does not exist.
///
/// Fails only if rows could not be read or written, or a queue did not accept a request. A repeated call announces the
/// thread again, because the first call may have ended after it updated the projection and before it announced the
/// thread.
pub(crate) async fn process_messages(deps: &Deps, thread: &ThreadId, seqs: &[u64]) -> Result<Vec<u64>, ApiError> {
    let keys: Vec<_> = seqs.iter().map(|seq| (thread.clone(), *seq)).collect();
    let mut messages = BTreeMap::new();
    for row in deps.chat.message_rows(&keys).await? {
        match row {
            Ok(message) => _ = messages.insert(message.seq, message),
            Err(error) => warn!(%thread, %error, "a message's row is not valid; its key goes to the dead-letter queue"),
        }
    }
    let invalid = seqs.iter().filter(|seq| !messages.contains_key(seq)).copied().collect();
    let Some(newest) = messages.values().next_back() else { return Ok(invalid) };

    // The authors' read marks move before the projection, so that no list of threads counts a message as unread for its
    // author.
    let sent = sent(messages.values());
    try_join_all(sent.iter().map(|mark| deps.chat.record_sent(thread, mark))).await?;
    let row = match deps.chat.advance_projection(newest).await {
        Err(error @ Error::MissingRow(_)) => {
            warn!(%thread, %error, "messages reference a missing row; their keys go to the dead-letter queue");
            return Ok(seqs.to_vec());
        }
        advanced => advanced?,
    };
    // The undelivered flags were read before `announce_update` reads the audience. So a connection that gets no
    // `thread:updated`, because it is subscribed to the thread, has received the messages.
    let undelivered = messages.values().filter(|message| message.undelivered().is_some());
    let repairs = undelivered.map(|message| async {
        deps.repairs.request(&Repair::Message { thread_id: thread.clone(), seq: message.seq }).await
    });
    let notify = notifications::request(deps, &messages);
    futures::try_join!(try_join_all(repairs), announce_update(deps, row, &messages, sent), notify)?;
    Ok(invalid)
}

/// Returns the authors of `messages`, each with the `seq` of their last message.
fn sent<'a>(messages: impl Iterator<Item = &'a MessageRow>) -> Vec<ReadMark> {
    let mut last: BTreeMap<&UserId, u64> = BTreeMap::new();
    for message in messages {
        let seq = last.entry(&message.author_id).or_default();
        *seq = message.seq.max(*seq);
    }
    last.into_iter().map(|(user_id, seq)| ReadMark { user_id: user_id.clone(), seq }).collect()
}

/// Pushes `thread:updated` to the inboxes of the thread's members, except to connections that have received
/// `message:new` for all `messages`.
async fn announce_update(
    deps: &Deps,
    row: ThreadRow,
    messages: &BTreeMap<u64, MessageRow>,
    sent: Vec<ReadMark>,
) -> Result<(), ApiError> {
    let thread = Channel::Thread(row.id.clone());
    let announcement = Announcement::ThreadUpdated { thread_id: row.id.clone(), sent: sent.clone() };
    let content = async {
        let mut content = Content::of_update(&deps.chat, row, &sent).await?;
        // The thread's subscribers are read, too, to find those who have received the messages.
        content.channels.push(thread.clone());
        Ok(Some(content))
    };
    let latest = latest_subscription(messages);
    let keep = |target: &Target<'_>| !only_views(target, &thread) && !has_received(target, &thread, latest);
    announce(deps, announcement, content, keep).await
}

/// Returns whether a connection is subscribed to the thread's channel but not to its user's inbox.
fn only_views(target: &Target<'_>, thread: &Channel) -> bool {
    target.channels().all(|channel| channel == thread)
}

/// Returns a time in seconds since 1970. A connection that subscribed to the thread no later has certainly received
/// `message:new` for all `messages`. Returns `None` if one of the messages is undelivered.
fn latest_subscription(messages: &BTreeMap<u64, MessageRow>) -> Option<i64> {
    let delivered = messages.values().all(|message| message.undelivered().is_none());
    let oldest = messages.values().map(|message| message.created_at).min()?;
    delivered.then(|| oldest.seconds() - MARGIN)
}

/// Returns whether a connection has certainly received the messages, because it subscribed to the thread no later than
/// `latest`. Returns false if `latest` is `None`.
fn has_received(target: &Target<'_>, thread: &Channel, latest: Option<i64>) -> bool {
    target.subscription(thread).zip(latest).is_some_and(|(subscription, latest)| subscription.subscribed_at <= latest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::{Fault, new_file, send_with_files};

    use crate::fixture::{Fixture, message_record};

    #[tokio::test]
    async fn projection_never_goes_back_in_any_order_of_records() {
        let fixture = Fixture::new().await;
        for n in 1..=3 {
            fixture.send_text(&format!("message {n}")).await;
        }
        let record = |seq| message_record(&fixture.thread, seq);
        assert_eq!(fixture.last_body().await, Value::Null);
        assert_eq!(fixture.process_records(vec![record(2), record(1)]).await, [""; 0]);
        assert_eq!(fixture.last_body().await, "message 2");
        assert_eq!(fixture.process_records(vec![record(3)]).await, [""; 0]);
        assert_eq!(fixture.process_records(vec![record(2)]).await, [""; 0]);
        assert_eq!(fixture.last_body().await, "message 3");
    }

    #[tokio::test]
    async fn repair_is_requested_only_for_messages_that_are_still_undelivered() {
        let fixture = Fixture::new().await;
        let records = vec![fixture.send_text("message 1").await, fixture.send_delivered("message 2").await];
        assert_eq!(fixture.process_records(records).await, [""; 0]);
        let repair = json!({"threadId": fixture.thread.id, "seq": 1});
        assert_eq!(fixture.queue.messages("repairs"), [repair]);
    }

    #[tokio::test]
    async fn read_mark_of_the_author_moves_and_never_back() {
        let fixture = Fixture::new().await;
        for n in 1..=2 {
            fixture.send_text(&format!("message {n}")).await;
        }
        let record = |seq| message_record(&fixture.thread, seq);
        for seq in [2, 1] {
            assert_eq!(fixture.process_records(vec![record(seq)]).await, [""; 0]);
            let (author, other) = (fixture.listed("user-sarah").await, fixture.listed("user-dad").await);
            assert_eq!((&author["readSeq"], &author["unreadCount"]), (&json!(2), &json!(0)));
            assert_eq!((&other["readSeq"], &other["unreadCount"]), (&json!(0), &json!(2)));
        }
    }

    #[tokio::test]
    async fn inboxes_receive_one_update_per_batch_with_preview_and_authors() {
        let fixture = Fixture::new().await;
        fixture.open_inbox("user-sarah", "phone", false).await;
        fixture.open_inbox("user-dad", "tablet", false).await;
        fixture.open_inbox("user-michael", "stranger", false).await;
        let chat = fixture.tables.chat();
        let photo = new_file(&chat, "user-dad", "photo.jpg", "image/jpeg", 12).await;
        let mut records = vec![fixture.send_delivered("message 1").await, fixture.send_delivered("message 2").await];
        let body = "x".repeat(201);
        let message = send_with_files(&chat, "user-dad", &fixture.thread, &body, std::slice::from_ref(&photo.id)).await;
        records.push(message_record(&fixture.thread, message.seq));
        assert_eq!(fixture.process_records(records.clone()).await, [""; 0]);
        let sent = json!([{"userId": "user-dad", "seq": 3}, {"userId": "user-sarah", "seq": 2}]);
        for connection in ["phone", "tablet"] {
            let updates = fixture.events(connection, "thread:updated");
            assert_eq!(updates.len(), 1, "{connection}");
            let thread = &updates[0]["thread"];
            assert_eq!((&thread["id"], &thread["lastSeq"]), (&json!(fixture.thread.id), &json!(3)));
            assert_eq!(thread["updatedAt"], json!(message.created_at));
            let preview = &thread["lastMessage"];
            assert_eq!(preview["body"].as_str().map(str::len), Some(200));
            assert_eq!(preview["truncated"], true);
            let attachment = json!({"id": photo.id, "name": "photo.jpg", "mimetype": "image/jpeg"});
            assert_eq!(preview["attachments"], json!([attachment]));
            assert_eq!(updates[0]["sent"], sent);
        }
        assert!(fixture.management.frames("stranger").is_empty());

        // The first attempt may have ended before it announced the thread, so a repeated attempt announces it again.
        assert_eq!(fixture.process_records(records).await, [""; 0]);
        assert_eq!(fixture.events("phone", "thread:updated").len(), 2);
    }

    #[tokio::test]
    async fn connection_that_received_the_messages_gets_no_update() {
        let fixture = Fixture::new().await;
        fixture.open_inbox("user-dad", "viewer", true).await;
        fixture.open_inbox("user-dad", "inbox", false).await;
        fixture.subscribe("without-inbox").await;
        fixture.make_subscriptions_older().await;
        let delivered = fixture.send_delivered("message 1").await;
        fixture.open_inbox("user-dad", "late", true).await;
        assert_eq!(fixture.process_records(vec![delivered]).await, [""; 0]);
        let updates = |connection| fixture.events(connection, "thread:updated").len();
        assert_eq!([updates("viewer"), updates("inbox"), updates("late")], [0, 1, 1]);
        assert!(fixture.management.frames("without-inbox").is_empty());

        // Message 2 still has its undelivered flag: its sender may have ended before it pushed the message. So no
        // connection is known to have received it.
        let records = vec![fixture.send_text("message 2").await, fixture.send_delivered("message 3").await];
        assert_eq!(fixture.process_records(records).await, [""; 0]);
        assert_eq!([updates("viewer"), updates("inbox"), updates("late")], [1, 2, 2]);
    }

    #[tokio::test]
    async fn slow_connection_holds_nobody_up_and_goes_to_the_repair_queue() {
        let fixture = Fixture::new().await;
        fixture.open_inbox("user-sarah", "phone", false).await;
        fixture.open_inbox("user-dad", "tablet", false).await;
        fixture.management.answer("tablet", 500);
        let record = fixture.send_delivered("message 1").await;
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        assert_eq!(fixture.events("phone", "thread:updated").len(), 1);
        let sent = json!([{"userId": "user-sarah", "seq": 1}]);
        let announcement = json!({"event": "thread:updated", "threadId": fixture.thread.id, "sent": sent});
        let repair = json!({"announcement": announcement, "connections": ["tablet"]});
        assert_eq!(fixture.queue.messages("repairs"), [repair]);
    }

    #[tokio::test]
    async fn failed_projection_or_mark_fails_the_records_and_announces_nothing() {
        for failing in ["lastSeq", "readSeq"] {
            let mut fixture = Fixture::new().await;
            fixture.open_inbox("user-dad", "tablet", false).await;
            let record = fixture.send_delivered("message 1").await;
            let tables = fixture.tables.through(move |call| {
                let refused = call.is("UpdateItem", failing);
                if refused { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
            });
            fixture.tables = tables.await;
            let failed = fixture.process_records(vec![record]).await;
            assert!(failed[0].starts_with("all 1 stream records failed"), "{failed:?}");
            assert!(fixture.management.frames("tablet").is_empty());
        }
    }
}

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::limits;
use serde_json::{Value, json};
use store::Change;
use testkit::{Fault, edit, new_file, once, react, send_with_files};

use crate::fixture::{Fixture, message_record, revision_record};
use crate::handle;

/// Returns the preview of the fixture's thread in the list of threads.
async fn preview(fixture: &Fixture) -> Value {
    fixture.listed("user-sarah").await["lastMessage"].take()
}

#[tokio::test]
async fn projection_follows_edits_and_deletion_of_the_last_message_only() {
    let fixture = Fixture::new().await;
    fixture.open_inbox("user-dad", "tablet", false).await;
    let photo = new_file(&fixture.tables.chat(), "user-sarah", "photo.jpg", "image/jpeg", 1).await;
    let mut records = vec![fixture.send_delivered("message 1").await];
    send_with_files(&fixture.tables.chat(), "user-sarah", &fixture.thread, "message 2", &[photo.id]).await;
    records.push(message_record(&fixture.thread, 2));
    assert_eq!(fixture.process_records(records).await, [""; 0]);
    let created = preview(&fixture).await;
    for (seq, change) in [(1, edit("other")), (2, react("👍")), (2, Change::Unreact), (1, Change::Delete)] {
        let record = fixture.change("user-sarah", seq, change).await;
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        assert_eq!((preview(&fixture).await, fixture.events("tablet", "thread:updated").len()), (created.clone(), 1));
    }
    let record = fixture.change("user-sarah", 2, edit("edited")).await;
    // The first attempt may have ended before it announced the change, so a repeated attempt announces it again.
    for updates in [2, 3] {
        assert_eq!(fixture.process_records(vec![record.clone()]).await, [""; 0]);
        let edited = preview(&fixture).await;
        assert_eq!((&edited["body"], &edited["rev"], &edited["id"]), (&json!("edited"), &json!(5), &created["id"]));
        let announced = fixture.events("tablet", "thread:updated");
        assert_eq!((announced.len(), &announced[updates - 1]["thread"]["lastMessage"]), (updates, &edited));
        assert_eq!(announced[updates - 1]["sent"], json!([]));
    }
    let record = fixture.change("user-sarah", 2, Change::Delete).await;
    assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
    let deleted = preview(&fixture).await;
    assert_eq!((&deleted["body"], &deleted["attachments"], &deleted["rev"]), (&json!(""), &json!([]), &json!(6)));
    assert!(deleted["deletedAt"].is_string());
    let (listed, before) = (fixture.listed("user-dad").await, &created["createdAt"]);
    assert_eq!(
        (&listed["updatedAt"], &listed["unreadCount"]),
        (before, &json!(2)),
        "a change does not move the activity time"
    );
    let announced = fixture.events("tablet", "thread:updated");
    assert_eq!((announced.len(), &announced[3]["thread"]["lastMessage"]), (4, &deleted));
}

#[tokio::test]
async fn old_text_does_not_come_back_in_any_order_of_records() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for batches in [3, 1] {
            let fixture = Fixture::new().await;
            let message = fixture.send_delivered("secret").await;
            let edited = fixture.change("user-sarah", 1, edit("also secret")).await;
            let records = [message, edited, fixture.change("user-sarah", 1, Change::Delete).await];
            let ordered: Vec<_> = order.iter().map(|n: &usize| records[*n].clone()).collect();
            for batch in ordered.chunks(3 / batches) {
                assert_eq!(fixture.process_records(batch.to_vec()).await, [""; 0]);
            }
            let listed = fixture.listed("user-sarah").await;
            assert_eq!((&listed["lastMessage"]["body"], &listed["lastMessage"]["rev"]), (&json!(""), &json!(2)));
            assert_eq!(listed["unreadCount"], json!(0), "the author's mark moves with the projection");
        }
    }
}

#[tokio::test]
async fn projection_of_a_message_that_was_read_before_its_change_does_not_replace_the_change() {
    for change in [edit("new"), Change::Delete] {
        let mut fixture = Fixture::new().await;
        let record = fixture.send_delivered("secret").await;
        let (other, thread) = (Arc::new(fixture.deps()), fixture.thread.clone());
        let body = if matches!(change, Change::Delete) { None } else { Some("new") };
        // The message is changed, and the change is processed, after the new message's row was read and before the row
        // is written to the projection.
        let tables = fixture.tables.through(once(
            |call| call.is("UpdateItem", "lastSeq"),
            move |_| {
                let (other, thread) = (other.clone(), thread.clone());
                Fault::After(Box::pin(async move {
                    let change = body.map_or(Change::Delete, edit);
                    let rev = testkit::change(&other.chat, "user-sarah", &thread, 1, change).await.rev;
                    let event = json!({"Records": [revision_record(&thread, rev)]});
                    let processed = handle(&other, serde_json::from_value(event).unwrap()).await.unwrap();
                    assert_eq!(processed.failed().count(), 0);
                }))
            },
        ));
        fixture.tables = tables.await;
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        assert_eq!(fixture.last_body().await, body.unwrap_or_default());
    }
}

#[tokio::test]
async fn viewers_receive_each_revision_once_in_order_with_the_current_message() {
    let fixture = Fixture::new().await;
    fixture.subscribe("viewer").await;
    fixture.open_inbox("user-dad", "inbox", false).await;
    fixture.open_inbox("user-michael", "stranger", false).await;
    let records = vec![fixture.send_delivered("one").await, fixture.send_delivered("two").await];
    assert_eq!(fixture.process_records(records).await, [""; 0]);
    let mut records = Vec::new();
    for (user, seq, change) in [
        ("user-sarah", 1, edit("new")),
        ("user-dad", 1, react("👍")),
        ("user-dad", 2, react("🎉")),
        ("user-sarah", 1, edit("newest")),
    ] {
        records.push(fixture.change(user, seq, change).await);
    }
    records.reverse();
    assert_eq!(fixture.process_records(records).await, [""; 0]);
    let changed = fixture.events("viewer", "message:changed");
    let of = |event: &Value| {
        let message = &event["message"];
        (event["rev"].clone(), message["seq"].clone(), message["rev"].clone(), message["body"].clone())
    };
    let first = |rev: u64| (json!(rev), json!(1), json!(4), json!("newest"));
    let second = (json!(3), json!(2), json!(3), json!("two"));
    assert_eq!(changed.iter().map(of).collect::<Vec<_>>(), [first(1), first(2), second, first(4)]);
    assert!(
        changed.iter().all(|event| event["threadId"] == json!(fixture.thread.id) && event.get("truncated").is_none())
    );
    assert_eq!(changed[0]["message"]["reactions"], json!([{"emoji": "👍", "userIds": ["user-dad"]}]));
    assert!(fixture.management.frames("stranger").is_empty());
    assert!(fixture.events("inbox", "message:changed").is_empty());
}

#[tokio::test]
async fn large_message_is_announced_without_its_content() {
    let fixture = Fixture::new().await;
    fixture.subscribe("viewer").await;
    fixture.send_delivered("one").await;
    // JSON escapes each of these characters as six bytes.
    let large = format!("x{}", "\u{1}".repeat(limits::BODY_CHARS - 1));
    let record = fixture.change("user-sarah", 1, edit(&large)).await;
    let reacted = fixture.change("user-dad", 1, react("👍")).await;
    assert_eq!(fixture.process_records(vec![record, reacted]).await, [""; 0]);
    let changed = fixture.events("viewer", "message:changed");
    assert_eq!(changed.len(), 2);
    for (rev, event) in (1..).zip(&changed) {
        assert_eq!((&event["rev"], &event["truncated"]), (&json!(rev), &json!(true)));
        let message = &event["message"];
        assert_eq!((&message["rev"], &message["body"], &message["reactions"]), (&json!(2), &json!(""), &json!([])));
    }
}

#[tokio::test]
async fn erasure_is_requested_for_deletions_with_files_until_it_is_finished() {
    let fixture = Fixture::new().await;
    let chat = fixture.tables.chat();
    let photo = new_file(&chat, "user-sarah", "photo.jpg", "image/jpeg", 1).await;
    send_with_files(&chat, "user-sarah", &fixture.thread, "one", std::slice::from_ref(&photo.id)).await;
    fixture.send_delivered("two").await;
    let mut records = vec![message_record(&fixture.thread, 1), message_record(&fixture.thread, 2)];
    for (seq, change) in [(1, edit("new")), (1, react("👍")), (1, Change::Delete), (2, Change::Delete)] {
        records.push(fixture.change("user-sarah", seq, change).await);
    }
    let erasure = json!({"threadId": fixture.thread.id, "rev": 3});
    for requests in [1, 2] {
        assert_eq!(fixture.process_records(records.clone()).await, [""; 0]);
        assert_eq!(fixture.queue.messages("reminders"), vec![erasure.clone(); requests]);
    }
    chat.finish_erasure(&fixture.thread.id, 3).await.unwrap();
    assert_eq!(fixture.process_records(records).await, [""; 0]);
    assert_eq!(fixture.queue.messages("reminders").len(), 2);
}

#[tokio::test]
async fn failed_read_projection_or_request_of_an_erasure_fails_the_records_and_announces_nothing() {
    for (operation, text) in
        [("UpdateItem", "lastSeq"), ("BatchGetItem", "REV#"), ("BatchGetItem", "MSG#"), ("SendMessage", "rev")]
    {
        let mut fixture = Fixture::new().await;
        fixture.subscribe("viewer").await;
        let chat = fixture.tables.chat();
        let photo = new_file(&chat, "user-sarah", "photo.jpg", "image/jpeg", 1).await;
        send_with_files(&chat, "user-sarah", &fixture.thread, "one", std::slice::from_ref(&photo.id)).await;
        let message = message_record(&fixture.thread, 1);
        assert_eq!(fixture.process_records(vec![message]).await, [""; 0]);
        let record = fixture.change("user-sarah", 1, Change::Delete).await;
        let refuse = move |call: &testkit::Intercepted| {
            if call.is(operation, text) { Fault::Refuse("com.amazonaws.sqs#AccessDenied") } else { Fault::Pass }
        };
        fixture.tables = fixture.tables.through(refuse).await;
        fixture.queue = fixture.queue.through(refuse).await;
        let failed = fixture.process_records(vec![record]).await;
        assert!(failed[0].starts_with("all 1 stream records failed"), "{operation} {text}: {failed:?}");
        assert!(fixture.management.frames("viewer").is_empty(), "{operation} {text}");
    }
}

#[tokio::test]
async fn invalid_rows_go_to_the_dead_letters_and_hold_up_nothing() {
    let fixture = Fixture::new().await;
    fixture.subscribe("viewer").await;
    let (chat, text) = (fixture.tables.chat(), |text: &str| AttributeValue::S(text.into()));
    let photos = [(); 2].map(|()| new_file(&chat, "user-sarah", "photo.jpg", "image/jpeg", 1));
    let [erased, missing] = futures::future::join_all(photos).await.try_into().unwrap();
    for ids in [std::slice::from_ref(&erased.id), &[], &[], std::slice::from_ref(&missing.id)] {
        send_with_files(&chat, "user-sarah", &fixture.thread, "text", ids).await;
    }
    let records: Vec<_> = (1..=4).map(|seq| message_record(&fixture.thread, seq)).collect();
    assert_eq!(fixture.process_records(records).await, [""; 0]);
    // Revision 1 is a valid deletion. The rows of revision 2 and of message 3 are malformed, and a file of message 4 is
    // missing.
    let mut records = vec![fixture.change("user-sarah", 1, Change::Delete).await];
    for seq in [2, 3, 4] {
        records.push(fixture.change("user-sarah", seq, edit("new")).await);
    }
    let pk = format!("THREAD#{}", fixture.thread.id);
    fixture.put_chat_row(&pk, "REV#00000000000000000002", &[("rev", text("two"))]).await;
    fixture.put_chat_row(&pk, "MSG#00000000000000000003", &[("body", text("secret"))]).await;
    let file = fixture.tables.client.delete_item().table_name(&fixture.tables.chat);
    file.key("pk", text(&format!("FILE#{}", missing.id))).key("sk", text("META")).send().await.unwrap();
    // Revision 5 names message 9, which does not exist. Revision 6 does not exist.
    let number = |number: u64| AttributeValue::N(number.to_string());
    let row = [("rev", number(5)), ("seq", number(9)), ("kind", text("edit")), ("changeId", text("change_1"))];
    fixture.put_chat_row(&pk, "REV#00000000000000000005", &row).await;
    records.extend([5, 6].map(|rev| revision_record(&fixture.thread, rev)));
    assert_eq!(fixture.process_records(records).await, [""; 0]);
    let dead_letters: Vec<_> = (2..=6).map(|rev| json!({"pk": pk, "sk": format!("REV#{rev:020}")})).collect();
    assert_eq!(fixture.queue.messages("dead-letters"), dead_letters);
    let changed = fixture.events("viewer", "message:changed");
    assert_eq!((changed.len(), &changed[0]["rev"]), (1, &json!(1)));
    assert_eq!(fixture.queue.messages("reminders"), [json!({"threadId": fixture.thread.id, "rev": 1})]);
}

//! Measures changes to messages, and pages of messages with reactions and quotes.

use std::collections::HashMap;

use contract::{Emoji, ThreadId};
use lambda_http::RequestExt as _;
use runtime::Call;
use serde_json::{Value, json};
use store::{Change, MessageRate, NewChange, NewMessage, Sent};
use testkit::{caller, links};

use super::fixture::{DAD, Fixture, SARAH};
use super::messages::{BODY, send, stream};
use crate::parts::Parts;

/// Measures the routes that change a message, and what the stream does with their revisions. The changed message was sent
/// with an `Idempotency-Key`, and is the last one of its thread when the stream processes its revision.
pub(super) async fn changes(fixture: &Fixture) {
    let (trigger, label) = ("PATCH /api/threads/{threadId}/messages/{seq}", "`PATCH …/messages/{seq}`");
    let seqs = last_messages(fixture).await;
    fixture
        .measure(trigger, label, Parts::messages_edit, async |fixture, deps, turn| {
            let edit = request(fixture, seqs[turn], &json!({"body": format!("{BODY} At five!")}));
            messages_edit::handle(deps, edit).await.unwrap();
        })
        .await;
    let records = fixture.stream_records();
    stream(fixture, "an edit of the last message", &records).await;

    let react = ("PUT /api/threads/{threadId}/messages/{seq}/reaction", "`PUT …/messages/{seq}/reaction`");
    fixture
        .measure(react.0, react.1, Parts::messages_react, async |fixture, deps, turn| {
            messages_react::handle(deps, request(fixture, seqs[turn], &json!({"emoji": "👍"}))).await.unwrap();
        })
        .await;
    stream(fixture, "a reaction", &fixture.stream_records()).await;
    let unreact = ("DELETE /api/threads/{threadId}/messages/{seq}/reaction", "`DELETE …/messages/{seq}/reaction`");
    fixture
        .measure(unreact.0, unreact.1, Parts::messages_unreact, async |fixture, deps, turn| {
            messages_unreact::handle(deps, request(fixture, seqs[turn], &Value::Null)).await.unwrap();
        })
        .await;

    let (trigger, label) = ("DELETE /api/threads/{threadId}/messages/{seq}", "`DELETE …/messages/{seq}`");
    let seqs = last_messages(fixture).await;
    fixture
        .measure(trigger, label, Parts::messages_delete, async |fixture, deps, turn| {
            messages_delete::handle(deps, request(fixture, seqs[turn], &Value::Null)).await.unwrap();
        })
        .await;
    stream(fixture, "a deletion of the last message", &fixture.stream_records()).await;

    // Each of these requests repeats a deletion that was already made, so it writes nothing.
    fixture
        .measure(
            trigger,
            "`DELETE …/messages/{seq}`, repeated",
            Parts::messages_delete,
            async |fixture, deps, turn| {
                messages_delete::handle(deps, request(fixture, seqs[turn], &Value::Null)).await.unwrap();
            },
        )
        .await;
}

/// Measures the newest page if each of its 50 messages quotes a message that is not on the page, and has reactions of two
/// members. Then measures the changes of these messages.
pub(super) async fn pages(fixture: &Fixture) {
    let chat = fixture.parts.unrestricted_chat();
    let thread_id = &ThreadId::parse(&fixture.thread).unwrap();
    let (author, links) = (&caller(SARAH).profile(), links());
    for n in 1..=50 {
        let reply_to = Some(n);
        let reply = NewMessage { thread_id, author, body: BODY, file_ids: &[], reply_to, idempotency_key: None };
        let Ok(Sent::Stored(message)) = chat.send(reply, &links).await else { panic!("the reply was not stored") };
        for user in [SARAH, DAD] {
            let (caller, change) = (&caller(user).profile(), Change::React(Emoji::parse("👍").unwrap()));
            let new = NewChange { thread_id, seq: message.seq, caller, change };
            chat.change(new, &MessageRate::new(u64::MAX), &links).await.unwrap().unwrap();
        }
    }
    let (trigger, label) =
        ("GET /api/threads/{threadId}/messages", "`GET …/messages`, 50 messages with reactions and quotes");
    fixture
        .measure(trigger, label, Parts::messages_list, async |fixture, deps, _| {
            messages_list::handle(deps, fixture.thread_request(&[], &Value::Null)).await.unwrap();
        })
        .await;
    let last = chat.last_rev(thread_id).await.unwrap();
    let trigger = "GET /api/threads/{threadId}/changes";
    for (what, after) in [("100 changes of 50 messages", last - 100), ("nothing new", last)] {
        let after = after.to_string();
        fixture
            .measure(
                trigger,
                &format!("`GET …/changes`, {what}"),
                Parts::messages_changes,
                async |fixture, deps, _| {
                    let query = [("after", after.as_str())];
                    messages_changes::handle(deps, fixture.thread_request(&query, &Value::Null)).await.unwrap();
                },
            )
            .await;
    }
}

/// Sends two messages with an `Idempotency-Key` and processes their stream records. Returns the numbers of the messages;
/// the second one is the last one of the thread.
async fn last_messages(fixture: &Fixture) -> [u64; 2] {
    let sender = fixture.parts.messages_send();
    fixture.stream_records();
    let chat = fixture.parts.unrestricted_chat();
    let before = chat.last_seq(&ThreadId::parse(&fixture.thread).unwrap()).await.unwrap();
    for n in 0..2 {
        send(fixture, &sender, Some(&format!("changed-{before}-{n}")), &[]).await;
    }
    let event = json!({"Records": fixture.stream_records()});
    chat_stream::handle(&fixture.parts.chat_stream(), serde_json::from_value(event).unwrap()).await.unwrap();
    [before + 1, before + 2]
}

/// Returns a request of Sarah's for a route of a message.
fn request(fixture: &Fixture, seq: u64, body: &Value) -> Call {
    let path = HashMap::from([("threadId".to_owned(), fixture.thread.clone()), ("seq".to_owned(), seq.to_string())]);
    let request = http::Request::new(lambda_http::Body::from(body.to_string()));
    Call::new(caller(SARAH), request.with_path_parameters(path))
}

//! Measures messages, read marks and settings, and what the stream does with them.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{make_known, send_text};

use super::fixture::{DAD, Fixture, MICHAEL, SARAH, answer, frame, request, text};
use crate::parts::Parts;
use crate::triggers::queue_event;
use crate::world::call;

pub(super) const BODY: &str =
    "A hundred characters: who brings the cake on Sunday, and who tells grandmother that we come at four?";

/// Sends a message to the fixture's thread.
pub(super) async fn send(fixture: &Fixture, deps: &messages_send::Deps, key: Option<&str>, files: &[String]) {
    send_to(&fixture.thread, deps, key, files).await;
}

async fn send_to(thread: &str, deps: &messages_send::Deps, key: Option<&str>, files: &[String]) {
    let body = json!({"body": BODY, "fileIds": files});
    messages_send::handle(deps, call(SARAH, ("threadId", thread), &[], key, &body)).await.unwrap();
}

/// Adds a line to the costs table for chat-stream's handling of stream records. Each turn handles one record.
pub(super) async fn stream(fixture: &Fixture, what: &str, records: &[Value]) {
    let label = format!("stream of `Chat`, {what}");
    fixture
        .measure("DynamoDB Changes", &label, Parts::chat_stream, async |_, deps, turn| {
            let event = json!({"Records": [records[turn]]});
            chat_stream::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
}

pub(super) async fn messages(fixture: &Fixture) {
    // The subscriptions to the thread must be some seconds older than the messages. Otherwise, chat-stream also sends
    // `thread:updated` to the subscribers of the thread, because they may have subscribed too late for `message:new`.
    tokio::time::sleep(Duration::from_secs(10)).await;
    fixture.stream_records();
    let (trigger, new) = ("POST /api/threads/{threadId}/messages", Parts::messages_send);
    fixture
        .measure(trigger, "`POST …/messages`, to 3 connections", new, async |fixture, deps, _| {
            send(fixture, deps, None, &[]).await;
        })
        .await;
    let records = fixture.stream_records();
    fixture
        .measure(
            trigger,
            "`POST …/messages` with an `Idempotency-Key`, to 3 connections",
            new,
            async |fixture, deps, turn| {
                send(fixture, deps, Some(&format!("key-{turn}")), &[]).await;
            },
        )
        .await;
    fixture.stream_records();
    stream(fixture, "a delivered message", &records).await;
    message_to_five(fixture).await;
    let chat = fixture.parts.unrestricted_chat();
    let thread = fixture.thread().await;
    for _ in 0..2 {
        send_text(&chat, SARAH, &thread, BODY).await;
    }
    stream(fixture, "a message that is still being delivered", &fixture.stream_records()).await;
    let label = "queue `Repairs`, a message delivered in the meantime";
    fixture
        .measure("SQS Repairs", label, Parts::chat_stream, async |fixture, deps, _| {
            let event = queue_event("repairs", &json!({"threadId": fixture.thread, "seq": 1}).to_string());
            chat_stream::handle(deps, serde_json::from_value(event).unwrap()).await.unwrap();
        })
        .await;
}

/// Measures a message to a thread of 5 members, 3 of whom have a socket that is subscribed to the thread and the inbox.
async fn message_to_five(fixture: &Fixture) {
    make_known(&fixture.parts.unrestricted_chat(), &["user-3", "user-4"]).await;
    let members = request(SARAH, &json!({"memberIds": [DAD, MICHAEL, "user-3", "user-4"]}));
    let thread = text(&answer(threads_create::handle(&fixture.parts.threads_create(), members)).await, "id");
    for n in 0..3 {
        let subscribe = frame(&format!("socket-{n}"), "subscribe", &format!("thread:{thread}"));
        ws_message::handle(&fixture.parts.ws_message(), subscribe).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    fixture.stream_records();
    let label = "`POST …/messages`, to a thread of 5 with 3 connections";
    fixture
        .measure("POST /api/threads/{threadId}/messages", label, Parts::messages_send, async |_, deps, _| {
            send_to(&thread, deps, None, &[]).await;
        })
        .await;
    stream(fixture, "a delivered message to a thread of 5 with 3 connections", &fixture.stream_records()).await;
}

/// Measures read marks and settings, and what the stream does with them and with new threads.
pub(super) async fn own_state(fixture: &Fixture) {
    let chat = fixture.parts.unrestricted_chat();
    let thread = fixture.thread().await;
    let seqs = [send_text(&chat, DAD, &thread, BODY).await.seq, send_text(&chat, DAD, &thread, BODY).await.seq];
    fixture.stream_records();
    let trigger = "PUT /api/threads/{threadId}/read";
    fixture
        .measure(trigger, "`PUT …/read`, a later message", Parts::threads_read, async |fixture, deps, turn| {
            let mark = fixture.thread_request(&[], &json!({"seq": seqs[turn]}));
            threads_read::handle(deps, mark).await.unwrap();
        })
        .await;
    stream(fixture, "a read mark", &fixture.stream_records()).await;
    let (trigger, label) = ("PATCH /api/threads/{threadId}/me", "`PATCH …/me`");
    fixture
        .measure(trigger, label, Parts::threads_settings, async |fixture, deps, turn| {
            let settings = fixture.thread_request(&[], &json!({"archived": turn == 0}));
            threads_settings::handle(deps, settings).await.unwrap();
        })
        .await;
    stream(fixture, "settings of a thread", &fixture.stream_records()).await;
    for other in ["user-new-2", "user-new-3"] {
        fixture.create_thread(other).await;
    }
    stream(fixture, "a new thread of 3 members", &fixture.stream_records()).await;
}

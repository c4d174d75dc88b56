//! Tests malformed messages of the queue, failed invocations, and AWS services that are not available.

use contract::ApiError;
use serde_json::json;
use testkit::{Fault, Intercepted, PushAnswer};

use crate::{Fixture, handle_events, handle_with};

#[tokio::test]
async fn garbage_is_dropped_and_does_not_stop_the_batch() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    let bodies = ["", "garbage", "{}", r#"{"threadId":"a","seq":1}"#, r#"{"threadId":"thread_1","seq":-1}"#];
    let mut messages: Vec<_> = bodies.map(|body| (body.to_owned(), 1)).into();
    messages.push((fixture.request(seq).to_string(), 1));
    handle_events(&fixture.deps(), &messages).await.unwrap();
    assert_eq!(fixture.shown(&device), ["Dinner at 6?"]);
    assert!(fixture.queued().is_empty());
}

#[tokio::test]
async fn failed_invocations_count_as_attempts() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    for (attempt, receives, notified) in [(0, 6, 0), (4, 2, 0), (4, 1, 1), (0, 5, 2)] {
        let request = json!({"threadId": fixture.thread.id, "seq": seq, "attempt": attempt}).to_string();
        handle_events(&fixture.deps(), &[(request, receives)]).await.unwrap();
        assert_eq!(fixture.service.requests(&device), notified, "{attempt} {receives}");
    }
}

#[tokio::test]
async fn unavailable_services_fail_the_invocation_so_that_the_queue_delivers_again() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    let refuse = |operation: &'static str, text: &'static str| {
        move |call: &Intercepted| {
            if call.is(operation, text) { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
        }
    };
    for (operation, text) in [
        ("GetItem", "THREAD#"),
        ("Query", "MSG#"),
        ("Query", "PUSH#"),
        ("UpdateItem", "notifiedSeq"),
        ("GetItem", "PRIVATE"),
    ] {
        let tables = fixture.tables.through(refuse(operation, text)).await;
        let deps = Fixture::deps_with(&tables, &fixture.queue, "http://127.0.0.1");
        assert!(handle_with(&deps, fixture.request(seq)).await.is_err(), "{operation} {text}");
    }
    assert_eq!(fixture.service.requests(&device), 0);

    fixture.service.answer(&device, PushAnswer::Status(503));
    let queue = fixture.queue.through(refuse("SendMessage", "")).await;
    let deps = Fixture::deps_with(&fixture.tables, &queue, "http://127.0.0.1");
    assert!(matches!(handle_with(&deps, fixture.request(seq)).await, Err(ApiError::Unavailable(_))));
    fixture.service.answer(&device, PushAnswer::Accept);
    fixture.notify(seq).await;
    assert_eq!(fixture.shown(&device), ["Dinner at 6?"]);
}

#[tokio::test]
async fn missing_key_is_an_error_only_if_there_is_a_device_to_notify() {
    let fixture = Fixture::new().await;
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    let delete = fixture.tables.client.delete_item().table_name(&fixture.tables.push_keys);
    let value = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.into());
    delete.key("pk", value("PRIVATE")).key("sk", value("VAPID")).send().await.unwrap();
    fixture.notify(seq).await;
    fixture.device("user-dad").await;
    let failed = handle_with(&fixture.deps(), fixture.request(seq)).await.unwrap_err().to_string();
    assert!(failed.contains("VAPID key is missing"), "{failed}");
}

#[tokio::test]
async fn device_whose_stored_keys_are_damaged_keeps_no_other_from_being_notified() {
    let fixture = Fixture::new().await;
    let (damaged, whole) = (fixture.device("user-dad").await, fixture.device("user-dad").await);
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    let id = fixture.register("user-dad", &damaged).await;
    let value = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let update = fixture.tables.client.update_item().table_name(&fixture.tables.chat);
    let update = update.key("pk", value("USER#user-dad".into())).key("sk", value(format!("PUSH#{id}")));
    let update = update.update_expression("SET p256dh = :key").expression_attribute_values(":key", value("x".into()));
    update.send().await.unwrap();
    fixture.notify(seq).await;
    assert_eq!((fixture.service.requests(&damaged), fixture.service.requests(&whole)), (0, 1));
    assert!(fixture.queued().is_empty());
}

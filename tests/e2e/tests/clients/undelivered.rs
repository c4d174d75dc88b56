//! Tests of chat-stream: it delivers messages that their sender left undelivered, and continues after an invalid row.

use e2e::{Operator, User};
use serde_json::{Value, json};

#[tokio::test]
async fn undelivered_message_is_pushed_by_the_repair() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    sarah.send(&thread, "message 1").await;
    Operator::new().commit_undelivered_message(&thread, 2, &sarah.id, "message 2").await;
    let pushed = michaels.wait_for_message(&thread, 2).await;
    assert_eq!(pushed["message"]["body"], "message 2");
    let listed = michael.page(&thread, &[("limit", "1")]).await.messages;
    assert_eq!(listed[0], pushed["message"]);
}

// make verify: never, because the test puts a message into the dead-letter queue, which sets off an alarm
#[tokio::test]
async fn key_of_an_invalid_row_goes_to_the_dead_letter_queue_and_blocks_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    let operator = Operator::new();
    // The invalid row's key sorts after the keys of all messages, so requests that list messages do not read the row.
    operator.put_invalid_row(&thread, "invalid", "a private text").await;
    operator.commit_undelivered_message(&thread, 1, &sarah.id, "message 1").await;
    assert_eq!(michaels.wait_for_message(&thread, 1).await["message"]["body"], "message 1");
    let letter: Value = serde_json::from_str(&operator.wait_for_dead_letter(&thread).await).unwrap();
    assert_eq!(letter, json!({ "pk": format!("THREAD#{thread}"), "sk": "MSG#invalid" }));
}

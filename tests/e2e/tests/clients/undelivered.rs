//! What a sender leaves over, and what nobody can handle.

use e2e::{Operator, User};

#[tokio::test]
async fn a_message_whose_sender_ended_before_the_push_is_pushed_all_the_same() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut his = michael.listen(&thread).await;
    sarah.say(&thread, "message 1").await;
    Operator::new().commit(&thread, 2, &sarah.id, "message 2").await;
    let pushed = his.pushed(&thread, 2).await;
    assert_eq!(pushed["message"]["body"], "message 2");
    let listed = michael.page(&thread, &[("limit", "1")]).await.messages;
    assert_eq!(listed[0], pushed["message"]);
}

#[tokio::test]
async fn a_row_that_is_no_message_is_put_aside_and_holds_nobody_up() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut his = michael.listen(&thread).await;
    let operator = Operator::new();
    // Its key is behind those of all messages, so whoever lists them does not meet it.
    operator.poison(&thread).await;
    operator.commit(&thread, 1, &sarah.id, "message 1").await;
    assert_eq!(his.pushed(&thread, 1).await["message"]["body"], "message 1");
    assert!(operator.dead_letter(&thread).await.contains("MSG#poison"));
}

use std::time::Duration;

use e2e::{Operator, TIMEOUT, User};
use tokio::time::{sleep, timeout};

use crate::exclusive;

/// `local/dead_letters.py` receives all dead letters, which hides them from other tests for a while. So this test runs
/// alone.
#[tokio::test]
async fn corrected_row_is_delivered_by_redriving_its_dead_letter() {
    let _exclusive = exclusive().await;
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    let operator = Operator::new();
    operator.put_invalid_row(&thread, &format!("{:020}", 1), "a private text").await;
    let letter = timeout(TIMEOUT, async {
        loop {
            let shown = operator.dead_letters(&["show"]);
            assert!(!shown.iter().any(|line| line.contains("a private text")), "{shown:?}");
            match shown.into_iter().find(|line| line.contains(&thread)) {
                Some(line) => break line,
                None => sleep(Duration::from_millis(200)).await,
            }
        }
    });
    let letter = letter.await.unwrap_or_else(|_| panic!("there is no dead letter of {thread}"));
    let (id, _) = letter.split_once(' ').unwrap_or_else(|| panic!("the line has no message ID: {letter}"));

    operator.commit_undelivered_message(&thread, 1, &sarah.id, "message 1").await;
    let redriven = operator.dead_letters(&["redrive", id]);
    assert!(redriven.len() == 1 && redriven[0].contains("redriven: "), "{redriven:?}");
    assert_eq!(michaels.wait_for_message(&thread, 1).await["message"]["body"], "message 1");
    assert!(!operator.dead_letters(&["show"]).iter().any(|line| line.contains(&thread)));
}

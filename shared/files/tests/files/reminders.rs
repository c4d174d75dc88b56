//! Tests of sending reminders: their delay, retries and errors.

use std::time::Duration;

use contract::FileId;
use files::{Error, MAX_DELAY, UPLOAD_WINDOW};
use testkit::{Fault, Queue, once};

#[tokio::test]
async fn delay_is_rounded_up_to_seconds_and_limited_to_15_minutes() {
    let (queue, id) = (Queue::start().await, FileId::new());
    let reminders = queue.reminders();
    reminders.warm_up().await.unwrap();
    for (delay, expected_seconds) in [
        (Duration::ZERO, 0),
        (Duration::from_nanos(1), 1),
        (Duration::from_secs(7), 7),
        (Duration::from_millis(7_001), 8),
        (UPLOAD_WINDOW, 900),
        (Duration::from_millis(899_999), 900),
        (MAX_DELAY + Duration::from_nanos(1), 900),
        (Duration::MAX, 900),
    ] {
        reminders.remind(&id, delay).await.unwrap();
        assert_eq!(queue.sent().last(), Some(&(id.clone(), Duration::from_secs(expected_seconds))), "{delay:?}");
    }
    assert_eq!(queue.sent().len(), 8);
}

#[tokio::test]
async fn reminder_with_lost_answer_is_sent_again() {
    let (queue, id) = (Queue::start().await, FileId::new());
    let lossy = queue.through(once(|call| call.is("SendMessage", "file_"), |_| Fault::LoseAnswer)).await;
    lossy.reminders().remind(&id, Duration::ZERO).await.unwrap();
    assert_eq!(queue.sent().len(), 2);
}

#[tokio::test]
async fn throttling_is_unavailable_and_other_refusals_are_not() {
    let (queue, id) = (Queue::start().await, FileId::new());
    for (code, retryable) in [
        ("com.amazonaws.sqs#RequestThrottled", true),
        ("com.amazon.coral.availability#ThrottlingException", true),
        ("com.amazon.coral.service#AccessDeniedException", false),
        ("com.amazonaws.sqs#QueueDoesNotExist", false),
    ] {
        let refusing = queue.through(move |_| Fault::Refuse(code)).await;
        let error = refusing.reminders().remind(&id, Duration::ZERO).await.unwrap_err();
        assert_eq!(matches!(error, Error::Unavailable(_)), retryable, "{error}");
    }
    assert_eq!(queue.sent(), []);
}

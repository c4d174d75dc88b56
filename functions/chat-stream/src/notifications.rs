//! Requests the notification of members on their devices.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::{ApiError, Timestamp, limits};
use push::NotificationRequest;
use store::MessageRow;

use crate::Deps;

/// Usually members are not notified of a message if another message follows within 5 seconds. If the first message's
/// `seq` is a multiple of this number, they are notified nevertheless. Otherwise they would get no notification until
/// the others stop writing.
const LONGEST_BURST: u64 = 8;

/// Asks push-send to notify the members who, 5 seconds after the newest of a thread's `messages` was sent, have not
/// read it. If another message has followed by then, push-send only notifies of that one, unless the `seq` of one of
/// `messages` is a multiple of [`LONGEST_BURST`]. Does nothing if this deployment sends no notifications.
pub(crate) async fn request(deps: &Deps, messages: &BTreeMap<u64, MessageRow>) -> Result<(), ApiError> {
    let (Some(notifications), Some(newest)) = (&deps.notifications, messages.values().next_back()) else {
        return Ok(());
    };
    let longest = limits::NOTIFICATION_SECONDS * 1_000;
    // The clocks of instances differ, so `created_at` may be later than this instance's current time.
    let delay = (newest.created_at.millis() + longest - Timestamp::now().millis()).clamp(0, longest);
    let request = NotificationRequest {
        thread_id: newest.thread_id.clone(),
        seq: newest.seq,
        even_if_followed: messages.keys().any(|seq| seq.is_multiple_of(LONGEST_BURST)),
        attempt: 0,
        devices: Vec::new(),
    };
    notifications.request(&request, Duration::from_millis(delay.unsigned_abs())).await
}

#[cfg(test)]
mod tests {
    use contract::Timestamp;
    use serde_json::{Value, json};
    use testkit::{Fault, edit, set_in_message};

    use crate::fixture::{Fixture, membership_record, message_record, thread_record};
    use crate::messages::process_messages;

    #[tokio::test]
    async fn batch_makes_one_request_for_its_newest_message() {
        let fixture = Fixture::new().await;
        let mut records = Vec::new();
        for n in 1..=3 {
            records.push(fixture.send_text(&format!("message {n}")).await);
        }
        records.reverse();
        assert_eq!(fixture.process_records(records).await, [""; 0]);
        let expected = json!({"threadId": fixture.thread.id, "seq": 3, "evenIfFollowed": false, "attempt": 0});
        assert_eq!(fixture.queue.messages("notifications"), [expected]);
    }

    #[tokio::test]
    async fn request_is_due_5_seconds_after_the_message() {
        let fixture = Fixture::new().await;
        let record = fixture.send_text("message 1").await;
        // The test accepts a range of delays, because seconds may pass on a slow machine before the delay is computed.
        for (age, delays) in [(-60_000, 5..=5), (3_000, 0..=2), (5_000, 0..=0), (3_600_000, 0..=0)] {
            let time = Timestamp::from_millis(Timestamp::now().millis() - age).to_string();
            set_in_message(&fixture.tables, &fixture.thread, 1, &[("createdAt", &time)]).await;
            assert_eq!(fixture.process_records(vec![record.clone()]).await, [""; 0]);
            let delay = fixture.queue.requested_notifications().pop().unwrap().1.as_secs();
            assert!(delays.contains(&delay), "{age}: {delay}");
        }
    }

    #[tokio::test]
    async fn one_of_eight_messages_is_announced_although_others_follow() {
        let fixture = Fixture::new().await;
        for n in 1..=10 {
            fixture.send_text(&format!("message {n}")).await;
        }
        for (seqs, expected) in [(1..=7, (7, false)), (8..=8, (8, true)), (9..=9, (9, false)), (7..=10, (10, true))] {
            let records = seqs.map(|seq| message_record(&fixture.thread, seq)).collect();
            assert_eq!(fixture.process_records(records).await, [""; 0]);
            let (request, _) = fixture.queue.requested_notifications().pop().unwrap();
            assert_eq!((request.seq, request.even_if_followed), expected);
        }
    }

    #[tokio::test]
    async fn nothing_is_requested_where_notifications_are_off() {
        let fixture = Fixture::new().await;
        fixture.send_text("message 1").await;
        let mut deps = fixture.deps();
        deps.notifications = None;
        assert!(process_messages(&deps, &fixture.thread.id, &[1]).await.unwrap().is_empty());
        assert_eq!(fixture.last_body().await, "message 1");
        assert!(fixture.queue.requested_notifications().is_empty());
    }

    #[tokio::test]
    async fn only_messages_are_announced() {
        let fixture = Fixture::new().await;
        let sent = fixture.send_text("message 1").await;
        let records = vec![
            fixture.change("user-sarah", 1, edit("edited")).await,
            membership_record(&fixture.thread, "user-dad", "read"),
            thread_record(&fixture.thread),
        ];
        assert_eq!(fixture.process_records(records).await, [""; 0]);
        assert_eq!(fixture.process_records(vec![message_record(&fixture.thread, 99)]).await, [""; 0]);
        assert_eq!(fixture.queue.messages("notifications"), [] as [Value; 0]);
        assert_eq!(fixture.process_records(vec![sent]).await, [""; 0]);
        assert_eq!(fixture.queue.messages("notifications").len(), 1);
    }

    #[tokio::test]
    async fn records_are_delivered_again_if_the_queue_is_not_available() {
        let mut fixture = Fixture::new().await;
        let record = fixture.send_delivered("message 1").await;
        let whole = fixture.queue.clone();
        fixture.queue = fixture.queue.through(|_| Fault::Refuse("AccessDenied")).await;
        let failed = fixture.process_records(vec![record.clone()]).await;
        assert!(failed[0].starts_with("all 1 stream records failed"), "{failed:?}");
        fixture.queue = whole;
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        assert_eq!(fixture.queue.messages("notifications").len(), 1);
    }
}

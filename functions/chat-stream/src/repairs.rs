//! Handles the repair queue: delivers messages and announcements again to the connections that they did not reach.

use std::collections::BTreeSet;

use aws_lambda_events::sqs::SqsEvent;
use contract::{ApiError, Channel, ConnectionId, ThreadId, message_new_frame};
use futures::future::join_all;
use push::{Announcement, Repair};
use store::Undelivered;
use tracing::warn;

use crate::announcements::{Content, request_repair};
use crate::{BatchResponse, Deps};

/// Handles a batch of repair requests. The repair queue retries each failed request, and finally moves it to the
/// dead-letter queue.
pub(crate) async fn handle_repairs(deps: &Deps, event: SqsEvent) -> BatchResponse {
    let repairs = join_all(event.records.into_iter().map(|request| async move {
        let error = repair(deps, request.body.as_deref().unwrap_or_default()).await.err()?;
        warn!(message = request.message_id, %error, "repair failed; the repair queue will retry");
        Some(request.message_id.unwrap_or_default())
    }));
    BatchResponse::with_failures(repairs.await.into_iter().flatten())
}

async fn repair(deps: &Deps, body: &str) -> Result<(), ApiError> {
    match serde_json::from_str(body)? {
        Repair::Message { thread_id, seq } => repair_message(deps, &thread_id, seq).await,
        Repair::Announcement { announcement, connections } => {
            repair_announcement(deps, announcement, connections).await
        }
    }
}

/// Delivers a message again to the connections that its undelivered flag names, or to all subscribers if the flag names
/// none. Skips a message that is already delivered. Fails if a connection was not reached.
async fn repair_message(deps: &Deps, thread_id: &ThreadId, seq: u64) -> Result<(), ApiError> {
    for row in deps.chat.undelivered_messages(&[(thread_id.clone(), seq)]).await? {
        let undelivered = row.undelivered();
        let frame = message_new_frame(deps.chat.present_message(row, &deps.links).await?)?;
        let wanted = |id: &_| !matches!(&undelivered, Some(Undelivered::Connections(ids)) if !ids.contains(id));
        let channel = [Channel::Thread(thread_id.clone())];
        let delivery = deps.push.deliver_where(&channel, &frame, wanted).await?;
        deps.chat.record_delivery(thread_id, seq, &delivery.undelivered).await?;
        if !delivery.undelivered.is_empty() {
            return Err(not_reached(delivery.undelivered.len()));
        }
    }
    Ok(())
}

/// Delivers an announcement again to `connections`, or to its whole audience if `connections` is `None`. If only a part
/// of these connections is reached, requests another repair for the remaining ones, so that the connections that were
/// reached do not receive the announcement again. Fails if none is reached.
async fn repair_announcement(
    deps: &Deps,
    announcement: Announcement,
    connections: Option<BTreeSet<ConnectionId>>,
) -> Result<(), ApiError> {
    let Some(Content { channels, frames }) = Content::read(deps, &announcement).await? else { return Ok(()) };
    let mut audience = deps.push.audience(&channels).await?;
    audience.retain(|id, _| connections.as_ref().is_none_or(|connections| connections.contains(id)));
    let requested = audience.len();
    let undelivered = deps.push.deliver_to(audience, &frames).await.undelivered;
    match undelivered.len() {
        0 => Ok(()),
        missed if missed < requested => {
            request_repair(deps, announcement, Some(undelivered.into_iter().collect())).await
        }
        missed => Err(not_reached(missed)),
    }
}

fn not_reached(connections: usize) -> ApiError {
    ApiError::Unavailable(format!("{connections} connections were not reached"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::ConnectionId;
    use futures::stream::{self, StreamExt as _};
    use push::Limits;
    use serde_json::{Value, json};
    use store::Change;
    use testkit::{edit, links, react};

    use super::*;
    use crate::fixture::Fixture;

    #[tokio::test]
    async fn undelivered_message_is_delivered_once_to_every_subscriber() {
        let fixture = Fixture::new().await;
        for connection in ["phone", "tablet"] {
            fixture.subscribe(connection).await;
        }
        fixture.send_text("message 1").await;
        let repair = json!({"threadId": fixture.thread.id, "seq": 1});
        for _ in 0..2 {
            assert_eq!(fixture.repair(&repair).await, [""; 0]);
            assert_eq!(fixture.received("phone"), ["message 1"]);
            assert_eq!(fixture.received("tablet"), ["message 1"]);
        }
    }

    #[tokio::test]
    async fn repair_of_a_missing_message_succeeds_and_a_malformed_request_fails() {
        let fixture = Fixture::new().await;
        let missing_message = json!({"threadId": fixture.thread.id, "seq": 3});
        assert_eq!(fixture.repair(&missing_message).await, [""; 0]);
        assert_eq!(fixture.repair(&json!("garbage")).await, ["m-1"]);
    }

    #[tokio::test]
    async fn thousand_subscribers_are_reached_by_the_sender_and_its_repairs() {
        let fixture = Fixture::new().await;
        let ids: Vec<_> = (0..1_000).map(|n| format!("c{n}")).collect();
        stream::iter(&ids).for_each_concurrent(16, |id| fixture.subscribe(id)).await;
        // 1,000 posts of 100 ms, 64 at once, take 1.6 s. The sender's delivery stops after 1 s, so it cannot reach all
        // subscribers.
        fixture.management.delay(Duration::from_millis(100));
        fixture.send_text("message 1").await;
        let sender_limits = Limits { post: Duration::from_secs(2), overall: Duration::from_secs(1) };
        let push = fixture.management.push(fixture.tables.connections()).with_limits(sender_limits);
        let (chat, channel) = (fixture.tables.chat(), [Channel::Thread(fixture.thread.id.clone())]);
        let row = chat.undelivered_messages(&[(fixture.thread.id.clone(), 1)]).await.unwrap().remove(0);
        let frame = message_new_frame(chat.present_message(row, &links()).await.unwrap()).unwrap();
        let undelivered = push.deliver(&channel, &frame).await.unwrap().undelivered;
        assert!(!undelivered.is_empty());
        chat.record_delivery(&fixture.thread.id, 1, &undelivered).await.unwrap();

        // On a slow machine, one repair may not reach all subscribers. The queue delivers a request up to 30 times.
        let mut receives = 1..=30;
        while !fixture.repair(&json!({"threadId": fixture.thread.id, "seq": 1})).await.is_empty() {
            assert!(receives.next().is_some(), "30 repairs did not reach all subscribers");
        }
        let not_reached = ids.iter().filter(|id| fixture.received(id).is_empty()).count();
        assert_eq!(not_reached, 0);
    }

    #[tokio::test]
    async fn repair_is_retried_only_for_connections_that_were_not_reached() {
        let fixture = Fixture::new().await;
        for connection in ["phone", "tablet"] {
            fixture.subscribe(connection).await;
        }
        fixture.send_text("message 1").await;
        let (tablet, repair) = (ConnectionId::new("tablet"), json!({"threadId": fixture.thread.id, "seq": 1}));
        fixture.management.answer("tablet", 403);
        assert_eq!(fixture.repair(&repair).await, ["m-1"]);
        let rows = fixture.tables.chat().undelivered_messages(&[(fixture.thread.id.clone(), 1)]).await.unwrap();
        assert_eq!(rows[0].undelivered(), Some(Undelivered::Connections([tablet].into())));

        fixture.subscribe("late").await;
        fixture.management.answer("tablet", 200);
        assert_eq!(fixture.repair(&repair).await, [""; 0]);
        assert_eq!(fixture.received("phone").len(), 1);
        assert_eq!(fixture.received("tablet").len(), 1);
        assert_eq!(fixture.received("late").len(), 0);
    }

    #[tokio::test]
    async fn announcement_is_repeated_only_to_connections_that_were_not_reached() {
        let fixture = Fixture::new().await;
        for connection in ["phone", "tablet", "laptop"] {
            fixture.open_inbox("user-dad", connection, false).await;
        }
        let announcement = json!({"event": "thread:new", "threadId": fixture.thread.id});
        let repair = |connections: Value| json!({"announcement": announcement, "connections": connections});
        fixture.management.answer("tablet", 403);
        let all_but_laptop = repair(json!(["phone", "tablet"]));
        assert_eq!(fixture.repair(&all_but_laptop).await, [""; 0]);
        assert_eq!(fixture.queue.messages("repairs"), [repair(json!(["tablet"]))]);
        // A repair that reaches no connection fails. The queue retries it, and finally moves it to the dead-letter
        // queue.
        assert_eq!(fixture.repair(&repair(json!(["tablet"]))).await, ["m-1"]);
        let received = |connection| fixture.events(connection, "thread:new").len();
        assert_eq!([received("phone"), received("tablet"), received("laptop")], [1, 0, 0]);
        fixture.management.answer("tablet", 200);
        assert_eq!(fixture.repair(&repair(Value::Null)).await, [""; 0]);
        assert_eq!([received("phone"), received("tablet"), received("laptop")], [2, 1, 1]);
    }

    #[tokio::test]
    async fn repaired_announcement_has_the_current_state() {
        let fixture = Fixture::new().await;
        fixture.open_inbox("user-dad", "tablet", false).await;
        let record = fixture.send_delivered("message 1").await;
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        let record = fixture.send_delivered("message 2").await;
        assert_eq!(fixture.process_records(vec![record]).await, [""; 0]);
        let sent = json!([{"userId": "user-sarah", "seq": 1}]);
        let announcement = json!({"event": "thread:updated", "threadId": fixture.thread.id, "sent": sent});
        let repair = json!({"announcement": announcement, "connections": ["tablet"]});
        assert_eq!(fixture.repair(&repair).await, [""; 0]);
        let updates = fixture.events("tablet", "thread:updated");
        let seqs: Vec<_> = updates.iter().map(|update| &update["thread"]["lastSeq"]).collect();
        assert_eq!(seqs, [1, 2, 2]);
        assert_eq!(updates[2]["sent"], sent);
    }

    #[tokio::test]
    async fn repair_for_a_missing_thread_or_membership_does_nothing() {
        let fixture = Fixture::new().await;
        for announcement in [
            json!({"event": "thread:new", "threadId": "thread_gone"}),
            json!({"event": "thread:updated", "threadId": "thread_gone", "sent": []}),
            json!({"event": "message:changed", "threadId": "thread_gone", "revs": [1]}),
            json!({"event": "read:updated", "threadId": fixture.thread.id, "userId": "user-michael"}),
            json!({"event": "thread:settings", "threadId": fixture.thread.id, "userId": "user-michael"}),
        ] {
            let repair = json!({"announcement": announcement, "connections": null});
            assert_eq!(fixture.repair(&repair).await, [""; 0], "{announcement}");
        }
    }
    #[tokio::test]
    async fn repaired_changes_have_the_current_message() {
        let fixture = Fixture::new().await;
        for connection in ["phone", "tablet"] {
            fixture.subscribe(connection).await;
        }
        fixture.send_delivered("secret").await;
        fixture.management.answer("tablet", 403);
        let records = vec![
            fixture.change("user-sarah", 1, edit("also secret")).await,
            fixture.change("user-dad", 1, react("👍")).await,
        ];
        assert_eq!(fixture.process_records(records).await, [""; 0]);
        let announcement = json!({"event": "message:changed", "threadId": fixture.thread.id, "revs": [1, 2]});
        let repair = json!({"announcement": announcement, "connections": ["tablet"]});
        assert_eq!(fixture.queue.messages("repairs"), std::slice::from_ref(&repair));
        fixture.change("user-sarah", 1, Change::Delete).await;
        fixture.management.answer("tablet", 200);
        assert_eq!(fixture.repair(&repair).await, [""; 0]);
        let changed = fixture.events("tablet", "message:changed");
        let of =
            |event: &Value| (event["rev"].clone(), event["message"]["rev"].clone(), event["message"]["body"].clone());
        let current = |rev: u64| (json!(rev), json!(3), json!(""));
        assert_eq!(changed.iter().map(of).collect::<Vec<_>>(), [current(1), current(2)]);
        assert_eq!(fixture.events("phone", "message:changed").len(), 2);
    }

    #[tokio::test]
    async fn undelivered_message_that_was_deleted_is_delivered_as_a_tombstone() {
        let fixture = Fixture::new().await;
        fixture.subscribe("phone").await;
        fixture.send_text("secret").await;
        fixture.change("user-sarah", 1, Change::Delete).await;
        assert_eq!(fixture.repair(&json!({"threadId": fixture.thread.id, "seq": 1})).await, [""; 0]);
        assert_eq!(fixture.received("phone"), [""]);
        assert!(fixture.events("phone", "message:new")[0]["message"]["deletedAt"].is_string());
    }
}

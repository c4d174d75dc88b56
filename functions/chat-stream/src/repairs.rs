//! Handles the repair queue: delivers undelivered messages again.

use aws_lambda_events::sqs::SqsEvent;
use contract::{ApiError, Channel, message_new_frame};
use futures::future::join_all;
use push::Repair;
use store::Undelivered;
use tracing::warn;

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

/// Delivers a message again to the connections that its undelivered flag names, or to all subscribers if the flag names
/// none. Skips a message that is already delivered. Fails if a connection was not reached.
async fn repair(deps: &Deps, body: &str) -> Result<(), ApiError> {
    let Repair { thread_id, seq } = serde_json::from_str(body)?;
    for row in deps.chat.undelivered_messages(&[(thread_id.clone(), seq)]).await? {
        let undelivered = row.undelivered();
        let frame = message_new_frame(deps.chat.present_message(row, &deps.links).await?)?;
        let wanted = |id: &_| !matches!(&undelivered, Some(Undelivered::Connections(ids)) if !ids.contains(id));
        let channel = [Channel::Thread(thread_id.clone())];
        let delivery = deps.push.deliver_where(&channel, &frame, wanted).await?;
        deps.chat.record_delivery(&thread_id, seq, &delivery.undelivered).await?;
        if !delivery.undelivered.is_empty() {
            return Err(ApiError::Unavailable(format!("{} connections were not reached", delivery.undelivered.len())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::ConnectionId;
    use futures::stream::{self, StreamExt as _};
    use push::Limits;
    use serde_json::json;
    use testkit::links;

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
}

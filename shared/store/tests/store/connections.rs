use aws_sdk_dynamodb::types::AttributeValue;
use contract::{Channel, ConnectionId, ThreadId, Timestamp, limits};
use futures::future::join_all;
use store::{Connections, Subscribed, TicketHolder};
use testkit::{Fault, Tables, caller, connect};

use crate::{keys, n, number, set};

fn channel() -> Channel {
    Channel::Thread(ThreadId::new())
}

async fn subscribers(connections: &Connections, channel: &Channel) -> Vec<String> {
    let mut ids: Vec<_> =
        connections.subscribers(channel).await.unwrap().live.iter().map(|s| s.connection_id.to_string()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn concurrent_redemptions_of_one_ticket_succeed_once() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let holder = TicketHolder { user_id: caller("user-a").id, token_expires_at: 17 };
    let ticket = connections.issue_ticket(holder.clone()).await.unwrap();
    assert!(!format!("{:?}", keys(&tables, &tables.connections).await).contains(&ticket));
    let redeemed = join_all((0..32).map(|_| connections.redeem_ticket(&ticket))).await;
    let redeemed: Vec<_> = redeemed.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(redeemed, [holder]);
}

#[tokio::test]
async fn expired_or_unknown_ticket_is_not_redeemed() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let holder = TicketHolder { user_id: caller("user-a").id, token_expires_at: i64::MAX };
    let ticket = connections.issue_ticket(holder).await.unwrap();
    let (pk, sk) = keys(&tables, &tables.connections).await.remove(0);
    let left = number(&tables, &tables.connections, (&pk, &sk), "expiresAt").await - Timestamp::now().seconds();
    assert!((1..=60).contains(&left), "a ticket must be valid for at most 60 s, this one is valid for {left} s");
    set(&tables, &tables.connections, (&pk, &sk), "expiresAt", n(Timestamp::now().seconds())).await;
    assert_eq!(connections.redeem_ticket(&ticket).await.unwrap(), None);
    assert_eq!(connections.redeem_ticket(&"A".repeat(43)).await.unwrap(), None);
}

#[tokio::test]
async fn text_without_the_form_of_a_ticket_causes_no_call() {
    let tables = Tables::create().await;
    let connections = tables.through(|_| Fault::Refuse("AccessDeniedException")).await.connections();
    let ticket = "A".repeat(43);
    assert!(connections.redeem_ticket(&ticket).await.is_err(), "a text with the form of a ticket must be looked up");
    let long = "A".repeat(10_000);
    let padded = format!("{ticket}=");
    // A ticket has 256 bits, and its 43 digits of base64url hold 258 bits. The last two bits must be 0.
    let spare_bits = format!("{}B", &ticket[1..]);
    for text in ["", "guess", "a#b", &ticket[1..], &format!("{ticket}A"), &padded, &spare_bits, &"ä".repeat(43), &long]
    {
        assert_eq!(connections.redeem_ticket(text).await.unwrap(), None, "{text}");
    }
}

#[tokio::test]
async fn connection_expires_with_its_token_and_after_two_hours_at_the_latest() {
    let connections = Tables::create().await.connections();
    let now = Timestamp::now().seconds();
    for (token_expires_at, lifetime) in [(now + 60, 60), (i64::MAX, limits::CONNECTION_SECONDS)] {
        let id = ConnectionId::new("c");
        connections.connect(&id, &caller("user-a").id, token_expires_at).await.unwrap();
        let connection = connections.connection(&id).await.unwrap().unwrap();
        assert!((lifetime..lifetime + 60).contains(&(connection.expires_at - now)));
    }
}

#[tokio::test]
async fn expired_connection_is_not_returned_before_ttl_deletes_it() {
    let tables = Tables::create().await;
    let (connections, channel) = (tables.connections(), channel());
    for id in ["live", "old"] {
        let connection = connect(&connections, "user-a", id).await;
        assert_eq!(connections.subscribe(&connection, &channel).await.unwrap(), Subscribed::Done);
    }
    assert_eq!(subscribers(&connections, &channel).await, ["live", "old"]);
    let pk = format!("CHANNEL#{channel}");
    let now = Timestamp::now().seconds();
    set(&tables, &tables.connections, (&pk, "CONN#old"), "expiresAt", n(now)).await;
    set(&tables, &tables.connections, ("CONN#old", "META"), "expiresAt", n(now)).await;
    assert_eq!(subscribers(&connections, &channel).await, ["live"]);
    assert_eq!(connections.connection(&ConnectionId::new("old")).await.unwrap(), None);
    // Removing the expired connection still deletes all its rows.
    connections.remove(&ConnectionId::new("old")).await.unwrap();
    assert_eq!(keys(&tables, &tables.connections).await.len(), 3);
}

#[tokio::test]
async fn subscribing_twice_is_one_subscription_and_unsubscribing_affects_one_channel() {
    let connections = Tables::create().await.connections();
    let (one, other) = (channel(), channel());
    let connection = connect(&connections, "user-a", "c").await;
    for _ in 0..2 {
        connections.subscribe(&connection, &one).await.unwrap();
        connections.subscribe(&connection, &other).await.unwrap();
    }
    assert_eq!(subscribers(&connections, &one).await, ["c"]);
    connections.unsubscribe(&connection.id, &one).await.unwrap();
    assert!(subscribers(&connections, &one).await.is_empty());
    assert_eq!(subscribers(&connections, &other).await, ["c"]);
}

#[tokio::test]
async fn new_connection_is_subscribed_to_its_users_own_channel() {
    let connections = Tables::create().await.connections();
    let user_channel = |user: &str| Channel::User(caller(user).id);
    for (user, id) in [("user-a", "phone"), ("user-a", "tablet"), ("user-b", "other")] {
        connect(&connections, user, id).await;
    }
    assert_eq!(subscribers(&connections, &user_channel("user-a")).await, ["phone", "tablet"]);
    connections.remove(&ConnectionId::new("phone")).await.unwrap();
    assert_eq!(subscribers(&connections, &user_channel("user-a")).await, ["tablet"]);
    assert_eq!(subscribers(&connections, &user_channel("user-b")).await, ["other"]);
}

#[tokio::test]
async fn late_repeat_of_the_write_of_connect_keeps_the_inbox_open() {
    let connections = Tables::create().await.connections();
    let connection = connect(&connections, "user-a", "c").await;
    assert_eq!(connections.open_inbox(&connection).await.unwrap(), Subscribed::Done);
    connect(&connections, "user-a", "c").await;
    assert_eq!(subscribers(&connections, &Channel::Inbox(connection.user_id)).await, ["c"]);
}

#[tokio::test]
async fn removing_a_connection_deletes_all_its_rows_and_no_others() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let channels: Vec<_> = (0..40).map(|_| channel()).collect();
    for id in ["kept", "removed"] {
        let connection = connect(&connections, "user-a", id).await;
        join_all(channels.iter().map(|channel| connections.subscribe(&connection, channel))).await;
    }
    for _ in 0..2 {
        connections.remove(&ConnectionId::new("removed")).await.unwrap();
        assert_eq!(keys(&tables, &tables.connections).await.len(), 2 + channels.len());
    }
    assert_eq!(subscribers(&connections, &channels[39]).await, ["kept"]);
}

#[tokio::test]
async fn removal_during_concurrent_subscriptions_leaves_no_rows() {
    for _ in 0..20 {
        let tables = Tables::create().await;
        let connections = tables.connections();
        let connection = connect(&connections, "user-a", "c").await;
        let channels: Vec<_> = (0..8).map(|_| channel()).collect();
        let (subscribed, removed) = tokio::join!(
            join_all(channels.iter().map(|channel| connections.subscribe(&connection, channel))),
            connections.remove(&connection.id)
        );
        removed.unwrap();
        for result in subscribed {
            result.unwrap();
        }
        assert_eq!(keys(&tables, &tables.connections).await, []);
        assert_eq!(connections.subscribe(&connection, &channels[0]).await.unwrap(), Subscribed::Gone);
        assert_eq!(keys(&tables, &tables.connections).await, []);
    }
}

#[tokio::test]
async fn interrupted_removal_refuses_subscriptions_and_can_be_repeated() {
    let tables = Tables::create().await;
    let (connections, channel) = (tables.connections(), channel());
    let connection = connect(&connections, "user-a", "c").await;
    connections.subscribe(&connection, &channel).await.unwrap();
    set(&tables, &tables.connections, ("CONN#c", "META"), "closing", AttributeValue::Bool(true)).await;
    assert_eq!(connections.connection(&connection.id).await.unwrap(), None);
    let other = Channel::Thread(ThreadId::new());
    assert_eq!(connections.subscribe(&connection, &other).await.unwrap(), Subscribed::Gone);
    assert_eq!(keys(&tables, &tables.connections).await.len(), 3);
    connections.remove(&connection.id).await.unwrap();
    assert_eq!(keys(&tables, &tables.connections).await, []);
}

#[tokio::test]
async fn subscriptions_beyond_the_limit_are_refused() {
    let connections = Tables::create().await.connections();
    let connection = connect(&connections, "user-a", "c").await;
    let channels: Vec<_> = (0..limits::SUBSCRIPTIONS).map(|_| channel()).collect();
    for results in channels.chunks(50) {
        for result in join_all(results.iter().map(|channel| connections.subscribe(&connection, channel))).await {
            assert_eq!(result.unwrap(), Subscribed::Done);
        }
    }
    assert_eq!(connections.subscribe(&connection, &channel()).await.unwrap(), Subscribed::TooMany);
    assert_eq!(connections.subscribe(&connection, &channels[0]).await.unwrap(), Subscribed::Done);
}

#[tokio::test]
async fn channel_larger_than_one_query_page_is_read_completely() {
    // 6,000 rows of about 200 bytes exceed the 1 MB that one DynamoDB query reads.
    let connections = Tables::create().await.connections();
    let channel = channel();
    let id = |n: usize| format!("{n:0>100}");
    for chunk in (0..6_000).collect::<Vec<_>>().chunks(100) {
        join_all(chunk.iter().map(|n| async {
            let connection = connect(&connections, "user-a", &id(*n)).await;
            connections.subscribe(&connection, &channel).await.unwrap();
        }))
        .await;
    }
    assert_eq!(subscribers(&connections, &channel).await.len(), 6_000);
}

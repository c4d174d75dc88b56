use std::collections::BTreeSet;
use std::time::Duration;

use contract::{Channel, ThreadId};
use push::Limits;
use testkit::{Management, Tables, connect};
use tokio::time::timeout;

use crate::{Fixture, counts};

#[tokio::test]
async fn delivery_to_a_channel_without_subscribers_reaches_nobody() {
    assert_eq!(Fixture::new().await.deliver().await, (0, 0, 0));
}

#[tokio::test]
async fn closed_connection_is_removed_with_all_its_subscriptions_and_no_other_is() {
    let fixture = Fixture::new().await;
    let elsewhere = Channel::Thread(ThreadId::new());
    for id in ["open", "closed"] {
        for channel in [&fixture.channel, &elsewhere] {
            let connection = connect(&fixture.connections, "user-a", id).await;
            fixture.connections.subscribe(&connection, channel).await.unwrap();
        }
    }
    fixture.management.answer("closed", 410);
    assert_eq!(fixture.deliver().await, (1, 1, 0));
    assert_eq!((fixture.subscribers(&fixture.channel).await, fixture.subscribers(&elsewhere).await), (1, 1));
    assert_eq!(fixture.deliver().await, (1, 0, 0));
    assert_eq!(fixture.management.frames("open").len(), 2);
}

#[tokio::test]
async fn subscriber_of_several_channels_is_posted_to_once_and_removed_from_all() {
    let fixture = Fixture::new().await;
    let user_channel = Channel::User(testkit::caller("user-a").id);
    for id in ["open", "closed"] {
        fixture.subscribe(id, &fixture.channel).await;
    }
    fixture.management.answer("closed", 410);
    let delivery = fixture.push.deliver(&[fixture.channel.clone(), user_channel.clone()], "{}").await.unwrap();
    assert_eq!(counts(&delivery), (1, 1, 0));
    assert_eq!(fixture.management.frames("open").len(), 1);
    assert_eq!((fixture.subscribers(&fixture.channel).await, fixture.subscribers(&user_channel).await), (1, 1));
}

#[tokio::test]
async fn connection_that_is_still_opening_is_retried_and_not_removed() {
    let fixture = Fixture::new().await;
    let user_channel = [Channel::User(testkit::caller("user-a").id)];
    connect(&fixture.connections, "user-a", "opening").await;
    // API Gateway answers 410 until ws-connect, the function for `$connect`, has returned.
    fixture.management.answer("opening", 410);
    let (delivery, ()) = tokio::join!(fixture.push.deliver(&user_channel, "{}"), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        fixture.management.answer("opening", 200);
    });
    assert_eq!(counts(&delivery.unwrap()), (1, 0, 0));
    fixture.management.answer("opening", 410);
    assert_eq!(counts(&fixture.push.deliver(&user_channel, "{}").await.unwrap()), (0, 0, 1));
    assert_eq!(fixture.subscribers(&user_channel[0]).await, 1);
}

#[tokio::test]
async fn throttled_and_failed_posts_are_retried() {
    for status in [429, 500, 503] {
        let fixture = Fixture::new().await;
        fixture.subscribe("busy", &fixture.channel).await;
        fixture.management.answer("busy", status);
        let (delivery, ()) = tokio::join!(fixture.deliver(), async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            fixture.management.answer("busy", 200);
        });
        assert_eq!(delivery, (1, 0, 0), "{status}");
    }
}

#[tokio::test]
async fn connection_with_an_invalid_id_is_removed() {
    let fixture = Fixture::new().await;
    fixture.subscribe("invalid", &fixture.channel).await;
    fixture.management.answer("invalid", 400);
    assert_eq!(fixture.deliver().await, (0, 1, 0));
    assert_eq!(fixture.subscribers(&fixture.channel).await, 0);
}

#[tokio::test]
async fn subscription_without_its_connection_row_is_removed() {
    let tables = Tables::create().await;
    let (connections, management) = (tables.connections(), Management::start().await);
    let (push, channel) = (management.push(connections.clone()), Channel::Thread(ThreadId::new()));
    let connection = connect(&connections, "user-a", "ghost").await;
    connections.subscribe(&connection, &channel).await.unwrap();
    let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.into());
    let delete = tables.client.delete_item().table_name(&tables.connections);
    delete.key("pk", key("CONN#ghost")).key("sk", key("META")).send().await.unwrap();
    management.answer("ghost", 410);
    assert_eq!(push.deliver(std::slice::from_ref(&channel), "{}").await.unwrap().gone, 1);
    assert!(connections.subscribers(&channel).await.unwrap().live.is_empty());
}

#[tokio::test]
async fn refused_and_failed_posts_do_not_remove_connections() {
    let fixture = Fixture::new().await;
    for (id, status) in [("open", 200), ("forbidden", 403), ("broken", 500)] {
        fixture.subscribe(id, &fixture.channel).await;
        fixture.management.answer(id, status);
    }
    assert_eq!(fixture.deliver().await, (1, 0, 2));
    assert_eq!(fixture.subscribers(&fixture.channel).await, 3);
}

#[tokio::test]
async fn expired_connection_receives_nothing_and_is_closed() {
    let fixture = Fixture::new().await;
    fixture.subscribe("live", &fixture.channel).await;
    fixture.subscribe_expired("old").await;
    fixture.subscribe_expired("closed").await;
    fixture.management.answer("closed", 410);
    assert_eq!(fixture.deliver().await, (1, 0, 0));
    assert_eq!(fixture.management.closed(), ["old"]);
    assert!(fixture.management.frames("old").is_empty());
    // All subscriptions of the two expired connections were deleted.
    let user_channel = Channel::User(testkit::caller("user-a").id);
    for channel in [&fixture.channel, &user_channel] {
        assert_eq!(fixture.connections.subscribers(channel).await.unwrap().expired, []);
    }
}

#[tokio::test]
async fn next_delivery_closes_an_expired_connection_that_could_not_be_closed() {
    let fixture = Fixture::new().await;
    fixture.subscribe_expired("old").await;
    fixture.management.answer("old", 429);
    assert_eq!(fixture.deliver().await, (0, 0, 0));
    assert_eq!(fixture.connections.subscribers(&fixture.channel).await.unwrap().expired.len(), 1);
    fixture.management.answer("old", 200);
    assert_eq!(fixture.deliver().await, (0, 0, 0));
    assert_eq!(fixture.management.closed(), ["old"]);
    assert!(fixture.connections.subscribers(&fixture.channel).await.unwrap().expired.is_empty());
}

#[tokio::test]
async fn posts_of_all_deliveries_are_concurrent_up_to_the_limit() {
    let fixture = Fixture::new().await;
    for n in 0..100 {
        fixture.subscribe(&format!("c{n}"), &fixture.channel).await;
    }
    fixture.management.delay(Duration::from_millis(300));
    // Two concurrent deliveries, like those of two repairs in one batch, share the limit of 64 posts.
    assert_eq!(tokio::join!(fixture.deliver(), fixture.deliver()), ((100, 0, 0), (100, 0, 0)));
    let most = fixture.management.most_in_flight();
    assert!((32..=64).contains(&most), "{most} concurrent posts");
}

#[tokio::test]
async fn slow_connections_time_out_and_stay_subscribed() {
    let fixture = Fixture::new().await;
    for n in 0..3 {
        fixture.subscribe(&format!("c{n}"), &fixture.channel).await;
    }
    fixture.management.delay(Duration::from_mins(1));
    for limits in [
        Limits { post: Duration::from_millis(50), overall: Duration::from_secs(30) },
        Limits { post: Duration::from_secs(30), overall: Duration::from_millis(50) },
    ] {
        let push = fixture.management.push(fixture.connections.clone()).with_limits(limits);
        // The fake answers each post after a minute. The delivery's own time limits must end the delivery long before.
        let delivery = timeout(Duration::from_secs(2), push.deliver(std::slice::from_ref(&fixture.channel), "{}"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(counts(&delivery), (0, 0, 3));
        assert_eq!(
            delivery.undelivered.iter().map(contract::ConnectionId::as_str).collect::<BTreeSet<_>>(),
            ["c0", "c1", "c2"].into()
        );
    }
    assert_eq!(fixture.subscribers(&fixture.channel).await, 3);
}

//! Tests of delivery with a real `DynamoDB` engine and a fake of the `@connections` API.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::time::Duration;

use contract::{Channel, ConnectionId, ThreadId};
use push::{Delivery, Limits, Push};
use store::{Connection, Connections, Error};
use testkit::{Fault, Management, Tables, connect};
use tokio::time::timeout;

struct Fixture {
    connections: Connections,
    management: Management,
    push: Push,
    channel: Channel,
}

impl Fixture {
    async fn new() -> Self {
        let (connections, management) = (Tables::create().await.connections(), Management::start().await);
        let push = management.push(connections.clone());
        Self { connections, management, push, channel: Channel::Thread(ThreadId::new()) }
    }

    async fn subscribe(&self, id: &str, channel: &Channel) {
        let connection = connect(&self.connections, "user-a", id).await;
        self.connections.subscribe(&connection, channel).await.unwrap();
    }

    /// Subscribes an expired connection to the fixture's channel.
    async fn subscribe_expired(&self, id: &str) {
        let (id, user_id, expires_at) = (ConnectionId::new(id), testkit::caller("user-a").id, 1_000);
        self.connections.connect(&id, &user_id, expires_at).await.unwrap();
        self.connections.subscribe(&Connection { id, user_id, expires_at }, &self.channel).await.unwrap();
    }

    /// Delivers an event to the fixture's channel. Returns the numbers of connections that were reached, gone and not
    /// reached.
    async fn deliver(&self) -> (usize, usize, usize) {
        counts(&self.push.deliver(std::slice::from_ref(&self.channel), r#"{"event":"pong"}"#).await.unwrap())
    }

    async fn subscribers(&self, channel: &Channel) -> usize {
        self.connections.subscribers(channel).await.unwrap().live.len()
    }
}

fn counts(delivery: &Delivery) -> (usize, usize, usize) {
    (delivery.delivered, delivery.gone, delivery.undelivered.len())
}

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

#[tokio::test]
async fn connection_in_the_audience_of_thread_and_inbox_is_posted_to_once() {
    let fixture = Fixture::new().await;
    let (user, inbox) = (testkit::caller("user-a").id, Channel::Inbox(testkit::caller("user-a").id));
    for (id, in_thread, in_inbox) in [("both", true, true), ("thread", true, false), ("inbox", false, true)] {
        let connection = connect(&fixture.connections, "user-a", id).await;
        if in_thread {
            fixture.connections.subscribe(&connection, &fixture.channel).await.unwrap();
        }
        if in_inbox {
            fixture.connections.open_inbox(&connection).await.unwrap();
        }
    }
    connect(&fixture.connections, "user-a", "neither").await;
    let channels = [fixture.channel.clone(), inbox.clone(), Channel::Inbox(testkit::caller("user-b").id)];
    let audience = fixture.push.audience(&channels).await.unwrap();
    for (id, in_thread, in_inbox) in [("both", true, true), ("thread", true, false), ("inbox", false, true)] {
        let target = audience.get(&ConnectionId::new(id)).unwrap();
        assert_eq!(target.user_id(), Some(&user));
        assert_eq!(target.subscription(&fixture.channel).is_some(), in_thread, "{id}");
        assert_eq!(target.subscription(&inbox).is_some(), in_inbox, "{id}");
    }
    assert!(audience.get(&ConnectionId::new("neither")).is_none());
    let delivery = fixture.push.deliver_to(audience, "{}").await;
    assert_eq!(counts(&delivery), (3, 0, 0));
    for id in ["both", "thread", "inbox"] {
        assert_eq!(fixture.management.frames(id).len(), 1, "{id}");
    }
}

#[tokio::test]
async fn only_retained_connections_are_posted_to() {
    let fixture = Fixture::new().await;
    for (user, id) in [("user-a", "phone"), ("user-a", "tablet"), ("user-b", "other")] {
        let connection = connect(&fixture.connections, user, id).await;
        fixture.connections.subscribe(&connection, &fixture.channel).await.unwrap();
    }
    let (user, channels) = (testkit::caller("user-a").id, [fixture.channel.clone()]);
    let mut audience = fixture.push.audience(&channels).await.unwrap();
    audience.retain(|id, target| target.user_id() != Some(&user) || id.as_str() == "tablet");
    assert!(audience.get(&ConnectionId::new("phone")).is_none());
    assert_eq!(counts(&fixture.push.deliver_to(audience, "{}").await), (2, 0, 0));
    assert!(fixture.management.frames("phone").is_empty());
    // It is left out of this delivery, not unsubscribed.
    assert_eq!(fixture.deliver().await, (3, 0, 0));
}

#[tokio::test]
async fn closed_connection_found_through_its_inbox_loses_all_rows() {
    let tables = Tables::create().await;
    let (connections, management) = (tables.connections(), Management::start().await);
    let push = management.push(connections.clone());
    let phone = connect(&connections, "user-a", "phone").await;
    connections.open_inbox(&phone).await.unwrap();
    connections.subscribe(&phone, &Channel::Thread(ThreadId::new())).await.unwrap();
    management.answer("phone", 410);
    let inbox = [Channel::Inbox(phone.user_id.clone())];
    assert_eq!(counts(&push.deliver(&inbox, "{}").await.unwrap()), (0, 1, 0));
    let rows = tables.client.scan().table_name(&tables.connections).send().await.unwrap();
    assert_eq!(rows.count, 0, "{:?}", rows.items);
}

#[tokio::test]
async fn connection_that_is_still_opening_may_be_closed_once_it_has_its_inbox() {
    let fixture = Fixture::new().await;
    let user = testkit::caller("user-a").id;
    let phone = connect(&fixture.connections, "user-a", "phone").await;
    fixture.management.answer("phone", 410);
    let own = [Channel::User(user.clone())];
    assert_eq!(counts(&fixture.push.deliver(&own, "{}").await.unwrap()), (0, 0, 1));
    // The frame that opened the inbox came over the open connection, so 410 means that it is closed now.
    fixture.connections.open_inbox(&phone).await.unwrap();
    assert_eq!(counts(&fixture.push.deliver(&own, "{}").await.unwrap()), (0, 1, 0));
    assert_eq!(fixture.subscribers(&own[0]).await, 0);
}

#[tokio::test]
async fn time_limit_of_a_delivery_starts_with_the_read_of_its_audience() {
    let fixture = Fixture::new().await;
    for n in 0..3 {
        fixture.subscribe(&format!("c{n}"), &fixture.channel).await;
    }
    let limits = Limits { post: Duration::from_secs(30), overall: Duration::from_millis(500) };
    let (push, channels) = (fixture.push.with_limits(limits), [fixture.channel.clone()]);
    let audience = push.audience(&channels).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let delivery = push.deliver_to(audience, "{}").await;
    assert_eq!(counts(&delivery), (0, 0, 3));
    assert!((0..3).all(|n| fixture.management.frames(&format!("c{n}")).is_empty()));
}

#[tokio::test]
async fn audience_that_cannot_be_read_in_time_is_an_error() {
    let (tables, management) = (Tables::create().await, Management::start().await);
    let slow = tables.through(|call| match call.operation.as_str() {
        "Query" => Fault::After(Box::pin(tokio::time::sleep(Duration::from_mins(1)))),
        _ => Fault::Pass,
    });
    let limits = Limits { post: Duration::from_secs(30), overall: Duration::from_millis(50) };
    let push = management.push(slow.await.connections()).with_limits(limits);
    let channels = [Channel::Thread(ThreadId::new())];
    let error = timeout(Duration::from_secs(2), push.audience(&channels)).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

//! Tests of deliveries in two steps: the audience is read, reduced, and then delivered to.

use std::time::Duration;

use contract::{Channel, ConnectionId, ThreadId};
use push::Limits;
use store::Error;
use testkit::{Fault, Management, Tables, connect};
use tokio::time::timeout;

use crate::{Fixture, counts};

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
    let delivery = fixture.push.deliver_to(audience, &["{}"]).await;
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
    assert_eq!(counts(&fixture.push.deliver_to(audience, &["{}"]).await), (2, 0, 0));
    assert!(fixture.management.frames("phone").is_empty());
    // The phone was left out of one delivery, but is still subscribed. So the next delivery reaches it.
    assert_eq!(fixture.deliver().await, (3, 0, 0));
}

#[tokio::test]
async fn connections_receive_frames_in_order_and_do_not_wait_for_one_that_fails() {
    let fixture = Fixture::new().await;
    for id in ["phone", "tablet"] {
        fixture.subscribe(id, &fixture.channel).await;
    }
    // The pauses between the five attempts to post one frame take at least 375 ms. The pauses for all 20 frames would
    // take 7.5 s and exceed the limit of 5 s.
    fixture.management.answer("tablet", 500);
    let limits = Limits { post: Duration::from_secs(5), overall: Duration::from_secs(5) };
    let (push, channels) = (fixture.push.clone().with_limits(limits), [fixture.channel.clone()]);
    let frames: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let delivery = push.deliver_to(push.audience(&channels).await.unwrap(), &frames).await;
    assert_eq!((counts(&delivery), delivery.undelivered), ((1, 0, 1), vec![ConnectionId::new("tablet")]));
    assert_eq!(fixture.management.frames("phone"), (0..20).map(serde_json::Value::from).collect::<Vec<_>>());
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
    let delivery = push.deliver_to(audience, &["{}"]).await;
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

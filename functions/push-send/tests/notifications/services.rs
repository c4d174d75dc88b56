//! Tests push services that are busy, hang, refuse or redirect, and devices that do not exist any more.

use std::time::{Duration, SystemTime};

use serde_json::json;
use testkit::{Device, PushAnswer, PushService};

use crate::{Fixture, handle_with, user};

/// Creates Dad's device and Sarah's message. Returns the device and the message's number.
async fn prepare(fixture: &Fixture) -> (Device, u64) {
    (fixture.device("user-dad").await, fixture.send("user-sarah", "Dinner at 6?").await)
}

/// Returns whether the table has a subscription of Dad's.
async fn dad_has_a_device(fixture: &Fixture) -> bool {
    let recipient = fixture.tables.chat().recipient(&user("user-dad"), &fixture.thread.id, 1).await;
    recipient.unwrap().is_some()
}

#[tokio::test]
async fn devices_that_do_not_exist_any_more_are_removed() {
    for status in [404, 410] {
        let fixture = Fixture::new().await;
        let (dead, seq) = prepare(&fixture).await;
        let living = fixture.device("user-dad").await;
        fixture.service.answer(&dead, PushAnswer::Status(status));
        for _ in 0..2 {
            fixture.notify(seq).await;
        }
        assert_eq!((fixture.service.requests(&dead), fixture.service.requests(&living)), (1, 2), "{status}");
        assert!(fixture.queued().is_empty());
    }
}

#[tokio::test]
async fn device_of_a_host_that_is_no_longer_allowed_is_removed_without_a_request() {
    let fixture = Fixture::new().await;
    let (device, seq) = prepare(&fixture).await;
    let deps = Fixture::deps_with(&fixture.tables, &fixture.queue, "push.example");
    handle_with(&deps, fixture.request(seq)).await.unwrap();
    assert!(!dad_has_a_device(&fixture).await);
    assert_eq!((fixture.service.connections(), fixture.service.requests(&device)), (0, 0));
}

#[tokio::test]
async fn busy_service_is_tried_again_for_its_devices_after_the_time_that_it_names() {
    let fixture = Fixture::with(&["user-sarah", "user-dad", "user-mom"]).await;
    let (busy, seq) = prepare(&fixture).await;
    let other = fixture.device("user-dad").await;
    let moms = fixture.device("user-mom").await;
    let in_two_minutes = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(2));
    for (answer, delays) in [
        (PushAnswer::Status(503), 10..=10),
        (PushAnswer::RetryAfter(429, "1".into()), 10..=10),
        (PushAnswer::RetryAfter(429, "77".into()), 77..=77),
        (PushAnswer::RetryAfter(503, in_two_minutes), 100..=120),
    ] {
        fixture.service.answer(&busy, answer.clone());
        let before = fixture.queued().len();
        fixture.notify(seq).await;
        let [(request, delay)] = &fixture.queued()[before..] else { panic!("{answer:?}: one request is queued") };
        let devices = json!([["user-dad", fixture.register("user-dad", &busy).await]]);
        let expected = json!({
            "threadId": fixture.thread.id, "seq": seq, "evenIfFollowed": false, "attempt": 1, "devices": devices,
        });
        assert_eq!(*request, expected, "{answer:?}");
        assert!(delays.contains(delay), "{answer:?}: {delay}");
    }
    // The next attempt concerns only the device that was not reached.
    let before = [&other, &moms].map(|device| fixture.service.requests(device));
    fixture.service.answer(&busy, PushAnswer::Accept);
    fixture.handle(fixture.queued()[0].0.clone()).await;
    assert_eq!(fixture.shown(&busy), ["Sarah: Dinner at 6?"]);
    assert_eq!([&other, &moms].map(|device| fixture.service.requests(device)), before);
}

#[tokio::test]
async fn attempts_come_later_and_later_and_end_after_the_fifth() {
    let fixture = Fixture::new().await;
    let (device, seq) = prepare(&fixture).await;
    fixture.service.answer(&device, PushAnswer::Status(500));
    let mut request = fixture.request(seq);
    for (attempt, delay) in [(1, 10), (2, 20), (3, 40), (4, 80)] {
        fixture.handle(request).await;
        let (queued, waits) = fixture.queued().pop().unwrap();
        assert_eq!((queued["attempt"].as_u64(), waits), (Some(attempt), delay));
        request = queued;
    }
    fixture.handle(request).await;
    assert_eq!((fixture.service.requests(&device), fixture.queued().len()), (5, 4), "the fifth attempt is the last");
}

#[tokio::test]
async fn member_who_reads_between_two_attempts_is_not_notified() {
    let fixture = Fixture::new().await;
    let (device, seq) = prepare(&fixture).await;
    fixture.service.answer(&device, PushAnswer::Status(500));
    fixture.notify(seq).await;
    fixture.service.answer(&device, PushAnswer::Accept);
    fixture.tables.chat().mark_read(&user("user-dad"), &fixture.thread.id, seq).await.unwrap();
    fixture.handle(fixture.queued().remove(0).0).await;
    assert_eq!(fixture.service.requests(&device), 1);
}

#[tokio::test]
async fn device_that_moves_between_two_attempts_receives_nothing_of_its_former_owner() {
    for new_owner in ["user-michael", "user-mom"] {
        let fixture = Fixture::with(&["user-sarah", "user-dad", "user-mom"]).await;
        let (device, seq) = prepare(&fixture).await;
        fixture.service.answer(&device, PushAnswer::Status(500));
        fixture.notify(seq).await;
        fixture.service.answer(&device, PushAnswer::Accept);
        fixture.register(new_owner, &device).await;
        fixture.handle(fixture.queued().remove(0).0).await;
        assert_eq!(fixture.service.requests(&device), 1, "{new_owner}");
    }
}

#[tokio::test]
async fn service_that_asks_for_more_than_a_quarter_of_an_hour_is_not_tried_again() {
    let fixture = Fixture::new().await;
    let (device, seq) = prepare(&fixture).await;
    for (seconds, queued) in [("901", 0), ("900", 1)] {
        fixture.service.answer(&device, PushAnswer::RetryAfter(429, seconds.into()));
        fixture.notify(seq).await;
        assert_eq!(fixture.queued().len(), queued, "{seconds}");
    }
}

#[tokio::test]
async fn refused_notifications_and_redirects_are_dropped() {
    let fixture = Fixture::new().await;
    let (device, seq) = prepare(&fixture).await;
    let other = PushService::start().await;
    let target = other.subscribe(&fixture.public_key);
    for answer in [PushAnswer::Status(400), PushAnswer::Status(413), PushAnswer::Redirect(target.endpoint.clone())] {
        fixture.service.answer(&device, answer);
        fixture.notify(seq).await;
    }
    assert_eq!((fixture.service.requests(&device), other.connections()), (3, 0));
    assert!(fixture.queued().is_empty());
    assert!(dad_has_a_device(&fixture).await);
}

#[tokio::test]
async fn hanging_service_is_asked_once_and_holds_up_no_other() {
    let members = ["user-sarah", "user-a", "user-b", "user-c", "user-d", "user-dad"];
    let fixture = Fixture::with(&members).await;
    let hanging = PushService::start().await;
    let mut slow = Vec::new();
    for member in &members[1..5] {
        for _ in 0..10 {
            let device = hanging.subscribe(&fixture.public_key);
            hanging.answer(&device, PushAnswer::Hang);
            fixture.register(member, &device).await;
            slow.push(device);
        }
    }
    let (device, seq) = prepare(&fixture).await;
    let (deps, request) = (fixture.deps(), fixture.request(seq));
    let handling = tokio::spawn(async move { handle_with(&deps, request).await });
    while fixture.service.received(&device).is_empty() {
        assert!(!handling.is_finished(), "the device of the other service was not notified");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!handling.is_finished(), "the device of the other service was notified last");
    handling.await.unwrap().unwrap();

    // The service has 40 devices. The first 32 requests run at the same time. After they have timed out, no requests
    // are made for the other 8 devices.
    let requests: usize = slow.iter().map(|device| hanging.requests(device)).sum();
    assert_eq!(requests, 32);
    let [(request, 10)] = &fixture.queued()[..] else { panic!("{:?}", fixture.queued()) };
    assert_eq!(request["devices"].as_array().unwrap().len(), 40);
}

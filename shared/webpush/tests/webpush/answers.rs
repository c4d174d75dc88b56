//! Tests of the results that the client returns for the answers of a push service.

use std::time::{Duration, SystemTime};

use testkit::{PushAnswer, PushService};
use webpush::Pushed;

use crate::Fixture;

#[tokio::test]
async fn accepted_message_arrives_with_its_topic() {
    let fixture = Fixture::new().await;
    let device = fixture.device();
    assert_eq!(fixture.push(&device, "Dinner at 6? 🍝".as_bytes()).await, Pushed::Accepted);
    let [received] = &fixture.service.received(&device)[..] else { panic!("the device did not receive one message") };
    assert_eq!(received.content, "Dinner at 6? 🍝".as_bytes());
    assert_eq!((received.topic.as_str(), received.ttl), ("thread_1", 24 * 60 * 60));
}

#[tokio::test]
async fn answer_decides_what_became_of_a_message() {
    let fixture = Fixture::new().await;
    let device = fixture.device();
    for (status, expected) in [
        (200, Pushed::Accepted),
        (202, Pushed::Accepted),
        (404, Pushed::Gone),
        (410, Pushed::Gone),
        (429, Pushed::Later(None)),
        (500, Pushed::Later(None)),
        (503, Pushed::Later(None)),
        (400, Pushed::Refused("400 Bad Request: chosen by the test".into())),
        (403, Pushed::Refused("403 Forbidden: chosen by the test".into())),
        (413, Pushed::Refused("413 Payload Too Large: chosen by the test".into())),
    ] {
        fixture.service.answer(&device, PushAnswer::Status(status));
        assert_eq!(fixture.push(&device, b"{}").await, expected);
    }
}

#[tokio::test]
async fn service_names_the_time_of_the_next_attempt() {
    let fixture = Fixture::new().await;
    let device = fixture.device();
    for status in [429, 503] {
        fixture.service.answer(&device, PushAnswer::RetryAfter(status, "120".into()));
        assert_eq!(fixture.push(&device, b"{}").await, Pushed::Later(Some(Duration::from_mins(2))));
    }
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1));
    fixture.service.answer(&device, PushAnswer::RetryAfter(503, date));
    let Pushed::Later(Some(delay)) = fixture.push(&device, b"{}").await else { panic!("the client ignored the date") };
    assert!((3_500..=3_600).contains(&delay.as_secs()), "{delay:?}");
    for value in ["soon", "-1", "99999999999999999999", ""] {
        fixture.service.answer(&device, PushAnswer::RetryAfter(429, value.into()));
        assert_eq!(fixture.push(&device, b"{}").await, Pushed::Later(None), "{value}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (fixture, other) = (Fixture::new().await, PushService::start().await);
    let (device, target) = (fixture.device(), other.subscribe(&fixture.key.public_key()));
    fixture.service.answer(&device, PushAnswer::Redirect(target.endpoint.clone()));
    assert_eq!(fixture.push(&device, b"{}").await, Pushed::Refused("307 Temporary Redirect: ".into()));
    assert_eq!((other.connections(), other.requests(&target)), (0, 0));
}

#[tokio::test]
async fn service_without_an_answer_is_unreachable() {
    let fixture = Fixture::new().await;
    let device = fixture.device();
    for answer in [PushAnswer::Hang, PushAnswer::Close] {
        fixture.service.answer(&device, answer.clone());
        assert_eq!(fixture.push(&device, b"{}").await, Pushed::Unreachable, "{answer:?}");
    }
    assert_eq!(fixture.service.requests(&device), 2, "the client repeated a request");
}

#[tokio::test]
async fn endless_answers_are_not_read_to_the_end() {
    let fixture = Fixture::new().await;
    let device = fixture.device();
    fixture.service.answer(&device, PushAnswer::Endless(201));
    assert_eq!(fixture.push(&device, b"{}").await, Pushed::Accepted);
    fixture.service.answer(&device, PushAnswer::Endless(400));
    assert!(matches!(fixture.push(&device, b"{}").await, Pushed::Refused(_)));
}

#[tokio::test]
async fn requests_share_a_connection() {
    let fixture = Fixture::new().await;
    let devices = [fixture.device(), fixture.device()];
    for device in &devices {
        assert_eq!(fixture.push(device, b"{}").await, Pushed::Accepted);
        fixture.service.answer(device, PushAnswer::Status(400));
        assert!(matches!(fixture.push(device, b"{}").await, Pushed::Refused(_)));
    }
    assert_eq!(fixture.service.connections(), 1);
}

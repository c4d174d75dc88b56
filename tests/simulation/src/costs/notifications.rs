//! Measures the devices of users, and notifications.

use std::cell::RefCell;

use contract::Thread;
use serde_json::{Value, json};
use testkit::{caller, make_known, send_text};

use super::fixture::{DAD, Fixture, MICHAEL, SARAH, answer, request, text};
use super::messages::{BODY, stream};
use crate::content::parse;
use crate::parts::Parts;
use crate::push_services::HOSTS;
use crate::triggers::queue_event;
use crate::world::call;

/// The members of a thread of five, without its author, Sarah.
const RECIPIENTS: [&str; 4] = [DAD, MICHAEL, "user-3", "user-4"];

fn browser(user: &str, n: usize) -> Value {
    let keys = json!({
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    });
    // The endpoints of Google have about 150 characters, the longest ones of Microsoft 350.
    json!({"endpoint": format!("https://{}/{user}/{n}/{}", HOSTS[n % 2], "x".repeat(250)), "keys": keys})
}

async fn register(fixture: &Fixture, user: &str, n: usize) -> String {
    let call = request(user, &browser(user, n));
    let registered = answer(push_subscribe::handle(&fixture.parts.push_subscribe(), call)).await;
    text(&registered, "id")
}

pub(super) async fn devices(fixture: &Fixture) {
    fixture
        .measure("GET /api/push-key", "`GET /api/push-key`", Parts::push_key, async |_, deps, _| {
            push_key::handle(deps, request(SARAH, &Value::Null)).await.unwrap();
        })
        .await;
    let (trigger, new) = ("PUT /api/push-subscriptions", Parts::push_subscribe);
    for (label, first) in [("a new device", 0), ("a device that is renewed", 1)] {
        let label = format!("`PUT /api/push-subscriptions`, {label}");
        fixture
            .measure(trigger, &label, new, async |_, deps, turn| {
                push_subscribe::handle(deps, request(SARAH, &browser(SARAH, first + turn))).await.unwrap();
            })
            .await;
    }
    let ids = RefCell::new(Vec::new());
    for n in 0..3 {
        let id = register(fixture, SARAH, n).await;
        ids.borrow_mut().push(id);
    }
    let (trigger, label) = ("DELETE /api/push-subscriptions/{id}", "`DELETE /api/push-subscriptions/{id}`");
    fixture
        .measure(trigger, label, Parts::push_unsubscribe, async |_, deps, _| {
            let id = ids.borrow_mut().pop().unwrap();
            push_unsubscribe::handle(deps, call(SARAH, ("id", &id), &[], None, &Value::Null)).await.unwrap();
        })
        .await;
}

/// Measures a message to a thread of five: the author, and four members with two devices and 20 threads each.
pub(super) async fn message(fixture: &Fixture) {
    let chat = fixture.parts.unrestricted_chat();
    make_known(&chat, &RECIPIENTS).await;
    let mut threads: Vec<Thread> = Vec::new();
    for n in 0..20 {
        let other = format!("user-family-{n}");
        make_known(&chat, &[&other]).await;
        let members: Vec<_> = RECIPIENTS.into_iter().chain((n > 0).then_some(&*other)).collect();
        let create = request(SARAH, &json!({"memberIds": members}));
        let created = answer(threads_create::handle(&fixture.parts.threads_create(), create)).await;
        threads.push(parse(&created));
    }
    for user in RECIPIENTS {
        for n in 0..2 {
            register(fixture, user, n).await;
        }
    }
    let family = &threads[0];
    for _ in 0..10 {
        send_text(&chat, SARAH, family, BODY).await;
    }
    fixture.cloud.notifications.turn_on();
    fixture.stream_records();
    let mut last = 0;
    for _ in 0..2 {
        let request = call(SARAH, ("threadId", family.id.as_str()), &[], None, &json!({"body": BODY}));
        let sent = answer(messages_send::handle(&fixture.parts.messages_send(), request)).await;
        last = sent["seq"].as_u64().unwrap();
    }
    let label = "a delivered message to a thread of 5 with 3 connections, with notifications";
    stream(fixture, label, &fixture.stream_records()).await;
    // Both invocations get the same request, so that they make the same calls.
    let body = json!({"threadId": family.id, "seq": last, "evenIfFollowed": true}).to_string();
    let notify = async |fixture: &Fixture, deps: &push_send::Deps, posts: usize| {
        let before = fixture.cloud.notifications.log().posts.len();
        let event = serde_json::from_value(queue_event("notifications", &body)).unwrap();
        push_send::handle(deps, event).await.unwrap();
        assert_eq!(fixture.cloud.notifications.log().posts.len() - before, posts);
    };
    let label = "queue `Notifications`, a message that 4 members with 2 devices each have not read";
    fixture
        .measure("SQS Notifications", label, Parts::push_send, async |fixture, deps, _| notify(fixture, deps, 8).await)
        .await;
    for user in RECIPIENTS {
        chat.mark_read(&caller(user).id, &family.id, last).await.unwrap();
    }
    let label = "queue `Notifications`, a message that all have read";
    fixture
        .measure("SQS Notifications", label, Parts::push_send, async |fixture, deps, _| notify(fixture, deps, 0).await)
        .await;
}

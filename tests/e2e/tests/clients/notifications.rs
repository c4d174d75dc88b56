//! Tests of notifications: from a message to the device that a push service on this machine delivers to.

use e2e::{Stack, User, eventually, known_user_id, text};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Device, PushAnswer, PushService, Received};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::access::browser;

/// A user with a device.
struct Member {
    user: User,
    device: Device,
}

impl Member {
    async fn new(service: &PushService) -> Self {
        let user = User::newcomer().await;
        let device = service.subscribe(&public_key(&user).await);
        let member = Self { user, device };
        member.register(&member.device).await;
        member
    }

    /// Registers a device of this user. Returns its ID.
    async fn register(&self, device: &Device) -> String {
        text(&self.user.register(&device.to_json()).await.ok(200)["id"]).to_owned()
    }

    /// Waits until the member's device shows a message with this text, and returns all notifications that it has received.
    async fn shows(&self, service: &PushService, body: &str) -> Vec<Value> {
        shows(service, &self.device, body).await
    }

    async fn change(&self, thread: &str, settings: &Value) {
        let _ = self.user.patch(&format!("/api/threads/{thread}/me"), settings).await.ok(200);
    }
}

async fn public_key(user: &User) -> String {
    text(&user.get("/api/push-key", &[]).await.ok(200)["publicKey"]).to_owned()
}

fn received(service: &PushService, device: &Device) -> Vec<Value> {
    service.received(device).iter().map(Received::json).collect()
}

fn bodies(notifications: &[Value]) -> Vec<&str> {
    notifications.iter().map(|notification| text(&notification["notification"]["body"])).collect()
}

async fn shows(service: &PushService, device: &Device, body: &str) -> Vec<Value> {
    eventually(&format!("a notification that says {body:?}"), async || {
        let received = received(service, device);
        bodies(&received).contains(&body).then_some(received)
    })
    .await
}

/// Creates a thread of two users. Notifications of its messages do not start with the author's name.
async fn thread_of_two(one: &User, other: &User) -> String {
    text(&one.create_thread(&[&other.id]).await.ok(201)["id"]).to_owned()
}

// make verify: never, because functions on AWS cannot reach the push service of the test on this machine
#[tokio::test]
async fn notification_shows_the_message_as_it_is_now_and_opens_its_thread() {
    let service = PushService::start().await;
    let (sarah, reader) = (User::sarah().await, Member::new(&service).await);
    let members = json!({ "memberIds": [reader.user.id, known_user_id().await], "title": "Family" });
    let thread = text(&sarah.post("/api/threads", &members).await.ok(201)["id"]).to_owned();

    let sent = sarah.send(&thread, "Diner at 6?").await;
    let sent = OffsetDateTime::parse(text(&sent["createdAt"]), &Rfc3339).unwrap();
    let edit = sarah.patch(&format!("/api/threads/{thread}/messages/1"), &json!({ "body": "Dinner at 6? 🎂" })).await;
    let _ = edit.ok(200);
    let shown = reader.shows(&service, "Sarah: Dinner at 6? 🎂").await;
    let page = Stack::get().page_url.as_deref().unwrap();
    let notification = json!({
        "title": "Family", "body": "Sarah: Dinner at 6? 🎂", "navigate": format!("{page}/#{thread}"), "tag": thread,
        "timestamp": sent.unix_timestamp() * 1_000 + i64::from(sent.millisecond()),
    });
    assert_eq!(shown, [json!({ "web_push": 8030, "notification": notification, "app_badge": 1 })]);
    let message = &service.received(&reader.device)[0];
    assert!(!message.topic.is_empty() && thread.ends_with(&message.topic), "the topic is {}", message.topic);

    // The badge counts a second thread with unread messages.
    let direct = thread_of_two(&sarah, &reader.user).await;
    sarah.send(&direct, "just for you").await;
    let shown = reader.shows(&service, "just for you").await;
    let last = shown.last().unwrap();
    assert_eq!((&last["notification"]["title"], &last["app_badge"]), (&json!("Sarah"), &json!(2)));
}

// make verify: never, because functions on AWS cannot reach the push service of the test on this machine
#[tokio::test]
async fn nobody_is_notified_who_wrote_read_muted_or_archived() {
    let service = &PushService::start().await;
    let [author, reader, muter, archiver, other] =
        join_all((0..5).map(|_| Member::new(service))).await.try_into().ok().unwrap();
    let silent = [&author, &reader, &muter, &archiver];
    let ids: Vec<_> = silent[1..].iter().chain([&&other]).map(|member| member.user.id.as_str()).collect();
    let thread = text(&author.user.create_thread(&ids).await.ok(201)["id"]).to_owned();
    muter.change(&thread, &json!({ "mutedUntil": "2099-01-01T00:00:00Z" })).await;
    archiver.change(&thread, &json!({ "archived": true })).await;

    let prefix = &author.user.name;
    author.user.send(&thread, "one").await;
    let _ = reader.user.put(&format!("/api/threads/{thread}/read"), &json!({ "seq": 1 })).await.ok(200);
    other.shows(service, &format!("{prefix}: one")).await;

    muter.change(&thread, &json!({ "mutedUntil": null })).await;
    archiver.change(&thread, &json!({ "archived": false })).await;
    author.user.send(&thread, "two").await;
    let (one, two) = (format!("{prefix}: one"), format!("{prefix}: two"));
    // If these members had wrongly been notified of the first message, this notification would have arrived before that
    // of the second message.
    for member in &silent[1..] {
        assert_eq!(bodies(&member.shows(service, &two).await), [&two]);
    }
    assert_eq!(bodies(&other.shows(service, &two).await), [&one, &two]);
    assert_eq!(received(service, &author.device), Vec::<Value>::new());
}

// make verify: never, because functions on AWS cannot reach the push service of the test on this machine
#[tokio::test]
async fn device_rings_only_for_the_user_who_registered_it_last_and_not_after_sign_out() {
    let service = &PushService::start().await;
    let (sarah, former, next) = (User::sarah().await, Member::new(service).await, Member::new(service).await);
    let shared = service.subscribe(&public_key(&sarah).await);
    let id = former.register(&shared).await;
    let mut stolen = shared.to_json();
    stolen["keys"] = next.device.to_json()["keys"].clone();
    next.user.register(&stolen).await.assert_problem(409, "endpoint_taken");
    assert_eq!(next.register(&shared).await, id);
    former.user.unregister(&id).await.assert_problem(404, "subscription_not_found");

    let (with_former, with_next) = (thread_of_two(&sarah, &former.user).await, thread_of_two(&sarah, &next.user).await);
    sarah.send(&with_former, "to the former owner").await;
    sarah.send(&with_next, "to the next owner").await;
    // A notification is sent to all devices of a user at the same time. So once the users' own devices show theirs, the
    // shared device has received all of its notifications.
    former.shows(service, "to the former owner").await;
    assert_eq!(bodies(&shows(service, &shared, "to the next owner").await), ["to the next owner"]);
    next.shows(service, "to the next owner").await;

    assert_eq!(next.user.unregister(&id).await.status, 204);
    sarah.send(&with_next, "after the sign-out").await;
    next.shows(service, "after the sign-out").await;
    assert_eq!(bodies(&received(service, &shared)), ["to the next owner"]);
    next.user.unregister(&id).await.assert_problem(404, "subscription_not_found");
}

// make verify: never, because functions on AWS cannot reach the push service of the test on this machine
#[tokio::test]
async fn gone_device_is_removed_redirects_are_not_followed_and_failures_are_tried_again() {
    let service = &PushService::start().await;
    let (sarah, member) = (User::sarah().await, Member::new(service).await);
    let key = public_key(&sarah).await;
    let [gone, redirecting, target, busy] = [(); 4].map(|()| service.subscribe(&key));
    let mut ids = Vec::new();
    for (device, answer) in [
        (&gone, PushAnswer::Status(410)),
        (&redirecting, PushAnswer::Redirect(target.endpoint.clone())),
        (&busy, PushAnswer::RetryAfter(429, "1".into())),
    ] {
        service.answer(device, answer);
        ids.push(member.register(device).await);
    }
    let thread = thread_of_two(&sarah, &member.user).await;
    sarah.send(&thread, "one").await;
    member.shows(service, "one").await;
    eventually("requests to all devices", async || {
        [&gone, &redirecting, &busy].iter().all(|device| service.requests(device) > 0).then_some(())
    })
    .await;
    for device in [&gone, &busy] {
        service.answer(device, PushAnswer::Accept);
    }
    shows(service, &busy, "one").await;
    assert_eq!(bodies(&received(service, &member.device)), ["one"], "only the failed device is tried again");

    sarah.send(&thread, "two").await;
    shows(service, &busy, "two").await;
    member.shows(service, "two").await;
    assert_eq!((service.requests(&gone), service.requests(&target)), (1, 0));
    member.user.unregister(&ids[0]).await.assert_problem(404, "subscription_not_found");
    for id in &ids[1..] {
        assert_eq!(member.user.unregister(id).await.status, 204);
    }
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn eleventh_device_is_refused_until_another_one_is_removed() {
    let user = User::newcomer().await;
    let register = async |browser: &Value| user.register(browser).await;
    let browsers: Vec<_> = (0..10).map(|_| browser()).collect();
    let mut ids = Vec::new();
    for browser in &browsers {
        ids.push(text(&register(browser).await.ok(200)["id"]).to_owned());
    }
    let eleventh = browser();
    register(&eleventh).await.assert_problem(409, "too_many_devices");
    assert_eq!(register(&browsers[3]).await.ok(200)["id"], *ids[3]);
    assert_eq!(user.unregister(&ids[0]).await.status, 204);
    let _ = register(&eleventh).await.ok(200);
}

#[tokio::test]
async fn bad_subscriptions_are_refused_with_the_names_of_their_fields() {
    let sarah = User::sarah().await;
    let with = |pointer: &str, value: Value| {
        let mut browser = browser();
        *browser.pointer_mut(pointer).unwrap() = value;
        browser
    };
    let key = text(&browser()["keys"]["p256dh"]).to_owned();
    let endpoint = |endpoint: &str| (with("/endpoint", json!(endpoint)), "endpoint");
    let keys = |name: &str, value: Value| (with(&format!("/keys/{name}"), value), "keys");
    let mut cases = vec![
        endpoint("https://push.example.com/a"),
        endpoint("https://fcm.googleapis.com.push.example.com/a"),
        endpoint("https://user@fcm.googleapis.com/a"),
        endpoint("http://fcm.googleapis.com/a"),
        endpoint("https://fcm.googleapis.com:8443/a"),
        endpoint("https://142.250.74.10/a"),
        endpoint("https://[2a00:1450:4001:81c::200a]/a"),
        endpoint("https://127.0.0.1/a"),
        endpoint("http://169.254.169.254/latest/meta-data"),
        endpoint("http://localhost:4566/"),
        endpoint("file:///etc/passwd"),
        endpoint("not a url"),
        endpoint(""),
        endpoint(&format!("https://fcm.googleapis.com/{}", "x".repeat(8 * 1024))),
        (with("/endpoint", Value::Null), "endpoint"),
        (with("/keys", Value::Null), "keys"),
        (with("/keys", json!([])), "keys"),
        (with("/keys", json!({})), "keys"),
        keys("auth", json!("")),
        keys("auth", json!("AAAA")),
        keys("auth", json!("A".repeat(23))),
        keys("auth", json!(16)),
        keys("p256dh", json!("")),
        keys("p256dh", json!(key[..84])),
        keys("p256dh", json!(format!("A{}", &key[1..]))),
        keys("p256dh", json!("x".repeat(10_000))),
        keys("p256dh", Value::Null),
    ];
    // The public key with one character changed. This point is not on the curve P-256.
    cases.push(keys("p256dh", json!(format!("{}A{}", &key[..60], &key[61..]))));
    for (subscription, field) in cases {
        sarah.register(&subscription).await.assert_problem_fields(422, "invalid_request", &[field]);
    }
    sarah.register(&json!({})).await.assert_problem_fields(422, "invalid_request", &["endpoint", "keys"]);
    let both = json!({ "endpoint": "https://push.example.com/a", "keys": { "p256dh": "a", "auth": "b" } });
    sarah.register(&both).await.assert_problem_fields(422, "invalid_request", &["endpoint", "keys"]);
}

// make verify: only if PageUrl is set
#[tokio::test]
async fn public_key_is_a_point_of_p256_and_the_same_for_everybody() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let key = public_key(&sarah).await;
    assert_eq!(public_key(&michael).await, key);
    // Registers the deployment's key as the key of a browser. The server accepts it only if it is a point of the curve
    // P-256.
    let mut browser = browser();
    browser["keys"]["p256dh"] = key.into();
    let id = text(&sarah.register(&browser).await.ok(200)["id"]).to_owned();
    assert_eq!(sarah.unregister(&id).await.status, 204);
}

//! Tests of notifications from the queue to the device, on a real `DynamoDB` engine and with a push service that checks each
//! request and decrypts it.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod recipients;
mod requests;
mod services;

use contract::{ApiError, PushId, PutSubscription, SubscriptionKeys, Thread, UserId};
use push_send::{Deps, handle};
use serde_json::{Value, json};
use store::Registered;
use testkit::{Device, PushService, Queue, Tables, new_thread, send_text};
use tokio::sync::OnceCell;
use webpush::{Client, PushHosts, VapidKey};

const EVENT: &str = include_str!("../../../../events/push-send.json");

const PAGE: &str = "https://chat.example/";

/// A thread, the services that push-send uses, and the deployment's VAPID key.
struct Fixture {
    tables: Tables,
    service: PushService,
    queue: Queue,
    public_key: String,
    thread: Thread,
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

impl Fixture {
    /// Creates a thread of Sarah and Dad.
    async fn new() -> Self {
        Self::with(&["user-sarah", "user-dad"]).await
    }

    /// Creates a thread with these members.
    async fn with(members: &[&str]) -> Self {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), members).await;
        let (public_key, private_key) = VapidKey::generate().unwrap();
        tables.push_keys().create(public_key.clone(), private_key).await.unwrap();
        Self { tables, service: PushService::start().await, queue: Queue::start().await, public_key, thread }
    }

    /// Returns the dependencies of a new instance of push-send.
    fn deps(&self) -> Deps {
        Self::deps_with(&self.tables, &self.queue, "http://127.0.0.1")
    }

    fn deps_with(tables: &Tables, queue: &Queue, hosts: &str) -> Deps {
        let hosts = PushHosts::parse(hosts).unwrap();
        Deps {
            chat: tables.chat(),
            keys: tables.push_keys(),
            key: OnceCell::new(),
            client: Box::new(Client::new("mailto:operator@example.org".into(), &hosts)),
            hosts,
            queue: queue.notifications(),
            page_url: PAGE.into(),
        }
    }

    /// Registers a new device of `owner` at the fixture's push service.
    async fn device(&self, owner: &str) -> Device {
        let device = self.service.subscribe(&self.public_key);
        self.register(owner, &device).await;
        device
    }

    /// Registers a device for `owner`. Returns its ID.
    async fn register(&self, owner: &str, device: &Device) -> PushId {
        let keys = SubscriptionKeys { p256dh: device.p256dh(), auth: device.auth() };
        let new = PutSubscription { endpoint: device.endpoint.clone(), keys };
        match self.tables.chat().put_push_subscription(&user(owner), new).await.unwrap() {
            Registered::Done(id) => id,
            refused => panic!("the device was not registered: {refused:?}"),
        }
    }

    /// Sends a message. Returns its number.
    async fn send(&self, author: &str, body: &str) -> u64 {
        send_text(&self.tables.chat(), author, &self.thread, body).await.seq
    }

    /// Returns chat-stream's request to notify of a message.
    fn request(&self, seq: u64) -> Value {
        json!({"threadId": self.thread.id, "seq": seq})
    }

    /// Handles a request on a new instance.
    async fn handle(&self, request: Value) {
        handle_with(&self.deps(), request).await.unwrap();
    }

    /// Handles chat-stream's request to notify of a message, on a new instance.
    async fn notify(&self, seq: u64) {
        self.handle(self.request(seq)).await;
    }

    /// Returns the text of each notification that `device` has received.
    fn shown(&self, device: &Device) -> Vec<String> {
        let received = self.service.received(device);
        received.iter().map(|push| push.json()["notification"]["body"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the requests for another attempt, each with its delay in seconds.
    fn queued(&self) -> Vec<(Value, u64)> {
        let sent = self.queue.requested_notifications().into_iter();
        sent.map(|(request, delay)| (serde_json::to_value(request).unwrap(), delay.as_secs())).collect()
    }
}

/// Invokes push-send with one message of the queue, which is received for the first time.
async fn handle_with(deps: &Deps, request: Value) -> Result<(), ApiError> {
    handle_events(deps, &[(request.to_string(), 1)]).await
}

/// Invokes push-send with messages of the queue: their bodies, and how often each was received.
async fn handle_events(deps: &Deps, messages: &[(String, u32)]) -> Result<(), ApiError> {
    let event: Value = serde_json::from_str(EVENT).unwrap();
    let record = |(body, receives): &(String, u32)| {
        let mut record = event["Records"][0].clone();
        record["body"] = json!(body);
        record["attributes"]["ApproximateReceiveCount"] = json!(receives.to_string());
        record
    };
    let records: Vec<_> = messages.iter().map(record).collect();
    handle(deps, serde_json::from_value(json!({"Records": records})).unwrap()).await
}

//! Tests of the client against a push service that checks each request and decrypts it with another implementation.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod answers;
mod encryption;
mod service;

use contract::Timestamp;
use testkit::{Device, PushService};
use webpush::{Client, Message, PushClient, PushHosts, Pushed, SubscriptionKeys, VapidKey};

/// A push service, and a client that may send to it.
struct Fixture {
    service: PushService,
    hosts: PushHosts,
    client: Client,
    key: VapidKey,
}

impl Fixture {
    async fn new() -> Self {
        let hosts = PushHosts::parse("http://127.0.0.1").unwrap();
        let client = Client::new("mailto:operator@example.org".into(), &hosts);
        let key = VapidKey::from_pkcs8(&VapidKey::generate().unwrap().1).unwrap();
        Self { service: PushService::start().await, hosts, client, key }
    }

    /// Creates a subscription for this fixture's key.
    fn device(&self) -> Device {
        self.service.subscribe(&self.key.public_key())
    }

    /// Sends `content` to a device, with the topic `thread_1`.
    async fn push(&self, device: &Device, content: &[u8]) -> Pushed {
        let endpoint = self.hosts.endpoint(&device.endpoint).unwrap();
        let keys = SubscriptionKeys::parse(&device.p256dh(), &device.auth()).unwrap();
        let message = Message { endpoint: &endpoint, keys: &keys, content, topic: "thread_1" };
        self.client.push(&self.key, message, Timestamp::now()).await.unwrap()
    }
}

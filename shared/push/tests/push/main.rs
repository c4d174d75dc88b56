//! Tests of delivery with a real `DynamoDB` engine and a fake of the `@connections` API.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod audience;
mod delivery;

use contract::{Channel, ConnectionId, ThreadId};
use push::{Delivery, Push};
use store::{Connection, Connections};
use testkit::{Management, Tables, connect};

/// A [`Push`] with a test table of connections and a fake of the `@connections` API, and a channel to deliver to.
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

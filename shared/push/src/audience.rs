use std::collections::BTreeMap;

use contract::{Channel, ConnectionId, UserId};
use futures::{StreamExt as _, TryStreamExt as _};
use store::{Connections, Error, Subscriber};
use tokio::time::Instant;

/// Number of channels whose subscribers are read at once.
const CONCURRENT_READS: usize = 16;

/// An open connection that a delivery posts the event to.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// The channels of the delivery that the connection is subscribed to, each with the connection's subscription.
    subscriptions: Vec<(&'a Channel, Subscriber)>,
}

impl<'a> Target<'a> {
    /// Returns the user who opened the connection. `None` if an older version of the server stored the subscriptions,
    /// without the user.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.subscriptions.iter().find_map(|(_, subscriber)| subscriber.user_id.as_ref())
    }

    /// Returns the connection's subscription to `channel`, or `None` if the connection is not subscribed to the
    /// channel.
    #[must_use]
    pub fn subscription(&self, channel: &Channel) -> Option<&Subscriber> {
        self.subscriptions.iter().find_map(|(other, subscriber)| (*other == channel).then_some(subscriber))
    }

    /// Returns the channels of the delivery that the connection is subscribed to. If the connection turns out to be
    /// closed, its subscriptions to these channels are deleted.
    pub fn channels(&self) -> impl Iterator<Item = &'a Channel> {
        self.subscriptions.iter().map(|(channel, _)| *channel)
    }

    /// Returns whether API Gateway may still be opening the connection. It may then answer 410 (Gone) although the
    /// connection is not closed. A subscription that the client requested in a frame proves that the connection was
    /// open.
    pub(crate) fn opening(&self) -> bool {
        self.subscriptions.iter().all(|(_, subscriber)| subscriber.opening)
    }
}

/// The subscribers of a delivery's channels. Each connection occurs once, with all its channels.
#[derive(Debug, Clone)]
pub struct Audience<'a> {
    pub(crate) targets: BTreeMap<ConnectionId, Target<'a>>,
    pub(crate) expired: BTreeMap<ConnectionId, Vec<&'a Channel>>,
    /// When the delivery ends, even if it has not reached all connections.
    pub(crate) deadline: Instant,
}

impl<'a> Audience<'a> {
    /// Returns the connection with this ID, if it is subscribed to one of the channels.
    #[must_use]
    pub fn get(&self, id: &ConnectionId) -> Option<&Target<'a>> {
        self.targets.get(id)
    }

    /// Returns the number of connections that receive the event.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Returns whether no connection receives the event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Removes the connections for which `keep` returns false. They do not receive the event.
    pub fn retain(&mut self, mut keep: impl FnMut(&ConnectionId, &Target<'a>) -> bool) {
        self.targets.retain(|id, target| keep(id, target));
    }

    /// Reads the subscribers of all `channels`. A connection that is subscribed to several of them becomes one target.
    pub(crate) async fn read(
        connections: &Connections,
        channels: &'a [Channel],
        deadline: Instant,
    ) -> Result<Self, Error> {
        // The futures are made before the stream, because the compiler cannot infer the lifetimes if a closure in the
        // stream makes them.
        let reads: Vec<_> = channels.iter().map(|channel| connections.subscribers(channel)).collect();
        let subscribers: Vec<_> = futures::stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await?;
        let mut audience = Self { targets: BTreeMap::new(), expired: BTreeMap::new(), deadline };
        for (channel, subscribers) in channels.iter().zip(subscribers) {
            for subscriber in subscribers.live {
                let target = audience.targets.entry(subscriber.connection_id.clone());
                target
                    .or_insert_with(|| Target { subscriptions: Vec::new() })
                    .subscriptions
                    .push((channel, subscriber));
            }
            for id in subscribers.expired {
                audience.expired.entry(id).or_default().push(channel);
            }
        }
        Ok(audience)
    }
}

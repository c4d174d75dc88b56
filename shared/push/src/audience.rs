use std::collections::BTreeMap;

use contract::{Channel, ConnectionId};
use futures::future::try_join_all;
use store::{Connections, Error};

/// A connection that a delivery posts to.
#[derive(Default)]
pub(crate) struct Target<'a> {
    /// The delivery's channels that the connection is subscribed to.
    pub(crate) channels: Vec<&'a Channel>,
    /// Whether the connection may not be open yet, so that a 410 does not mean that it is closed.
    pub(crate) opening: bool,
}

/// The subscribers of a delivery's channels. Each connection occurs once, with all its channels.
#[derive(Default)]
pub(crate) struct Audience<'a> {
    pub(crate) targets: BTreeMap<ConnectionId, Target<'a>>,
    pub(crate) expired: BTreeMap<ConnectionId, Vec<&'a Channel>>,
}

impl<'a> Audience<'a> {
    /// Reads the subscribers of all `channels`.
    pub(crate) async fn read(connections: &Connections, channels: &'a [Channel]) -> Result<Self, Error> {
        let subscribers = try_join_all(channels.iter().map(|channel| connections.subscribers(channel))).await?;
        let mut audience = Self::default();
        for (channel, subscribers) in channels.iter().zip(subscribers) {
            for subscriber in subscribers.live {
                let target = audience.targets.entry(subscriber.connection_id).or_default();
                // A connection with a second subscription has been open, because it subscribed by a frame.
                target.opening = subscriber.opening && target.channels.is_empty();
                target.channels.push(channel);
            }
            for id in subscribers.expired {
                audience.expired.entry(id).or_default().push(channel);
            }
        }
        Ok(audience)
    }
}

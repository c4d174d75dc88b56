use std::collections::BTreeMap;

use contract::{Channel, ConnectionId};
use futures::future::try_join_all;
use store::{Connections, Error};

/// An open connection that a delivery posts the event to.
#[derive(Default)]
pub(crate) struct Target<'a> {
    /// Those channels of the delivery that the connection is subscribed to. If the connection turns out to be closed,
    /// its subscriptions to these channels are deleted.
    pub(crate) channels: Vec<&'a Channel>,
    /// Whether API Gateway may still be opening the connection. It may then answer 410 (Gone) although the
    /// connection is not closed.
    pub(crate) opening: bool,
}

/// The subscribers of a delivery's channels. Each connection occurs once, with all its channels.
#[derive(Default)]
pub(crate) struct Audience<'a> {
    pub(crate) targets: BTreeMap<ConnectionId, Target<'a>>,
    pub(crate) expired: BTreeMap<ConnectionId, Vec<&'a Channel>>,
}

impl<'a> Audience<'a> {
    /// Reads the subscribers of all `channels`. A connection that is subscribed to several of them becomes one target.
    pub(crate) async fn read(connections: &Connections, channels: &'a [Channel]) -> Result<Self, Error> {
        let subscribers = try_join_all(channels.iter().map(|channel| connections.subscribers(channel))).await?;
        let mut audience = Self::default();
        for (channel, subscribers) in channels.iter().zip(subscribers) {
            for subscriber in subscribers.live {
                let target = audience.targets.entry(subscriber.connection_id).or_default();
                // ws-connect makes one subscription; all others come from frames over the open connection. So API
                // Gateway has finished opening a connection that has two subscriptions.
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

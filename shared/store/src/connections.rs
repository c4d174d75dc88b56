use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use aws_types::SdkConfig;
use contract::{Channel, ConnectionId, Timestamp, UserId, limits};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use crate::error::{Error, condition_failed};
use crate::keys;
use crate::row::{from_item, n, s, to_item};
use crate::table::Table;

/// The table `Connections`: sockets, what they are subscribed to, and tickets to open one.
///
/// A connection's row lists its channels before the subscription's own row is written, so that whoever removes a
/// connection finds all its subscriptions. Every connection hears its user's own channel from the start.
#[derive(Debug, Clone)]
pub struct Connections {
    pub(crate) table: Table,
}

/// A live socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// API Gateway's id of it.
    pub id: ConnectionId,
    /// Whose it is.
    pub user_id: UserId,
    /// From when on nothing is delivered to it, in seconds since 1970: the end of its token or of the 2 hours that
    /// API Gateway allows, whichever is first.
    pub expires_at: i64,
}

/// What [`Connections::subscribe`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// What is committed from now on reaches the connection.
    Done,
    /// It has [`limits::SUBSCRIPTIONS`] channels already.
    TooMany,
    /// The connection has been removed meanwhile.
    Gone,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionRow {
    user_id: UserId,
    expires_at: i64,
    #[serde(serialize_with = "serde_dynamo::string_set::serialize")]
    channels: BTreeSet<Channel>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    closing: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionRow {
    connection_id: ConnectionId,
    #[serde(default)]
    subscribed_at: i64,
    expires_at: i64,
}

/// Who hears a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscribers {
    /// Whom to deliver to.
    pub live: Vec<Subscriber>,
    /// Whose time is over, though their rows are still there: to be closed and not delivered to.
    pub expired: Vec<ConnectionId>,
}

/// A connection that hears a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Whether it may not be open yet: until the function behind `$connect` has answered, API Gateway says of a connection
    /// that it is gone.
    pub opening: bool,
}

/// Seconds that API Gateway waits for the function behind `$connect`, at most:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
const OPENING: i64 = 29;

impl Connections {
    /// The table called `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { table: Table::new(config, table) }
    }

    /// Opens the connection that the first request will use; for a function's start, which has a whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.warm_up().await
    }

    /// Notes that a socket is open, for a token that ends at `token_expires_at` (seconds since 1970).
    pub async fn connect(&self, id: &ConnectionId, user_id: &UserId, token_expires_at: i64) -> Result<(), Error> {
        let expires_at = token_expires_at.min(Timestamp::now().seconds() + limits::CONNECTION_SECONDS);
        let own = Channel::User(user_id.clone());
        let channels = BTreeSet::from([own.clone()]);
        let row = ConnectionRow { user_id: user_id.clone(), expires_at, channels, closing: false };
        let item = to_item(&keys::connection(id), &row)?;
        self.table.put(item).await?;
        self.put_subscription(&Connection { id: id.clone(), user_id: user_id.clone(), expires_at }, &own).await
    }

    async fn put_subscription(&self, connection: &Connection, channel: &Channel) -> Result<(), Error> {
        let row = SubscriptionRow {
            connection_id: connection.id.clone(),
            subscribed_at: Timestamp::now().seconds(),
            expires_at: connection.expires_at,
        };
        let item = to_item(&keys::subscription(channel, &connection.id), &row)?;
        self.table.put(item).await
    }

    /// The socket, if it is open and has not expired.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, Error> {
        let Some(row) = self.connection_row(id).await? else { return Ok(None) };
        let ConnectionRow { user_id, expires_at, .. } = row;
        Ok((expires_at > Timestamp::now().seconds()).then(|| Connection { id: id.clone(), user_id, expires_at }))
    }

    /// Subscribes a connection to a channel; doing it again changes nothing. When this returns, every later
    /// [`subscribers`](Self::subscribers) has it.
    pub async fn subscribe(&self, connection: &Connection, channel: &Channel) -> Result<Subscribed, Error> {
        if !self.list_channel(connection, channel).await? {
            return Ok(if self.connection(&connection.id).await?.is_some() {
                Subscribed::TooMany
            } else {
                Subscribed::Gone
            });
        }
        self.put_subscription(connection, channel).await?;
        // Removed between the two writes, the connection has left this subscription behind.
        if self.connection_row(&connection.id).await?.is_none() {
            self.unsubscribe(&connection.id, channel).await?;
            return Ok(Subscribed::Gone);
        }
        Ok(Subscribed::Done)
    }

    /// Adds the channel to those that the connection's row lists; false where there is no such row or it is full.
    async fn list_channel(&self, connection: &Connection, channel: &Channel) -> Result<bool, Error> {
        let updated = self
            .table
            .update(&keys::connection(&connection.id))
            .update_expression("ADD channels :added")
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(closing) AND \
                 (contains(channels, :channel) OR size(channels) < :most)",
            )
            .expression_attribute_values(":added", AttributeValue::Ss(vec![channel.to_string()]))
            .expression_attribute_values(":channel", s(channel.to_string()))
            .expression_attribute_values(":most", n(limits::SUBSCRIPTIONS + 1))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a subscription; doing it again changes nothing. The connection's row goes on listing the channel, which
    /// costs a needless delete at the end and saves a write now.
    pub async fn unsubscribe(&self, id: &ConnectionId, channel: &Channel) -> Result<(), Error> {
        self.table.delete(&keys::subscription(channel, id)).await.map(drop)
    }

    /// Who hears the channel: every subscription that was complete before the call.
    pub async fn subscribers(&self, channel: &Channel) -> Result<Subscribers, Error> {
        let now = Timestamp::now().seconds();
        let mut subscribers = Subscribers::default();
        for item in self.table.partition(keys::channel(channel), keys::SUBSCRIPTION_PREFIX).await? {
            let row: SubscriptionRow = from_item(item)?;
            if row.expires_at > now {
                // To its user's own channel, a connection is subscribed before it is open; to others, by a frame on it.
                let opening = matches!(channel, Channel::User(_)) && now - row.subscribed_at <= OPENING;
                subscribers.live.push(Subscriber { connection_id: row.connection_id, opening });
            } else {
                subscribers.expired.push(row.connection_id);
            }
        }
        Ok(subscribers)
    }

    /// Removes a connection and its subscriptions, whichever of them are there. It is marked as closing first, so that
    /// nothing is subscribed any more, and its own row goes last, so that a removal that was cut short can be repeated.
    pub async fn remove(&self, id: &ConnectionId) -> Result<(), Error> {
        let key = keys::connection(id);
        let update = self.table.update(&key);
        let marked = update
            .update_expression("SET closing = :true")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let row: ConnectionRow = match marked {
            Ok(marked) => from_item(marked.attributes.unwrap_or_default())?,
            Err(error) if condition_failed(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let ends: Vec<_> = row.channels.iter().map(|channel| self.unsubscribe(id, channel)).collect();
        let () = futures::stream::iter(ends).buffer_unordered(16).try_collect().await?;
        self.table.delete(&key).await.map(drop)
    }

    /// The row of a connection that is open, expired or not.
    async fn connection_row(&self, id: &ConnectionId) -> Result<Option<ConnectionRow>, Error> {
        let row: Option<ConnectionRow> = self.table.get(&keys::connection(id)).await?.map(from_item).transpose()?;
        Ok(row.filter(|row| !row.closing))
    }
}

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
use crate::transaction::IS_NEW;

/// Client of the `Connections` table: connections, their subscriptions, and tickets.
///
/// A subscription's channel is added to the connection's row before the subscription's own row is written. So
/// [`remove`](Self::remove) finds all subscriptions of a connection. Every connection is subscribed to its user's own
/// channel from the start.
#[derive(Debug, Clone)]
pub struct Connections {
    pub(crate) table: Table,
}

/// An open WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// API Gateway's ID of the connection.
    pub id: ConnectionId,
    /// The user who opened the connection.
    pub user_id: UserId,
    /// When the connection expires, in seconds since 1970: when the user's token expires, or after the 2 hours that API
    /// Gateway allows, whichever is earlier. No event is delivered to an expired connection.
    pub expires_at: i64,
}

/// Result of [`Connections::subscribe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// The connection is subscribed: it receives every event of the channel from now on.
    Done,
    /// The connection has already subscribed to [`limits::SUBSCRIPTIONS`] channels. Channels that it has unsubscribed
    /// from count, too.
    TooMany,
    /// The connection does not exist any more, is being removed, or has expired.
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
    /// The user who opened the connection. Subscriptions that an earlier version of this code wrote do not have it.
    /// They expire within two hours.
    #[serde(default)]
    user_id: Option<UserId>,
    #[serde(default)]
    subscribed_at: i64,
    expires_at: i64,
    /// Whether the connection receives the events of its user's inbox. True only in the subscription to the user's own
    /// channel.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    inbox: bool,
}

/// The connections that are subscribed to a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscribers {
    /// Connections that receive the channel's events.
    pub live: Vec<Subscriber>,
    /// Expired connections whose rows TTL has not deleted yet. Close them; do not deliver events to them.
    pub expired: Vec<ConnectionId>,
}

/// A connection that is subscribed to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// ID of the connection.
    pub connection_id: ConnectionId,
    /// The user who opened the connection. `None` if an earlier version of this code wrote the subscription, without
    /// the user.
    pub user_id: Option<UserId>,
    /// When the connection subscribed to the channel, in seconds since 1970.
    pub subscribed_at: i64,
    /// Whether API Gateway may still be opening the connection. It answers posts to such a connection with 410 (Gone)
    /// until ws-connect, the function for `$connect`, has returned.
    pub opening: bool,
}

/// Seconds that API Gateway waits for ws-connect, the function for `$connect`:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
const CONNECT_TIMEOUT: i64 = 29;

impl Connections {
    /// Creates a client of the `DynamoDB` table named `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { table: Table::new(config, table) }
    }

    /// Opens the network connection to `DynamoDB`, so that the first request is faster. Call this during a function's
    /// initialization, when Lambda provides a whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.warm_up().await
    }

    /// Stores a new connection and subscribes it to its user's own channel. `token_expires_at` is when the user's token
    /// expires, in seconds since 1970.
    pub async fn connect(&self, id: &ConnectionId, user_id: &UserId, token_expires_at: i64) -> Result<(), Error> {
        let expires_at = token_expires_at.min(Timestamp::now().seconds() + limits::CONNECTION_SECONDS);
        let user_channel = Channel::User(user_id.clone());
        let channels = BTreeSet::from([user_channel.clone()]);
        let row = ConnectionRow { user_id: user_id.clone(), expires_at, channels, closing: false };
        let item = to_item(&keys::connection(id), &row)?;
        self.table.put(item).await?;
        self.put_subscription(&Connection { id: id.clone(), user_id: user_id.clone(), expires_at }, &user_channel).await
    }

    async fn put_subscription(&self, connection: &Connection, channel: &Channel) -> Result<(), Error> {
        let row = SubscriptionRow {
            connection_id: connection.id.clone(),
            user_id: Some(connection.user_id.clone()),
            subscribed_at: Timestamp::now().seconds(),
            expires_at: connection.expires_at,
            inbox: false,
        };
        let put = self.table.put_if(to_item(&keys::subscription(channel, &connection.id), &row)?);
        let put = match channel {
            Channel::Thread(_) => put,
            // ws-connect writes this row once. If the SDK repeats the write and the first request takes effect late, it
            // must not clear the flag `inbox`, which `open_inbox` may have set meanwhile.
            Channel::User(_) | Channel::Inbox(_) => put.condition_expression(IS_NEW),
        };
        match put.send().await {
            Err(error) if condition_failed(&error) => Ok(()),
            put => Ok(put.map(drop)?),
        }
    }

    /// Reads a connection. Returns `None` if it does not exist, is being removed, or has expired.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, Error> {
        let Some(row) = self.connection_row(id).await? else { return Ok(None) };
        let ConnectionRow { user_id, expires_at, .. } = row;
        Ok((expires_at > Timestamp::now().seconds()).then(|| Connection { id: id.clone(), user_id, expires_at }))
    }

    /// Subscribes a connection to a channel. Idempotent. After [`Subscribed::Done`], every call of
    /// [`subscribers`](Self::subscribers) returns the connection.
    pub async fn subscribe(&self, connection: &Connection, channel: &Channel) -> Result<Subscribed, Error> {
        if !self.add_channel(connection, channel).await? {
            return Ok(if self.connection(&connection.id).await?.is_some() {
                Subscribed::TooMany
            } else {
                Subscribed::Gone
            });
        }
        self.put_subscription(connection, channel).await?;
        // If the connection was removed before the subscription was written, the subscription was not deleted with the
        // connection. So it is deleted here.
        if self.connection_row(&connection.id).await?.is_none() {
            self.unsubscribe(&connection.id, channel).await?;
            return Ok(Subscribed::Gone);
        }
        Ok(Subscribed::Done)
    }

    /// Adds the channel to the connection's row. Returns false if the connection does not exist or is being removed, or
    /// if its list of channels is full.
    async fn add_channel(&self, connection: &Connection, channel: &Channel) -> Result<bool, Error> {
        let updated = self
            .table
            .update(&keys::connection(&connection.id))
            .update_expression("ADD channels :added")
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(closing) AND \
                 (contains(channels, :channel) OR size(channels) < :max)",
            )
            .expression_attribute_values(":added", AttributeValue::Ss(vec![channel.to_string()]))
            .expression_attribute_values(":channel", s(channel.to_string()))
            // The list also contains the user's own channel, which does not count towards the limit.
            .expression_attribute_values(":max", n(limits::SUBSCRIPTIONS + 1))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Subscribes a connection to its user's inbox. Idempotent. After [`Subscribed::Done`], every call of
    /// [`subscribers`](Self::subscribers) for the inbox returns the connection.
    pub async fn open_inbox(&self, connection: &Connection) -> Result<Subscribed, Error> {
        let opened = self.set_inbox(connection, true).await?;
        Ok(if opened { Subscribed::Done } else { Subscribed::Gone })
    }

    /// Ends a connection's subscription to its user's inbox. Idempotent.
    pub async fn close_inbox(&self, connection: &Connection) -> Result<(), Error> {
        self.set_inbox(connection, false).await.map(drop)
    }

    /// Sets whether a connection receives the events of its user's inbox. Returns false if the connection is being
    /// removed or was removed, and so has no subscription to its user's own channel any more.
    async fn set_inbox(&self, connection: &Connection, inbox: bool) -> Result<bool, Error> {
        let key = keys::subscription(&Channel::Inbox(connection.user_id.clone()), &connection.id);
        let update = self
            .table
            .update(&key)
            .update_expression("SET inbox = :inbox")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":inbox", AttributeValue::Bool(inbox));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a subscription. For an inbox, deletes the subscription to the user's own channel. Idempotent. The
    /// channel stays in the list in the connection's row. That saves a write now, and costs one unnecessary delete when
    /// the connection is removed.
    pub async fn unsubscribe(&self, id: &ConnectionId, channel: &Channel) -> Result<(), Error> {
        self.table.delete(&keys::subscription(channel, id)).await.map(drop)
    }

    /// Reads the subscribers of a channel. They include every connection whose subscription was complete before the
    /// call.
    pub async fn subscribers(&self, channel: &Channel) -> Result<Subscribers, Error> {
        let now = Timestamp::now().seconds();
        let mut subscribers = Subscribers::default();
        for item in self.table.partition(keys::channel(channel), keys::SUBSCRIPTION_PREFIX).await? {
            let row: SubscriptionRow = from_item(item)?;
            if matches!(channel, Channel::Inbox(_)) && !row.inbox {
                continue;
            }
            if row.expires_at > now {
                // ws-connect subscribes a connection to its user's own channel before the connection is open. All other
                // subscriptions, and the flag `inbox`, are written because of a frame on the open connection.
                let by_connecting = matches!(channel, Channel::User(_)) && !row.inbox;
                let opening = by_connecting && now - row.subscribed_at <= CONNECT_TIMEOUT;
                let SubscriptionRow { connection_id, user_id, subscribed_at, expires_at: _, inbox: _ } = row;
                subscribers.live.push(Subscriber { connection_id, user_id, subscribed_at, opening });
            } else {
                subscribers.expired.push(row.connection_id);
            }
        }
        Ok(subscribers)
    }

    /// Removes a connection and its subscriptions. Idempotent. The `closing` flag is set first, so that no subscription
    /// is added meanwhile. The connection's row is deleted last, so that a call that failed can be repeated.
    pub async fn remove(&self, id: &ConnectionId) -> Result<(), Error> {
        let key = keys::connection(id);
        let update = self.table.update(&key);
        let updated = update
            .update_expression("SET closing = :true")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let row: ConnectionRow = match updated {
            Ok(updated) => from_item(updated.attributes.unwrap_or_default())?,
            Err(error) if condition_failed(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let deletes: Vec<_> = row.channels.iter().map(|channel| self.unsubscribe(id, channel)).collect();
        let () = futures::stream::iter(deletes).buffer_unordered(16).try_collect().await?;
        self.table.delete(&key).await.map(drop)
    }

    /// Reads the row of a connection, even if the connection has expired. Returns `None` if the row does not exist or
    /// the connection is being removed.
    async fn connection_row(&self, id: &ConnectionId) -> Result<Option<ConnectionRow>, Error> {
        let row: Option<ConnectionRow> = self.table.get(&keys::connection(id)).await?.map(from_item).transpose()?;
        Ok(row.filter(|row| !row.closing))
    }
}

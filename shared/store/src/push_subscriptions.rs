//! Push subscriptions: the devices that receive a user's notifications.

use contract::{PushId, PutSubscription, Timestamp, UserId, limits};
use serde::{Deserialize, Serialize};

use crate::backoff;
use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::row::{from_item, s, to_item};
use crate::transaction::{TransactionResult, Write};

/// The row of a push subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionRow {
    /// The subscription's ID.
    pub id: PushId,
    /// How notifications reach the device: always `web`, which stands for Web Push.
    kind: SubscriptionKind,
    /// The URL of this subscription at the push service.
    pub endpoint: String,
    /// The browser's public key, in base64url.
    pub p256dh: String,
    /// The authentication secret, in base64url.
    pub auth: String,
    /// When the device was registered or renewed.
    registered_at: Timestamp,
    /// When the subscription expires, in seconds since 1970.
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SubscriptionKind {
    Web,
}

/// The row of an endpoint: the user who registered it last.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerRow {
    user_id: UserId,
    /// The subscription's public key. Only the browser that the endpoint belongs to knows this key and the secret
    /// `auth`. So a user who sends both uses this browser.
    p256dh: String,
    auth: String,
    expires_at: i64,
}

/// Result of [`Chat::put_push_subscription`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The device is registered, or was renewed.
    Done(PushId),
    /// Another user has registered the endpoint, with other keys.
    Taken,
    /// The user already has [`limits::DEVICES`] other devices.
    TooMany,
}

impl SubscriptionRow {
    /// Returns whether the subscription has not expired at `now`. TTL deletes rows late, so expired ones are still
    /// read.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now.seconds()
    }
}

impl Chat {
    /// Registers a device of a user, or renews it. If another user has registered the same browser before, with the same
    /// keys, the device moves from that user to this one.
    pub async fn put_push_subscription(&self, user: &UserId, new: PutSubscription) -> Result<Registered, Error> {
        let now = Timestamp::now();
        let PutSubscription { endpoint, keys: contract::SubscriptionKeys { p256dh, auth } } = new;
        let id = keys::push_id(&endpoint);
        let expires_at = now.seconds() + limits::DEVICE_DAYS * 24 * 60 * 60;
        let owner = OwnerRow { user_id: user.clone(), p256dh: p256dh.clone(), auth: auth.clone(), expires_at };
        let kind = SubscriptionKind::Web;
        let row = SubscriptionRow { id: id.clone(), kind, endpoint, p256dh, auth, registered_at: now, expires_at };
        for attempt in 0..backoff::ATTEMPTS {
            let owner_key = keys::endpoint_owner(&id);
            let (devices, existing) = futures::try_join!(self.push_subscriptions(user), self.table.get(&owner_key))?;
            let mut live = devices.iter().filter(|device| device.is_live(now));
            let count = live.clone().count();
            // Concurrent registrations may have made more devices than allowed. Each of them can still be renewed.
            if count >= limits::DEVICES && !live.any(|device| device.id == id) {
                return Ok(Registered::TooMany);
            }
            let existing: Option<OwnerRow> = existing.map(from_item).transpose()?;
            let other = existing.as_ref().filter(|existing| existing.user_id != *user);
            let has_expired = |owner: &OwnerRow| owner.expires_at <= now.seconds();
            if other
                .is_some_and(|other| !has_expired(other) && (&other.p256dh, &other.auth) != (&row.p256dh, &row.auth))
            {
                return Ok(Registered::Taken);
            }
            let put_owner = self.table.transaction_put(to_item(&owner_key, &owner)?);
            let put_owner = match &existing {
                None => put_owner.condition_expression("attribute_not_exists(pk)"),
                Some(existing) => put_owner
                    .condition_expression("userId = :user AND p256dh = :p256dh AND #auth = :auth")
                    // `auth` is a reserved word of DynamoDB, so the expression needs a placeholder for this name.
                    .expression_attribute_names("#auth", "auth")
                    .expression_attribute_values(":user", s(existing.user_id.as_str()))
                    .expression_attribute_values(":p256dh", s(&existing.p256dh))
                    .expression_attribute_values(":auth", s(&existing.auth)),
            };
            let put = self.table.transaction_put(to_item(&keys::push_subscription(user, &id), &row)?);
            let mut writes = vec![Write::Put(put_owner), Write::Put(put)];
            writes.extend(other.map(|other| {
                Write::Delete(self.table.transaction_delete(&keys::push_subscription(&other.user_id, &id)))
            }));
            match self.table.transact(writes).await? {
                TransactionResult::Committed => return Ok(Registered::Done(id)),
                // The row of the endpoint's owner has changed since it was read. An earlier attempt of this call, whose
                // answer was lost, may have changed it.
                TransactionResult::ConditionFailed(_) | TransactionResult::Conflict => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many concurrent registrations of one device".into()))
    }

    /// Removes a device of a user. Returns whether the user had it.
    pub async fn delete_push_subscription(&self, user: &UserId, id: &PushId) -> Result<bool, Error> {
        for attempt in 0..backoff::ATTEMPTS {
            let key = keys::push_subscription(user, id);
            if self.table.get(&key).await?.is_none() {
                // In a later attempt, the user had the device, because the first attempt has found it. An earlier
                // attempt may have deleted it although its answer was lost.
                return Ok(attempt > 0);
            }
            match self.table.transact(self.delete_both(user, id, None)).await? {
                TransactionResult::Committed => return Ok(true),
                TransactionResult::ConditionFailed(_) => {
                    // The endpoint belongs to another user. TTL has deleted the row that named this user as the owner
                    // before the row of the subscription, and then the other user has registered the endpoint.
                    self.table.delete(&key).await?;
                    return Ok(true);
                }
                TransactionResult::Conflict => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many concurrent changes of one device".into()))
    }

    /// Removes a device that the push service does not know any more, unless it was registered again since `device` was read.
    pub async fn remove_gone_device(&self, user: &UserId, device: &SubscriptionRow) -> Result<(), Error> {
        for attempt in 0..backoff::ATTEMPTS {
            match self.table.transact(self.delete_both(user, &device.id, Some(device.registered_at))).await? {
                TransactionResult::Committed | TransactionResult::ConditionFailed(_) => return Ok(()),
                TransactionResult::Conflict => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many concurrent changes of one device".into()))
    }

    /// Returns the two deletions that remove a user's device. The first deletes its subscription, on condition that the
    /// device was registered at `registered_at`, if a time is given. The second deletes the row of the endpoint's
    /// owner, on condition that the owner is the user or that the row does not exist.
    fn delete_both(&self, user: &UserId, id: &PushId, registered_at: Option<Timestamp>) -> [Write; 2] {
        let mut subscription = self.table.transaction_delete(&keys::push_subscription(user, id));
        if let Some(time) = registered_at {
            subscription = subscription
                .condition_expression("registeredAt = :time")
                .expression_attribute_values(":time", s(time.to_string()));
        }
        let owner = self
            .table
            .transaction_delete(&keys::endpoint_owner(id))
            .condition_expression("attribute_not_exists(pk) OR userId = :user")
            .expression_attribute_values(":user", s(user.as_str()));
        [Write::Delete(subscription), Write::Delete(owner)]
    }

    /// Reads all push subscriptions of a user, also expired ones.
    pub(crate) async fn push_subscriptions(&self, user: &UserId) -> Result<Vec<SubscriptionRow>, Error> {
        let pk = keys::profile(user).pk;
        self.table.partition(pk, keys::PUSH_PREFIX).await?.into_iter().map(from_item).collect()
    }
}

//! The primary keys of both tables. No other module makes a key.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_support::sha256;
use contract::{Channel, ConnectionId, FileId, IdempotencyKey, ThreadId, UserId};

use crate::row::Item;

/// Name of the partition key.
pub(crate) const PK: &str = "pk";
/// Name of the sort key.
pub(crate) const SK: &str = "sk";
/// Start of the sort key of a user's memberships.
pub(crate) const MEMBERSHIP_PREFIX: &str = "THREAD#";
/// Start of the partition key of a file.
const FILE_PREFIX: &str = "FILE#";
/// Start of the sort key of a channel's subscriptions.
pub(crate) const SUBSCRIPTION_PREFIX: &str = "CONN#";

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// The key as the SDK takes it.
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.pk, self.sk)
    }
}

/// `Chat`: the profile of a user.
pub(crate) fn profile(user: &UserId) -> Key {
    Key::new(format!("USER#{user}"), "PROFILE")
}

/// `Chat`: the membership of a user in a thread.
pub(crate) fn membership(user: &UserId, thread: &ThreadId) -> Key {
    Key::new(format!("USER#{user}"), format!("{MEMBERSHIP_PREFIX}{thread}"))
}

/// `Chat`: the member set, which refers to the one thread with exactly these members.
pub(crate) fn member_set(members: &[UserId]) -> Key {
    let mut sorted: Vec<_> = members.iter().map(UserId::as_str).collect();
    sorted.sort_unstable();
    // Each id follows its length, so that two different sets never have the same text.
    let text = sorted.into_iter().fold(String::new(), |text, id| format!("{text}{}:{id}", id.len()));
    Key::new(format!("MEMBERS#{}", sha256(text.as_bytes())), "THREAD")
}

/// `Chat`: a thread.
pub(crate) fn thread(thread: &ThreadId) -> Key {
    Key::new(format!("THREAD#{thread}"), "META")
}

/// `Chat`: a message. `seq` has 20 digits with leading zeros, so that text order is number order.
pub(crate) fn message(thread: &ThreadId, seq: u64) -> Key {
    Key::new(format!("THREAD#{thread}"), format!("MSG#{seq:020}"))
}

/// `Chat`: an idempotency record. User IDs and idempotency keys may contain `#`; the length of the user ID keeps two
/// different pairs from having the same key.
pub(crate) fn idempotency(thread: &ThreadId, user: &UserId, key: &IdempotencyKey) -> Key {
    let user = user.as_str();
    Key::new(format!("THREAD#{thread}"), format!("KEY#{}#{user}#{}", user.len(), key.as_str()))
}

/// `Chat`: a file.
pub(crate) fn file(id: &FileId) -> Key {
    Key::new(format!("{FILE_PREFIX}{id}"), "META")
}

/// Returns whether an item is the row of a file. A batch read returns rows of several kinds.
pub(crate) fn is_file(item: &Item) -> bool {
    item.get(PK).and_then(|pk| pk.as_s().ok()).is_some_and(|pk| pk.starts_with(FILE_PREFIX))
}

/// `Connections`: a connection.
pub(crate) fn connection(id: &ConnectionId) -> Key {
    Key::new(format!("CONN#{id}"), "META")
}

/// `Connections`: the partition key of a channel's subscriptions.
pub(crate) fn channel(channel: &Channel) -> String {
    format!("CHANNEL#{channel}")
}

/// `Connections`: the subscription of a connection to a channel.
pub(crate) fn subscription(on: &Channel, id: &ConnectionId) -> Key {
    Key::new(channel(on), format!("{SUBSCRIPTION_PREFIX}{id}"))
}

/// `Connections`: a ticket. The key holds only a hash, so that read access to the table does not allow to connect.
pub(crate) fn ticket(ticket: &str) -> Key {
    Key::new(format!("TICKET#{}", sha256(ticket.as_bytes())), "META")
}

/// Both tables: a key that no row has. Reading it opens a network connection.
pub(crate) fn warm_up() -> Key {
    Key::new("WARM-UP".to_owned(), "META")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    #[test]
    fn member_set_key_ignores_order_and_differs_between_sets() {
        let (a, b) = (user("a"), user("b"));
        assert_eq!(member_set(&[a.clone(), b.clone()]), member_set(&[b, a]));
        assert_ne!(member_set(&[user("ab")]), member_set(&[user("a"), user("b")]));
        assert_ne!(member_set(&[user("1:a")]), member_set(&[user("a")]));
    }

    #[test]
    fn idempotency_keys_with_hash_signs_do_not_collide_between_users() {
        let thread = ThreadId::new();
        let key = |text: &str| IdempotencyKey::parse(text.as_bytes()).unwrap();
        assert_ne!(idempotency(&thread, &user("a#b"), &key("c")), idempotency(&thread, &user("a"), &key("b#c")));
    }

    #[test]
    fn message_keys_sort_by_seq() {
        let thread = ThreadId::new();
        let seqs = [0, 1, 9, 10, 99, 1_000_000, u64::MAX];
        assert!(seqs.windows(2).all(|pair| message(&thread, pair[0]).sk < message(&thread, pair[1]).sk));
    }

    #[test]
    fn longest_sort_key_fits_into_1024_bytes() {
        // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
        let key = IdempotencyKey::parse("k".repeat(128).as_bytes()).unwrap();
        assert!(idempotency(&ThreadId::new(), &user(&"u".repeat(255)), &key).sk.len() <= 1_024);
    }
}

//! The keys of both tables, all of them. No other file spells one.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{Channel, ConnectionId, FileId, IdempotencyKey, ThreadId, UserId};
use ring::digest;

use crate::row::Item;

/// The partition key's attribute.
pub(crate) const PK: &str = "pk";
/// The sort key's attribute.
pub(crate) const SK: &str = "sk";
/// The sort keys of a user's memberships start so.
pub(crate) const MEMBERSHIP_PREFIX: &str = "THREAD#";
/// The partition keys of files start so.
const FILE_PREFIX: &str = "FILE#";
/// The sort keys of a channel's subscriptions start so.
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

    /// The key as `DynamoDB` takes it.
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

/// `Chat`: a user's name.
pub(crate) fn profile(user: &UserId) -> Key {
    Key::new(format!("USER#{user}"), "PROFILE")
}

/// `Chat`: that a user belongs to a thread.
pub(crate) fn membership(user: &UserId, thread: &ThreadId) -> Key {
    Key::new(format!("USER#{user}"), format!("{MEMBERSHIP_PREFIX}{thread}"))
}

/// `Chat`: which thread has exactly these members.
pub(crate) fn member_set(members: &[UserId]) -> Key {
    let mut sorted: Vec<_> = members.iter().map(UserId::as_str).collect();
    sorted.sort_unstable();
    // With each id's length before it, so that no two sets give the same text.
    let text = sorted.into_iter().fold(String::new(), |text, id| format!("{text}{}:{id}", id.len()));
    Key::new(format!("MEMBERS#{}", sha256(text.as_bytes())), "THREAD")
}

/// `Chat`: a thread.
pub(crate) fn thread(thread: &ThreadId) -> Key {
    Key::new(format!("THREAD#{thread}"), "META")
}

/// `Chat`: a message. The zeros make text order number order.
pub(crate) fn message(thread: &ThreadId, seq: u64) -> Key {
    Key::new(format!("THREAD#{thread}"), format!("MSG#{seq:020}"))
}

/// `Chat`: what became of an idempotency key. The user's length keeps users and keys apart that contain `#`.
pub(crate) fn idempotency(thread: &ThreadId, user: &UserId, key: &IdempotencyKey) -> Key {
    let user = user.as_str();
    Key::new(format!("THREAD#{thread}"), format!("KEY#{}#{user}#{}", user.len(), key.as_str()))
}

/// `Chat`: a file.
pub(crate) fn file(id: &FileId) -> Key {
    Key::new(format!("{FILE_PREFIX}{id}"), "META")
}

/// Whether this is the row of a file, and not of something else that was read along with it.
pub(crate) fn is_file(item: &Item) -> bool {
    item.get(PK).and_then(|pk| pk.as_s().ok()).is_some_and(|pk| pk.starts_with(FILE_PREFIX))
}

/// `Connections`: a live socket.
pub(crate) fn connection(id: &ConnectionId) -> Key {
    Key::new(format!("CONN#{id}"), "META")
}

/// `Connections`: the partition of a channel's subscriptions.
pub(crate) fn channel(channel: &Channel) -> String {
    format!("CHANNEL#{channel}")
}

/// `Connections`: that a socket hears a channel.
pub(crate) fn subscription(on: &Channel, id: &ConnectionId) -> Key {
    Key::new(channel(on), format!("{SUBSCRIPTION_PREFIX}{id}"))
}

/// `Connections`: a ticket, by its hash: who can read the table still cannot connect.
pub(crate) fn ticket(ticket: &str) -> Key {
    Key::new(format!("TICKET#{}", sha256(ticket.as_bytes())), "META")
}

/// Both tables: no row ever has this key. Reading it opens a connection.
pub(crate) fn nothing() -> Key {
    Key::new("WARM-UP".to_owned(), "META")
}

/// SHA-256, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    #[test]
    fn member_sets_have_one_key_in_any_order_and_no_two_sets_the_same() {
        let (a, b) = (user("a"), user("b"));
        assert_eq!(member_set(&[a.clone(), b.clone()]), member_set(&[b, a]));
        assert_ne!(member_set(&[user("ab")]), member_set(&[user("a"), user("b")]));
        assert_ne!(member_set(&[user("1:a")]), member_set(&[user("a")]));
    }

    #[test]
    fn idempotency_keys_of_two_users_never_meet() {
        let thread = ThreadId::new();
        let key = |text: &str| IdempotencyKey::parse(text.as_bytes()).unwrap();
        assert_ne!(idempotency(&thread, &user("a#b"), &key("c")), idempotency(&thread, &user("a"), &key("b#c")));
    }

    #[test]
    fn text_order_of_messages_is_number_order() {
        let thread = ThreadId::new();
        let seqs = [0, 1, 9, 10, 99, 1_000_000, u64::MAX];
        assert!(seqs.windows(2).all(|pair| message(&thread, pair[0]).sk < message(&thread, pair[1]).sk));
    }

    #[test]
    fn the_longest_sort_key_fits() {
        // DynamoDB: a sort key has at most 1024 bytes.
        let key = IdempotencyKey::parse("k".repeat(128).as_bytes()).unwrap();
        assert!(idempotency(&ThreadId::new(), &user(&"u".repeat(255)), &key).sk.len() <= 1_024);
    }
}

//! The primary keys of all rows in all tables. No other module makes primary keys.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_support::sha256;
use contract::{Channel, ConnectionId, FileId, IdempotencyKey, PushId, ThreadId, Timestamp, UserId};

use crate::row::Item;

/// Name of the attribute that is the partition key.
pub(crate) const PK: &str = "pk";
/// Name of the attribute that is the sort key.
pub(crate) const SK: &str = "sk";
/// Start of the sort keys of a user's memberships.
pub(crate) const MEMBERSHIP_PREFIX: &str = "THREAD#";
/// Partition key of the directory: everybody who has called.
pub(crate) const PEOPLE: &str = "PEOPLE";
/// Start of the partition keys of a user's rows, and of the sort keys of people.
pub(crate) const USER_PREFIX: &str = "USER#";
/// Start of the partition keys of a thread's rows.
const THREAD_PREFIX: &str = "THREAD#";
/// Start of the sort keys of messages.
const MESSAGE_PREFIX: &str = "MSG#";
/// Start of the sort keys of revisions.
const REVISION_PREFIX: &str = "REV#";
/// Sort key of a user's profile.
const PROFILE: &str = "PROFILE";
/// Start of the sort keys of a user's push subscriptions, and of the partition keys of the owners of endpoints.
pub(crate) const PUSH_PREFIX: &str = "PUSH#";
/// Sort key of a thread's own row, and of each row that is alone in its partition, such as a file or a connection.
const META: &str = "META";
/// Start of the partition keys of files.
const FILE_PREFIX: &str = "FILE#";
/// Start of the sort keys of a channel's subscriptions.
pub(crate) const SUBSCRIPTION_PREFIX: &str = "CONN#";

/// A primary key: a partition key and a sort key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// Returns the key in the form that the SDK takes.
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

/// Returns the key of a user's profile in `Chat`.
pub(crate) fn profile(user: &UserId) -> Key {
    Key::new(format!("{USER_PREFIX}{user}"), PROFILE)
}

/// Returns the key of a user in the directory, in `Chat`.
pub(crate) fn person(user: &UserId) -> Key {
    Key::new(PEOPLE.to_owned(), format!("{USER_PREFIX}{user}"))
}

/// Returns the key of a user's membership in a thread, in `Chat`.
pub(crate) fn membership(user: &UserId, thread: &ThreadId) -> Key {
    Key::new(format!("{USER_PREFIX}{user}"), format!("{MEMBERSHIP_PREFIX}{thread}"))
}

/// Returns the key of a member set in `Chat`: the row that refers to the one thread with exactly these members.
pub(crate) fn member_set(members: &[UserId]) -> Key {
    let mut sorted: Vec<_> = members.iter().map(UserId::as_str).collect();
    sorted.sort_unstable();
    // Each ID follows its length, so that two different member sets never have the same text.
    let text = sorted.into_iter().fold(String::new(), |text, id| format!("{text}{}:{id}", id.len()));
    Key::new(format!("MEMBERS#{}", sha256(text.as_bytes())), "THREAD")
}

/// Returns the key of a thread in `Chat`.
pub(crate) fn thread(thread: &ThreadId) -> Key {
    Key::new(format!("{THREAD_PREFIX}{thread}"), META)
}

/// Returns the key of a message in `Chat`. `seq` has 20 digits with leading zeros, so that keys are sorted by number.
pub(crate) fn message(thread: &ThreadId, seq: u64) -> Key {
    Key::new(format!("{THREAD_PREFIX}{thread}"), format!("{MESSAGE_PREFIX}{seq:020}"))
}

/// Returns the key of a revision in `Chat`. `rev` has 20 digits with leading zeros, so that keys are sorted by number.
pub(crate) fn revision(thread: &ThreadId, rev: u64) -> Key {
    Key::new(format!("{THREAD_PREFIX}{thread}"), format!("{REVISION_PREFIX}{rev:020}"))
}

/// Returns the key of an idempotency record in `Chat`. User IDs and idempotency keys may contain `#`. So the key also
/// contains the length of the user ID. Without it, two pairs of user ID and idempotency key could have the same key.
pub(crate) fn idempotency(thread: &ThreadId, user: &UserId, key: &IdempotencyKey) -> Key {
    let user = user.as_str();
    Key::new(format!("{THREAD_PREFIX}{thread}"), format!("KEY#{}#{user}#{}", user.len(), key.as_str()))
}

/// Returns the ID of the push subscription with this endpoint.
pub(crate) fn push_id(endpoint: &str) -> PushId {
    // A hash is 64 hexadecimal digits, so the ID is always valid.
    PushId::of_hash(&sha256(endpoint.as_bytes()))
}

/// Returns the key of a user's push subscription in `Chat`.
pub(crate) fn push_subscription(user: &UserId, id: &PushId) -> Key {
    Key::new(format!("{USER_PREFIX}{user}"), format!("{PUSH_PREFIX}{id}"))
}

/// Returns the first and the last possible key of a user's push subscriptions and memberships in `Chat`. No other rows lie
/// between them.
pub(crate) fn push_subscriptions_and_memberships(user: &UserId) -> (Key, Key) {
    let pk = format!("{USER_PREFIX}{user}");
    // `~` sorts after all characters of a thread's ID.
    (Key::new(pk.clone(), PUSH_PREFIX), Key::new(pk, format!("{MEMBERSHIP_PREFIX}~")))
}

/// Returns the key of the row in `Chat` that says who owns an endpoint.
pub(crate) fn endpoint_owner(id: &PushId) -> Key {
    Key::new(format!("{PUSH_PREFIX}{id}"), META)
}

/// Returns the key of a file in `Chat`.
pub(crate) fn file(id: &FileId) -> Key {
    Key::new(format!("{FILE_PREFIX}{id}"), META)
}

/// Returns the key of a user's counter in `Chat`. `kind` is what the counter counts, such as `threads`. `start` is the
/// start of the counter's window of time; the key contains its date, hour and minute.
pub(crate) fn quota(user: &UserId, kind: &str, start: Timestamp) -> Key {
    let (user, mut window) = (user.as_str(), start.to_string());
    window.truncate("2025-09-05T01:05".len());
    Key::new(format!("QUOTA#{}#{user}", user.len()), format!("{kind}#{window}"))
}

/// Returns whether an item is the row of a file. Needed after a batch read, which returns rows of several kinds.
pub(crate) fn is_file(item: &Item) -> bool {
    item.get(PK).and_then(|pk| pk.as_s().ok()).is_some_and(|pk| pk.starts_with(FILE_PREFIX))
}

/// Returns the user that an item belongs to, or `None` if it is neither a profile nor a membership. Needed after a batch
/// read, because a membership has the user only in its key.
pub(crate) fn user_of(item: &Item) -> Option<UserId> {
    item.get(PK)?.as_s().ok()?.strip_prefix(USER_PREFIX).and_then(UserId::parse)
}

/// Returns whether an item is a membership. Needed after a read that returns rows of several kinds.
pub(crate) fn is_membership(item: &Item) -> bool {
    item.get(SK).and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk.starts_with(MEMBERSHIP_PREFIX))
}

/// A row of `Chat` whose changes chat-stream processes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangedRow {
    /// A message.
    Message {
        /// The message's thread.
        thread_id: ThreadId,
        /// The message's number in its thread.
        seq: u64,
    },
    /// A revision: a change to a message.
    Revision {
        /// The thread of the message.
        thread_id: ThreadId,
        /// The number of the revision.
        rev: u64,
    },
    /// A thread.
    Thread(ThreadId),
    /// A user's membership in a thread.
    Membership {
        /// The user.
        user_id: UserId,
        /// The thread.
        thread_id: ThreadId,
    },
}

impl ChangedRow {
    /// Returns the row with this primary key in `Chat`. Returns `None` if chat-stream does not process changes of rows
    /// with such a key.
    #[must_use]
    pub fn of_key(pk: &str, sk: &str) -> Option<Self> {
        if let Some(user) = pk.strip_prefix(USER_PREFIX) {
            let thread_id = ThreadId::parse(sk.strip_prefix(MEMBERSHIP_PREFIX)?)?;
            return Some(Self::Membership { user_id: UserId::parse(user)?, thread_id });
        }
        let thread_id = ThreadId::parse(pk.strip_prefix(THREAD_PREFIX)?)?;
        if sk == META {
            return Some(Self::Thread(thread_id));
        }
        if let Some(rev) = sk.strip_prefix(REVISION_PREFIX) {
            return Some(Self::Revision { thread_id, rev: rev.parse().ok()? });
        }
        let seq = sk.strip_prefix(MESSAGE_PREFIX)?.parse().ok()?;
        Some(Self::Message { thread_id, seq })
    }
}

/// Returns the key of a connection in `Connections`.
pub(crate) fn connection(id: &ConnectionId) -> Key {
    Key::new(format!("CONN#{id}"), META)
}

/// Returns the partition key of a channel's subscriptions in `Connections`. Subscriptions to a user's inbox have no
/// rows of their own: the attribute `inbox` of a subscription to the user's own channel says whether the connection
/// also receives the inbox. So the inbox has the partition key of the user's own channel.
pub(crate) fn channel(channel: &Channel) -> String {
    match channel {
        Channel::Inbox(user) => format!("CHANNEL#{}", Channel::User(user.clone())),
        Channel::User(_) | Channel::Thread(_) => format!("CHANNEL#{channel}"),
    }
}

/// Returns the key of a connection's subscription to a channel, in `Connections`.
pub(crate) fn subscription(on: &Channel, id: &ConnectionId) -> Key {
    Key::new(channel(on), format!("{SUBSCRIPTION_PREFIX}{id}"))
}

/// Returns the key of a ticket in `Connections`. It contains only a hash of the ticket, so that a person who can read
/// the table cannot open a connection with the ticket.
pub(crate) fn ticket(ticket: &str) -> Key {
    Key::new(format!("TICKET#{}", sha256(ticket.as_bytes())), META)
}

/// Returns the key of the VAPID public key in `PushKeys`.
pub(crate) fn vapid_public_key() -> Key {
    Key::new("PUBLIC".to_owned(), "VAPID")
}

/// Returns the key of the VAPID private key in `PushKeys`. It has another partition key than the public key, because an
/// IAM policy can limit a function to certain partition keys. So a function can have access to the public key only.
pub(crate) fn vapid_private_key() -> Key {
    Key::new("PRIVATE".to_owned(), "VAPID")
}

/// Returns a key that no row of any table has. Reading it only opens the network connection to `DynamoDB`.
pub(crate) fn warm_up() -> Key {
    Key::new("WARM-UP".to_owned(), META)
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
    fn quota_keys_differ_between_users_kinds_and_windows() {
        let (start, later) = (Timestamp::from_millis(0), Timestamp::from_millis(60_000));
        let key = quota(&user("a#b"), "threads", start);
        assert_eq!((key.pk.as_str(), key.sk.as_str()), ("QUOTA#3#a#b", "threads#1970-01-01T00:00"));
        let others = [
            quota(&user("a"), "threads", start),
            quota(&user("a#b"), "uploads", start),
            quota(&user("a#b"), "threads", later),
        ];
        assert!(!others.contains(&key));
    }

    #[test]
    fn longest_sort_key_fits_into_1024_bytes() {
        // DynamoDB's limits of keys: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
        let key = IdempotencyKey::parse("k".repeat(128).as_bytes()).unwrap();
        assert!(idempotency(&ThreadId::new(), &user(&"u".repeat(255)), &key).sk.len() <= 1_024);
    }

    #[test]
    fn changed_rows_are_found_by_their_keys() {
        let (thread_id, user_id) = (ThreadId::new(), user("a#b"));
        let rows = [
            (message(&thread_id, 7), Some(ChangedRow::Message { thread_id: thread_id.clone(), seq: 7 })),
            (revision(&thread_id, 7), Some(ChangedRow::Revision { thread_id: thread_id.clone(), rev: 7 })),
            (thread(&thread_id), Some(ChangedRow::Thread(thread_id.clone()))),
            (membership(&user_id, &thread_id), Some(ChangedRow::Membership { user_id: user_id.clone(), thread_id })),
            (profile(&user_id), None),
            (person(&user_id), None),
            (file(&FileId::new()), None),
        ];
        for (Key { pk, sk }, expected) in rows {
            assert_eq!(ChangedRow::of_key(&pk, &sk), expected, "{pk} {sk}");
        }
        for (pk, sk) in [
            ("THREAD#thread_1", "MSG#x"),
            ("THREAD#thread_1", "REV#-1"),
            ("THREAD#x", "META"),
            ("", ""),
            ("USER#", "THREAD#thread_1"),
        ] {
            assert_eq!(ChangedRow::of_key(pk, sk), None, "{pk} {sk}");
        }
    }
}

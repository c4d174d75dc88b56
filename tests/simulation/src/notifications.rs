//! Log of a history's notifications: who owned which device, which requests to notify were tried, and what push services
//! received. The checks at the end of the history read it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use push::NotificationRequest;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use webpush::Pushed;

use crate::content::{number, text};

tokio::task_local! {
    /// Index in [`Log::attempts`] of the attempt that the current invocation of push-send makes.
    pub(crate) static ATTEMPT: usize;
}

#[derive(Default)]
pub(crate) struct Notifications {
    are_on: AtomicBool,
    log: Mutex<Log>,
    /// Signals each post of push-send to a device that does not exist any more.
    pub(crate) asked_for_gone: Notify,
}

/// One of this many histories notifies members. Not every history does, because notifications take many calls.
pub(crate) const TURNED_ON: u64 = 2;

/// All events of the history that are about notifications, each list in the order of time.
#[derive(Default)]
pub(crate) struct Log {
    /// The changes of each device's owner, by endpoint.
    pub(crate) owners: BTreeMap<String, Vec<Change>>,
    /// The IDs of devices, by endpoint.
    pub(crate) ids: BTreeMap<String, String>,
    /// The endpoints of devices that their push service does not know any more.
    pub(crate) gone: BTreeSet<String>,
    /// The `seq` of each message of which chat-stream or push-send has requested to notify members, by thread.
    pub(crate) requested: BTreeMap<String, BTreeSet<u64>>,
    /// When the last request to notify members of a message was handled, by thread and `seq`.
    pub(crate) ended: BTreeMap<(String, u64), Instant>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) posts: Vec<Post>,
    /// When push-send recorded in the rows of memberships that their users are notified.
    pub(crate) recorded: Vec<Recorded>,
    /// A push service that is not available at the beginning of the history.
    pub(crate) outage: Option<Outage>,
    /// The VAPID public key, once push-key has returned it.
    key: Option<String>,
}

/// A change of a device's owner.
pub(crate) struct Change {
    /// The new owner. `None` if the user has signed out, or if the push service does not know the device any more.
    pub(crate) user: Option<&'static str>,
    pub(crate) began: Instant,
    /// When the request that changes the owner was answered.
    pub(crate) acknowledged: Option<Instant>,
}

/// An invocation of push-send.
pub(crate) struct Attempt {
    pub(crate) began: Instant,
    /// Number of earlier attempts to handle the request, including those whose invocation failed.
    pub(crate) earlier: u32,
    pub(crate) request: NotificationRequest,
    pub(crate) succeeded: bool,
}

/// A notification that push-send has posted to a push service.
pub(crate) struct Post {
    /// Index in [`Log::attempts`] of the attempt that has made this post.
    pub(crate) attempt: usize,
    pub(crate) at: Instant,
    pub(crate) endpoint: String,
    pub(crate) content: Value,
    /// Whether the device has received the notification.
    pub(crate) shown: bool,
    /// The result that push-send receives.
    pub(crate) answer: Pushed,
}

pub(crate) struct Recorded {
    pub(crate) user: String,
    pub(crate) thread: String,
    pub(crate) seq: u64,
    pub(crate) at: Instant,
}

pub(crate) struct Outage {
    pub(crate) host: &'static str,
    pub(crate) until: Instant,
    pub(crate) answer: Pushed,
}

impl Notifications {
    /// Makes the functions that are created after this call request and send notifications.
    pub(crate) fn turn_on(&self) {
        self.are_on.store(true, Ordering::Relaxed);
    }

    pub(crate) fn are_on(&self) -> bool {
        self.are_on.load(Ordering::Relaxed)
    }

    /// Records the stream record of a membership whose user is notified.
    pub(crate) fn follow(&self, record: &Value) {
        let (key, image) = (&record["dynamodb"]["Keys"], &record["dynamodb"]["NewImage"]);
        if text(image, "changed") == "notified"
            && let Some(user) = text(key, "pk").strip_prefix("USER#")
        {
            let (thread, seq) = (text(image, "threadId").to_owned(), number(image, "notifiedSeq"));
            self.log().recorded.push(Recorded { user: user.to_owned(), thread, seq, at: Instant::now() });
        }
    }

    /// Records a message that was sent to the queue of notifications.
    pub(crate) fn follow_request(&self, body: &str) {
        let NotificationRequest { thread_id, seq, .. } = parse(body);
        self.log().requested.entry(thread_id.to_string()).or_default().insert(seq);
    }

    /// Records that a message of the queue was handled.
    pub(crate) fn end_request(&self, body: &str) {
        let NotificationRequest { thread_id, seq, .. } = parse(body);
        self.log().ended.insert((thread_id.to_string(), seq), Instant::now());
    }

    /// Records the beginning of an attempt. Returns its index.
    pub(crate) fn begin_attempt(&self, body: &str, receives: u32) -> usize {
        let (mut log, request) = (self.log(), parse(body));
        let earlier = request.attempt + receives - 1;
        log.attempts.push(Attempt { began: Instant::now(), earlier, request, succeeded: false });
        log.attempts.len() - 1
    }

    /// Records that an attempt has succeeded.
    pub(crate) fn end_attempt(&self, index: usize) {
        self.log().attempts[index].succeeded = true;
    }

    /// Records that a device's owner begins to change. Returns the index of the change.
    pub(crate) fn begin_change(&self, endpoint: &str, user: Option<&'static str>) -> usize {
        let mut log = self.log();
        let changes = log.owners.entry(endpoint.to_owned()).or_default();
        changes.push(Change { user, began: Instant::now(), acknowledged: None });
        changes.len() - 1
    }

    /// Records that the change of a device's owner was answered.
    pub(crate) fn acknowledge_change(&self, endpoint: &str, index: usize) {
        self.log().owners.get_mut(endpoint).unwrap()[index].acknowledged = Some(Instant::now());
    }

    /// Records the VAPID public key of an answer. Returns whether it is the same as in earlier answers.
    pub(crate) fn is_same_key(&self, key: &str) -> bool {
        self.log().key.get_or_insert_with(|| key.to_owned()) == key
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Returns the users who may have owned a device at any time between `from` and `to`.
    pub(crate) fn possible_owners(&self, endpoint: &str, from: Instant, to: Instant) -> BTreeSet<&'static str> {
        self.changes(endpoint, from, to).iter().filter_map(|change| change.user).collect()
    }

    /// Returns the user who has certainly owned a device all the time between `from` and `to`.
    pub(crate) fn certain_owner(&self, endpoint: &str, from: Instant, to: Instant) -> Option<&'static str> {
        let changes = self.changes(endpoint, from, to);
        let user = changes.first()?.user?;
        let is_certain = changes[0].acknowledged.is_some_and(|time| time < from);
        (is_certain && changes.iter().all(|change| change.user == Some(user))).then_some(user)
    }

    /// Returns the last change of a device's owner that was answered before `from`, and those that began later, up to `to`.
    fn changes(&self, endpoint: &str, from: Instant, to: Instant) -> &[Change] {
        let changes = self.owners.get(endpoint).map(Vec::as_slice).unwrap_or_default();
        let is_over = |change: &Change| change.acknowledged.is_some_and(|time| time < from);
        let first = changes.iter().rposition(is_over).unwrap_or(0);
        let last = changes.iter().rposition(|change| change.began <= to).map_or(0, |last| last + 1);
        &changes[first.min(last)..last]
    }
}

fn parse(body: &str) -> NotificationRequest {
    serde_json::from_str(body).expect("the message is not a request to notify")
}

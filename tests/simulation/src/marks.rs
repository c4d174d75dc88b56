//! Read marks that users have moved, and threads that they have archived or muted, each with the time of the answer.
//! Also the threads in which users have typed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::{ThreadId, Timestamp};
use serde_json::json;
use tokio::time::Instant;

use crate::clock::MAX_SKEW;
use crate::world::World;

/// Longest time by which the clock of an instance and the true time differ.
const SKEW: Duration = Duration::from_millis(MAX_SKEW.unsigned_abs());

/// A user and a thread.
type Membership = (&'static str, ThreadId);

#[derive(Default)]
pub(crate) struct Marks(Mutex<State>);

#[derive(Default)]
struct State {
    /// The largest read mark that an answer has confirmed.
    read: BTreeMap<Membership, u64>,
    /// The requests to move read marks.
    requests: Vec<ReadRequest>,
    /// The threads that users began to archive or to mute.
    silenced: BTreeMap<Membership, Silence>,
    /// The users who have typed, each with the thread.
    typed: BTreeSet<Membership>,
}

struct ReadRequest {
    membership: Membership,
    seq: u64,
    began: Instant,
    acknowledged: Option<Instant>,
}

/// A change of a user's settings that archives or mutes a thread, so that the user is not notified of its messages.
struct Silence {
    began: Instant,
    acknowledged: Option<Instant>,
    /// When the mute ends. `None` if the thread is archived, which does not end.
    until: Option<Instant>,
}

impl Marks {
    /// Returns the largest read mark of a user in a thread that an answer has confirmed, or 0.
    pub(crate) fn acknowledged(&self, user: &'static str, thread: &ThreadId) -> u64 {
        self.state().read.get(&(user, thread.clone())).copied().unwrap_or(0)
    }

    fn acknowledge(&self, user: &'static str, thread: &ThreadId, seq: u64) {
        let mut state = self.state();
        let mark = state.read.entry((user, thread.clone())).or_default();
        *mark = seq.max(*mark);
    }

    fn begin_read(&self, user: &'static str, thread: &ThreadId, seq: u64) -> usize {
        let (mut state, began) = (self.state(), Instant::now());
        state.requests.push(ReadRequest { membership: (user, thread.clone()), seq, began, acknowledged: None });
        state.requests.len() - 1
    }

    /// Returns whether a request that marks a message as read was answered before the given time.
    pub(crate) fn has_read(&self, user: &str, thread: &str, seq: u64, before: Instant) -> bool {
        let is_over = |request: &ReadRequest| request.acknowledged.is_some_and(|time| time < before);
        self.state().requests.iter().any(|request| request.is_of(user, thread, seq) && is_over(request))
    }

    /// Returns whether a request that marks a message as read was sent up to the given time, answered or not.
    pub(crate) fn may_have_read(&self, user: &str, thread: &str, seq: u64, until: Instant) -> bool {
        self.state().requests.iter().any(|request| request.is_of(user, thread, seq) && request.began <= until)
    }

    /// Returns whether a user has certainly archived or muted a thread at the time `at`. The answer to the change must
    /// have arrived before `began`.
    pub(crate) fn is_silent(&self, user: &str, thread: &str, began: Instant, at: Instant) -> bool {
        self.silence(user, thread, |silence| {
            silence.acknowledged.is_some_and(|time| time < began) && silence.until.is_none_or(|until| until > at + SKEW)
        })
    }

    /// Returns whether a user has possibly archived or muted a thread at some time between `from` and `to`.
    pub(crate) fn may_be_silent(&self, user: &str, thread: &str, from: Instant, to: Instant) -> bool {
        self.silence(user, thread, |silence| {
            silence.began <= to && silence.until.is_none_or(|until| until + SKEW > from)
        })
    }

    fn silence(&self, user: &str, thread: &str, is: impl Fn(&Silence) -> bool) -> bool {
        let state = self.state();
        state.silenced.iter().any(|((of, other), silence)| *of == user && other.as_str() == thread && is(silence))
    }

    /// Returns the largest confirmed read mark of each membership.
    pub(crate) fn all_acknowledged(&self) -> BTreeMap<Membership, u64> {
        self.state().read.clone()
    }

    /// Returns the threads that users have archived, if the request was answered.
    pub(crate) fn archived(&self) -> Vec<Membership> {
        let state = self.state();
        let is_archived = |silence: &Silence| silence.until.is_none() && silence.acknowledged.is_some();
        state.silenced.iter().filter(|(_, silence)| is_archived(silence)).map(|(key, _)| key.clone()).collect()
    }

    /// Records that a user types in a thread.
    pub(crate) fn record_typing(&self, user: &'static str, thread: &ThreadId) {
        self.state().typed.insert((user, thread.clone()));
    }

    /// Returns whether a user has typed in a thread.
    pub(crate) fn has_typed(&self, user: &str, thread: &ThreadId) -> bool {
        self.state().typed.iter().any(|(typist, other)| *typist == user && other == thread)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadRequest {
    fn is_of(&self, user: &str, thread: &str, seq: u64) -> bool {
        self.membership.0 == user && self.membership.1.as_str() == thread && self.seq >= seq
    }
}

/// Marks a thread as read up to `seq`, a message that the user's device has shown. Repeats the request until there is
/// an answer. One of five requests is sent only once.
pub(crate) async fn mark_read(world: Arc<World>, user: &'static str, thread: ThreadId, seq: u64) {
    let chance = &world.cloud.chance;
    let (start, gives_up) = (Instant::now(), chance.one_in(5));
    let before = world.marks.acknowledged(user, &thread);
    let request = world.marks.begin_read(user, &thread, seq);
    while start.elapsed() < Duration::from_hours(1) {
        match world.read(user, &thread, &json!({"seq": seq})).await {
            Some((200, body)) => {
                let mark = body["readSeq"].as_u64().unwrap();
                world.marks.acknowledge(user, &thread, mark);
                world.marks.state().requests[request].acknowledged = Some(Instant::now());
                if mark < seq.max(before) {
                    world.problem(format!("the read mark of {user} in {thread} went back from {before} to {mark}"));
                }
                return;
            }
            None | Some((503, _)) if gives_up => return,
            None | Some((503, _)) => chance.pause(50..=1_000).await,
            Some((status, _)) => {
                return world.problem(format!("the mark {seq} of {user} in {thread} was answered with {status}"));
            }
        }
    }
    world.problem("a read mark got no final response within an hour");
}

/// Tries to mark a thread as read up to a message that does not exist.
pub(crate) async fn mark_beyond_the_end(world: Arc<World>, user: &'static str, thread: ThreadId) {
    if let Some((status @ 200..=299, _)) = world.read(user, &thread, &json!({"seq": 100_000})).await {
        world.problem(format!("a mark beyond the end of {thread} was answered with {status}"));
    }
}

/// Archives a thread for a user or mutes it for up to half a minute, unless this was done before. A history changes the
/// settings of a membership only once: `thread:settings` has no number, so a client that receives two of these events
/// in the wrong order would keep the older settings.
pub(crate) async fn silence(world: Arc<World>, user: &'static str, thread: ThreadId) {
    let (key, start) = ((user, thread.clone()), Instant::now());
    let muted = world.cloud.notifications.are_on() && world.cloud.chance.one_in(2);
    let muted = muted.then(|| world.cloud.chance.millis(5_000..=30_000));
    let until = muted.map(|time| start + time);
    let body = match muted {
        None => json!({"archived": true}),
        Some(time) => {
            let until = Timestamp::now().millis() + i64::try_from(time.as_millis()).unwrap();
            json!({"mutedUntil": Timestamp::from_millis(until)})
        }
    };
    match world.marks.state().silenced.entry(key.clone()) {
        Entry::Vacant(entry) => _ = entry.insert(Silence { began: start, acknowledged: None, until }),
        Entry::Occupied(_) => return,
    }
    while start.elapsed() < Duration::from_hours(1) {
        match world.settings(user, &thread, &body).await {
            Some((200, _)) => {
                world.marks.state().silenced.get_mut(&key).unwrap().acknowledged = Some(Instant::now());
                return;
            }
            None | Some((503, _)) => world.cloud.chance.pause(50..=1_000).await,
            Some((status, _)) => {
                return world.problem(format!("{user} silenced {thread} and was answered with {status}"));
            }
        }
    }
    world.problem("a change of settings got no final response within an hour");
}

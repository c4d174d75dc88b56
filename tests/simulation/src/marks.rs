//! What users have changed in their own state of threads and got an answer for: read marks and archived threads. Also who
//! has typed where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::ThreadId;
use serde_json::json;
use tokio::time::Instant;

use crate::world::World;

/// A user and a thread.
type Membership = (&'static str, ThreadId);

#[derive(Default)]
pub(crate) struct Marks(Mutex<State>);

#[derive(Default)]
struct State {
    /// The largest read mark that was answered.
    read: BTreeMap<Membership, u64>,
    /// Which threads users began to archive. The value says whether the request was answered.
    archived: BTreeMap<Membership, bool>,
    /// Where users have typed.
    typed: BTreeSet<Membership>,
}

impl Marks {
    /// Returns the largest read mark of a user that was answered, or 0.
    pub(crate) fn acknowledged(&self, user: &'static str, thread: &ThreadId) -> u64 {
        self.state().read.get(&(user, thread.clone())).copied().unwrap_or(0)
    }

    fn acknowledge(&self, user: &'static str, thread: &ThreadId, seq: u64) {
        let mut state = self.state();
        let mark = state.read.entry((user, thread.clone())).or_default();
        *mark = seq.max(*mark);
    }

    /// Returns all memberships with an answered read mark.
    pub(crate) fn all_acknowledged(&self) -> BTreeMap<Membership, u64> {
        self.state().read.clone()
    }

    /// Returns the threads that users have archived.
    pub(crate) fn archived(&self) -> Vec<Membership> {
        self.state().archived.iter().filter(|(_, answered)| **answered).map(|(key, _)| key.clone()).collect()
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

/// Marks a thread as read up to `seq`, a message that the user's device has shown. Repeats the request until there is an
/// answer, or gives up after one attempt.
pub(crate) async fn mark_read(world: Arc<World>, user: &'static str, thread: ThreadId, seq: u64) {
    let chance = &world.cloud.chance;
    let (start, gives_up) = (Instant::now(), chance.one_in(5));
    let before = world.marks.acknowledged(user, &thread);
    while start.elapsed() < Duration::from_hours(1) {
        match world.read(user, &thread, &json!({"seq": seq})).await {
            Some((200, body)) => {
                let mark = body["readSeq"].as_u64().unwrap();
                world.marks.acknowledge(user, &thread, mark);
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

/// Archives a thread for a user, unless one of their devices has already done so. Nobody brings it back: `thread:settings`
/// has no number, so a push that arrives after a later one would leave a device with the older state.
pub(crate) async fn archive(world: Arc<World>, user: &'static str, thread: ThreadId) {
    let key = (user, thread.clone());
    if world.marks.state().archived.insert(key.clone(), false).is_some() {
        return;
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_hours(1) {
        match world.settings(user, &thread, &json!({"archived": true})).await {
            Some((200, _)) => {
                world.marks.state().archived.insert(key, true);
                return;
            }
            None | Some((503, _)) => world.cloud.chance.pause(50..=1_000).await,
            Some((status, _)) => {
                return world.problem(format!("{user} archived {thread} and was answered with {status}"));
            }
        }
    }
    world.problem("a change of settings got no final response within an hour");
}

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::{Timestamp, UserId};
use tracing::warn;

use crate::chat::Chat;
use crate::quotas::{QuotaExceeded, Window};

/// Number of messages after which an instance adds them to the user's durable counter.
const BATCH: u64 = 10;

/// Limits how many messages each user may send and change per minute, approximately. A change to a message counts as a
/// message. A function creates one `MessageRate` and keeps it between invocations.
///
/// An instance counts in memory. After every 10 messages of a user, it adds them to the user's durable counter in the
/// table `Chat`. The answer to this write contains what other instances have counted. So a user may exceed the limit by
/// at most 10 messages for each instance that serves them in this minute.
pub struct MessageRate {
    per_minute: u64,
    counts: Mutex<Counts>,
}

/// The counts of one minute.
struct Counts {
    minute: Window,
    users: HashMap<UserId, Count>,
}

/// The messages of one user in one minute, as one instance knows them.
#[derive(Default)]
struct Count {
    /// Messages that this instance has counted.
    own: u64,
    /// How many of this instance's messages are in the durable counter, or are being added to it.
    shared: u64,
    /// Messages that other instances had counted when this instance last added to the durable counter.
    others: u64,
}

impl MessageRate {
    /// Allows each user `per_minute` messages per minute.
    #[must_use]
    pub fn new(per_minute: u64) -> Self {
        let counts = Counts { minute: Window::minute(Timestamp::from_millis(0)), users: HashMap::new() };
        Self { per_minute, counts: Mutex::new(counts) }
    }

    /// Counts a message that `author` is about to send. Refuses the message if this instance knows of `per_minute`
    /// messages of the author in the current minute. Makes no calls to `DynamoDB`.
    pub fn count(&self, author: &UserId) -> Result<(), QuotaExceeded> {
        let now = Timestamp::now();
        let minute = Window::minute(now);
        let mut counts = self.lock();
        if counts.minute != minute {
            *counts = Counts { minute, users: HashMap::new() };
        }
        let count = counts.users.entry(author.clone()).or_default();
        if count.own + count.others >= self.per_minute {
            return Err(minute.exceeded(now));
        }
        count.own += 1;
        Ok(())
    }

    /// Subtracts a message of `author` that was counted but then not stored. Do not call this after an error: the
    /// message may have been stored all the same.
    pub fn uncount(&self, author: &UserId) {
        if let Some(count) = self.lock().users.get_mut(author) {
            count.own = count.own.saturating_sub(1);
        }
    }

    /// Adds the messages of `author` to their durable counter if this instance has counted 10 messages that are not in
    /// the counter yet. Otherwise makes no call to `DynamoDB`. Returns no error, because the messages are already
    /// committed. After an error, the next call for this author adds the same messages.
    pub async fn share(&self, chat: &Chat, author: &UserId) {
        let Some((minute, added)) = self.begin_share(author) else { return };
        let shared = chat.add_messages(author, minute, added).await;
        let mut counts = self.lock();
        // The minute may have ended meanwhile. Then its counts are not needed any more.
        if counts.minute == minute
            && let Some(count) = counts.users.get_mut(author)
        {
            match &shared {
                Ok(total) => count.others = total.saturating_sub(count.shared),
                Err(_) => count.shared = count.shared.saturating_sub(added),
            }
        }
        if let Err(error) = shared {
            warn!(%error, "counting messages failed; the author's next message on this instance will retry");
        }
    }

    /// Returns the minute, and how many messages of `author` must be added to their durable counter. Marks these
    /// messages as shared, so that they are added once. Returns `None` if there are fewer than 10.
    fn begin_share(&self, author: &UserId) -> Option<(Window, u64)> {
        let mut counts = self.lock();
        let minute = counts.minute;
        let count = counts.users.get_mut(author)?;
        let added = count.own.saturating_sub(count.shared);
        if added < BATCH {
            return None;
        }
        count.shared = count.own;
        Some((minute, added))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Every write leaves the counts consistent. So the counts can still be used after code has panicked while it
        // held the lock.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Quotas per user: counters of a user's writes in a window of time, such as the current day.

use aws_sdk_dynamodb::types::ReturnValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use contract::{Timestamp, UserId};
use serde::Deserialize;

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys::{self, Key};
use crate::row::{from_item, n};

/// A quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Seconds until the quota's window ends, at least 1.
    pub retry_after: u64,
}

/// Maximum number and size of the files that a user may create per day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadQuota {
    /// Maximum number of files, at least 1.
    pub files: u64,
    /// Maximum size of all files together, in bytes.
    pub bytes: u64,
}

/// A window of time in which a quota limits the user's writes. Windows of the same length follow each other without
/// gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Start of the window, in seconds since 1970.
    start: i64,
    seconds: i64,
}

impl Window {
    /// Returns the day (UTC) that contains `now`.
    pub(crate) fn day(now: Timestamp) -> Self {
        Self::containing(now, 24 * 60 * 60)
    }

    /// Returns the minute that contains `now`.
    pub(crate) fn minute(now: Timestamp) -> Self {
        Self::containing(now, 60)
    }

    fn containing(now: Timestamp, seconds: i64) -> Self {
        let now = now.seconds();
        Self { start: now - now.rem_euclid(seconds), seconds }
    }

    fn end(self) -> i64 {
        self.start + self.seconds
    }

    fn key(self, user: &UserId, kind: &str) -> Key {
        keys::quota(user, kind, Timestamp::from_millis(self.start * 1_000))
    }

    /// Returns the error to answer at `now` if the user has used up the quota of this window. It tells the time until
    /// the window ends.
    pub(crate) fn exceeded(self, now: Timestamp) -> QuotaExceeded {
        QuotaExceeded { retry_after: (self.end() - now.seconds()).max(1).unsigned_abs() }
    }
}

/// Those attributes of a counter's row that are read.
#[derive(Deserialize)]
struct CounterRow {
    count: u64,
}

impl Chat {
    /// Returns an update that counts a thread of `creator`, on condition that `per_day` is not used up. It belongs into
    /// the transaction that creates the thread, so that a thread is counted if and only if it is created.
    pub(crate) fn count_thread(&self, creator: &UserId, window: Window, per_day: u64) -> UpdateBuilder {
        self.table
            .transaction_update(&window.key(creator, "threads"))
            .update_expression("SET expiresAt = :end ADD #count :one")
            .condition_expression("attribute_not_exists(#count) OR #count < :max")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":end", n(window.end()))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":max", n(per_day))
    }

    /// Counts a file of `size` bytes that `owner` is about to create. Counts nothing and returns [`QuotaExceeded`] if
    /// the file would exceed the quota of the day.
    ///
    /// The file is counted before it is created. If its creation fails afterwards, or if the SDK repeats this call
    /// after a lost answer, the owner can create one file less on this day.
    pub async fn count_upload(
        &self,
        owner: &UserId,
        size: u64,
        quota: UploadQuota,
    ) -> Result<Result<(), QuotaExceeded>, Error> {
        let now = Timestamp::now();
        let window = Window::day(now);
        let Some(bytes_before) = quota.bytes.checked_sub(size) else { return Ok(Err(window.exceeded(now))) };
        let counted = self
            .table
            .update(&window.key(owner, "uploads"))
            .update_expression("SET expiresAt = :end ADD #count :one, #bytes :size")
            .condition_expression("attribute_not_exists(#count) OR (#count < :files AND #bytes <= :bytes)")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_values(":end", n(window.end()))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":size", n(size))
            .expression_attribute_values(":files", n(quota.files))
            .expression_attribute_values(":bytes", n(bytes_before))
            .send()
            .await;
        match counted {
            Ok(_) => Ok(Ok(())),
            Err(error) if condition_failed(&error) => Ok(Err(window.exceeded(now))),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds `added` to the number of messages that `author` has sent in the window, on all instances together. Returns
    /// the new number.
    pub(crate) async fn add_messages(&self, author: &UserId, window: Window, added: u64) -> Result<u64, Error> {
        let updated = self
            .table
            .update(&window.key(author, "messages"))
            .update_expression("SET expiresAt = :end ADD #count :added")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":end", n(window.end()))
            .expression_attribute_values(":added", n(added))
            .return_values(ReturnValue::AllNew)
            .send()
            .await?;
        from_item::<CounterRow>(updated.attributes.unwrap_or_default()).map(|row| row.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_and_name_the_seconds_left() {
        // 2025-09-05T01:05:00.000Z
        let start = 1_757_034_300_000;
        let minute = |millis| Window::minute(Timestamp::from_millis(start + millis));
        assert_eq!(minute(0), minute(59_999));
        assert_eq!(minute(59_999).end(), minute(60_000).start);
        let day = Window::day(Timestamp::from_millis(start));
        let user = UserId::parse("user-sarah").unwrap();
        assert_eq!(day.key(&user, "threads").sk, "threads#2025-09-05T00:00");
        assert_eq!(minute(1).key(&user, "messages").sk, "messages#2025-09-05T01:05");
        for (millis, retry_after) in [(0, 60), (59_000, 1), (59_999, 1), (60_000, 1)] {
            assert_eq!(minute(0).exceeded(Timestamp::from_millis(start + millis)), QuotaExceeded { retry_after });
        }
        assert_eq!(day.exceeded(Timestamp::from_millis(start)), QuotaExceeded { retry_after: 22 * 3_600 + 55 * 60 });
    }
}

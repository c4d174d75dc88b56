use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use contract::{ThreadId, UserId};

use crate::cache::Cache;
use crate::error::Error;
use crate::table::Table;

/// Client of the `Chat` table: users, threads, messages and files. A function creates one client and keeps it between
/// invocations. The client's caches save calls to `DynamoDB`. Because of the caches, a name in a result may be
/// outdated, by at most 5 minutes; all other values are current.
pub struct Chat {
    pub(crate) table: Table,
    /// The members of each thread. They never change.
    pub(crate) members: Cache<ThreadId, Arc<[UserId]>>,
    /// The last committed `seq` of each thread, as far as this instance knows. A send tries the next `seq` first.
    pub(crate) last_seqs: Cache<ThreadId, u64>,
    /// The last revision of each thread, as far as this instance knows. A change tries the next revision first.
    pub(crate) last_revs: Cache<ThreadId, u64>,
    pub(crate) names: Cache<UserId, String>,
    /// Users whose profile this instance has recorded. The value is the `issued_at` of the user's newest token with a
    /// name, or `i64::MIN` if none of their tokens had a name.
    pub(crate) recorded_profiles: Cache<UserId, i64>,
}

impl Chat {
    /// Creates a client of the `DynamoDB` table named `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            table: Table::new(config, table),
            members: Cache::new(Duration::MAX),
            last_seqs: Cache::new(Duration::MAX),
            last_revs: Cache::new(Duration::MAX),
            // All instances show a changed name after at most this time.
            names: Cache::new(Duration::from_mins(5)),
            recorded_profiles: Cache::new(Duration::MAX),
        }
    }

    /// Opens the network connection to `DynamoDB`, so that the first request is faster. Call this during a function's
    /// initialization, when Lambda provides a whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.warm_up().await
    }
}

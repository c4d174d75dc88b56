use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use contract::{ThreadId, UserId};

use crate::cache::Cache;
use crate::error::Error;
use crate::table::Table;

/// The table `Chat`: users, threads, messages and files. A function creates it once and keeps it between invocations.
/// Its caches only save reads; no result depends on them.
pub struct Chat {
    pub(crate) table: Table,
    /// The members of threads. They never change.
    pub(crate) members: Cache<ThreadId, Arc<[UserId]>>,
    /// The last committed `seq` that this instance has seen in each thread. A send starts from it.
    pub(crate) last_seqs: Cache<ThreadId, u64>,
    pub(crate) names: Cache<UserId, String>,
    /// For each user, the `issued_at` of the newest token whose name this instance has recorded.
    pub(crate) recorded_profiles: Cache<UserId, i64>,
}

impl Chat {
    /// Uses the `DynamoDB` table named `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            table: Table::new(config, table),
            members: Cache::new(Duration::MAX),
            last_seqs: Cache::new(Duration::MAX),
            // A changed name is visible to all instances after this time.
            names: Cache::new(Duration::from_mins(5)),
            recorded_profiles: Cache::new(Duration::MAX),
        }
    }

    /// Opens the network connection for the first request. Call it during a function's initialization, which has a
    /// whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.warm_up().await
    }
}

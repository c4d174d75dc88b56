use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use contract::{ThreadId, UserId};

use crate::cache::Cache;
use crate::error::Error;
use crate::table::Table;

/// The table `Chat`: users, threads, messages and files. Made once for the life of a function; what it remembers between
/// invocations only ever saves reads.
pub struct Chat {
    pub(crate) table: Table,
    /// A thread's members never change.
    pub(crate) members: Cache<ThreadId, Arc<[UserId]>>,
    /// The last message seen committed: where the next send tries first.
    pub(crate) last_seqs: Cache<ThreadId, u64>,
    pub(crate) names: Cache<UserId, String>,
    /// The `issued_at` of the newest token that each user's name was taken from.
    pub(crate) recorded_profiles: Cache<UserId, i64>,
}

impl Chat {
    /// The table called `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            table: Table::new(config, table),
            members: Cache::new(Duration::MAX),
            last_seqs: Cache::new(Duration::MAX),
            // A change of name shows after at most so long.
            names: Cache::new(Duration::from_mins(5)),
            recorded_profiles: Cache::new(Duration::MAX),
        }
    }

    /// Opens the connection that the first request will use; for a function's start, which has a whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.warm_up().await
    }
}

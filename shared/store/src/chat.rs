use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_types::SdkConfig;
use contract::{ThreadId, UserId};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::backoff;
use crate::cache::Cache;
use crate::error::Error;
use crate::keys::{self, Key};
use crate::row::Item;

/// The table `Chat`: users, threads and messages. Made once for the life of a function; what it remembers between
/// invocations only ever saves reads.
pub struct Chat {
    pub(crate) client: Client,
    pub(crate) table: String,
    /// A thread's members never change.
    pub(crate) members: Cache<ThreadId, Arc<[UserId]>>,
    /// The last message seen committed: where the next send tries first.
    pub(crate) last_seqs: Cache<ThreadId, u64>,
    pub(crate) names: Cache<UserId, String>,
    /// The `issued_at` of the newest token that each user's name was taken from.
    pub(crate) seen: Cache<UserId, i64>,
}

impl Chat {
    /// The table called `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
            members: Cache::new(Duration::MAX),
            last_seqs: Cache::new(Duration::MAX),
            // A change of name shows after at most so long.
            names: Cache::new(Duration::from_mins(5)),
            seen: Cache::new(Duration::MAX),
        }
    }

    /// Opens the connection that the first request will use; for a function's start, which has a whole CPU.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.get(&keys::nothing()).await.map(drop)
    }

    /// One row, read consistently.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key.attributes()));
        Ok(request.consistent_read(true).send().await?.item)
    }

    /// Those of `keys` that exist, read consistently, in no order.
    pub(crate) async fn batch_get(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<Item>, Error> {
        // BatchGetItem takes 100 keys at most and refuses one that comes twice.
        let keys: Vec<_> = keys.into_iter().collect::<HashSet<_>>().into_iter().collect();
        let chunks = keys.chunks(100).map(|chunk| chunk.iter().map(Key::attributes).collect());
        let reads: Vec<_> = chunks.map(|chunk| self.batch_get_chunk(chunk)).collect();
        let items: Vec<Vec<Item>> = futures::stream::iter(reads).buffer_unordered(8).try_collect().await?;
        Ok(items.into_iter().flatten().collect())
    }

    async fn batch_get_chunk(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        // What DynamoDB leaves over (16 MB, throttling) is asked for again.
        for attempt in 0..10 {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| Error::Refused(error.to_string()))?;
            let mut answer = self.client.batch_get_item().request_items(&self.table, wanted).send().await?;
            items.extend(answer.responses.take().and_then(|mut tables| tables.remove(&self.table)).unwrap_or_default());
            let left = answer.unprocessed_keys.take().and_then(|mut tables| tables.remove(&self.table));
            match left {
                Some(left) if !left.keys.is_empty() => keys = left.keys,
                _ => return Ok(items),
            }
            backoff::pause(attempt).await;
        }
        Err(Error::Unavailable(format!("BatchGetItem left {} keys over", keys.len())))
    }
}

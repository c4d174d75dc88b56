use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Maximum number of entries of a cache. A full cache is emptied before the next entry is added. That only costs one
/// more call to `DynamoDB` for each removed entry that is needed again.
const CAPACITY: usize = 1_000;

/// Values that a warm function instance keeps between invocations.
pub(crate) struct Cache<K, V> {
    entries: Mutex<HashMap<K, (V, Instant)>>,
    lifetime: Duration,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// Creates a cache whose entries expire after `lifetime`.
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { entries: Mutex::default(), lifetime }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let entries = self.lock();
        let (value, since) = entries.get(key)?;
        (since.elapsed() < self.lifetime).then(|| value.clone())
    }

    pub(crate) fn insert(&self, key: &K, value: V) {
        let mut entries = self.lock();
        if entries.len() >= CAPACITY && !entries.contains_key(key) {
            entries.clear();
        }
        entries.insert(key.clone(), (value, Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (V, Instant)>> {
        // Every write leaves the map consistent. So the map can still be used after code has panicked while it held the
        // lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_cache_is_emptied_before_the_next_entry() {
        let cache = Cache::new(Duration::MAX);
        for key in 0..=CAPACITY {
            cache.insert(&key, key);
            assert_eq!(cache.get(&key), Some(key));
        }
        assert_eq!(cache.get(&0), None);
    }

    #[test]
    fn expired_entry_is_not_returned() {
        let cache = Cache::new(Duration::ZERO);
        cache.insert(&1, 1);
        assert_eq!(cache.get(&1), None);
    }
}

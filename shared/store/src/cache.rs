use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Entries kept at most; a full cache starts anew, which costs a read for each entry and no correctness.
const CAPACITY: usize = 1_000;

/// What a warm function remembers between invocations.
pub(crate) struct Cache<K, V> {
    entries: Mutex<HashMap<K, (V, Instant)>>,
    lifetime: Duration,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// A cache whose entries are good for `lifetime`.
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
        // Every write leaves the map whole, so a panic elsewhere while it was locked does no harm.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_for_its_lifetime_and_within_its_capacity() {
        let cache = Cache::new(Duration::MAX);
        for key in 0..=CAPACITY {
            cache.insert(&key, key);
            assert_eq!(cache.get(&key), Some(key));
        }
        assert_eq!(cache.get(&0), None);

        let forgetful = Cache::new(Duration::ZERO);
        forgetful.insert(&1, 1);
        assert_eq!(forgetful.get(&1), None);
    }
}

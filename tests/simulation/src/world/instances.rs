//! Keeps warm instances of functions for later invocations.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cloud::Cloud;

/// Instances of each function that wait for their next invocation.
#[derive(Default)]
pub(super) struct WarmInstances {
    pub(super) chat_stream: Instances<chat_stream::Deps>,
    pub(super) files_create: Instances<files_create::Deps>,
    pub(super) files_process: Instances<files_process::Deps>,
    pub(super) files_serve: Instances<files_serve::Deps>,
    pub(super) files_status: Instances<files_status::Deps>,
    pub(super) me_get: Instances<me_get::Deps>,
    pub(super) me_update: Instances<me_update::Deps>,
    pub(super) messages_changes: Instances<messages_changes::Deps>,
    pub(super) messages_delete: Instances<messages_delete::Deps>,
    pub(super) messages_edit: Instances<messages_edit::Deps>,
    pub(super) messages_list: Instances<messages_list::Deps>,
    pub(super) messages_react: Instances<messages_react::Deps>,
    pub(super) messages_send: Instances<messages_send::Deps>,
    pub(super) messages_unreact: Instances<messages_unreact::Deps>,
    pub(super) people_list: Instances<people_list::Deps>,
    pub(super) push_key: Instances<push_key::Deps>,
    pub(super) push_send: Instances<push_send::Deps>,
    pub(super) push_subscribe: Instances<push_subscribe::Deps>,
    pub(super) push_unsubscribe: Instances<push_unsubscribe::Deps>,
    pub(super) threads_create: Instances<threads_create::Deps>,
    pub(super) threads_get: Instances<threads_get::Deps>,
    pub(super) threads_list: Instances<threads_list::Deps>,
    pub(super) threads_read: Instances<threads_read::Deps>,
    pub(super) threads_settings: Instances<threads_settings::Deps>,
    pub(super) ws_connect: Instances<ws_connect::Deps>,
    pub(super) ws_disconnect: Instances<ws_disconnect::Deps>,
    pub(super) ws_message: Instances<ws_message::Deps>,
    pub(super) ws_ticket: Instances<ws_ticket::Deps>,
}

/// Warm instances of one function.
pub(super) struct Instances<T>(Mutex<Vec<Instance<T>>>);

/// An instance: its handler dependencies, and its clock.
pub(super) struct Instance<T> {
    pub(super) deps: T,
    /// Difference between its clock and the true time, in milliseconds.
    pub(super) skew: i64,
}

impl<T> Default for Instances<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Instances<T> {
    /// Removes and returns a random warm instance. Returns `None` if there is none and, at random, in 1 of 10 calls, as
    /// if all instances were busy or retired.
    pub(super) fn take(&self, cloud: &Cloud) -> Option<Instance<T>> {
        let mut waiting = self.lock();
        if waiting.is_empty() || cloud.chance.one_in(10) {
            return None;
        }
        let index = cloud.chance.index(waiting.len());
        Some(waiting.swap_remove(index))
    }

    /// Adds an instance that has finished an invocation, so that it can be used again.
    pub(super) fn put(&self, instance: Instance<T>) {
        self.lock().push(instance);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instance<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The messages of the threads that a client shows, and the status of their files.

use contract::{FileId, FileStatus, Message, ThreadId};
use serde_json::Value;

use super::Client;
use crate::content::{self, parse, status_name};

impl Client {
    /// Fetches the thread's messages after the last one that the client has, up to the last page.
    pub(super) async fn catch_up(&self, thread: &ThreadId) {
        loop {
            let after = self.last_seq(thread).to_string();
            // A small page size makes several pages likely.
            match self.world.list(self.user, thread, &[("after", &after), ("limit", "5")]).await {
                Some((200, page)) => {
                    for message in page["messages"].as_array().unwrap() {
                        self.store(thread, parse(message), true);
                    }
                    if page["nextCursor"].is_null() {
                        return;
                    }
                }
                _ => self.world.cloud.chance.pause(100..=1_000).await,
            }
        }
    }

    /// Requests the status of the thread's files that the client knows as pending, because it may have missed their
    /// `file:status`.
    pub(super) async fn request_pending_files(&self, thread: &ThreadId) {
        let pending: Vec<FileId> = {
            let state = self.state();
            let files = state.messages.get(thread).into_iter().flatten().flat_map(file_ids);
            files.filter(|id| state.files[*id] == FileStatus::Pending).cloned().collect()
        };
        for id in pending {
            loop {
                match self.world.status(self.user, id.as_str()).await {
                    Some((200, file)) => break self.store_status(parse(&file["id"]), parse(&file["status"])),
                    _ => self.world.cloud.chance.pause(100..=1_000).await,
                }
            }
        }
    }

    /// Stores a message if it is whole (not truncated) and has the next `seq`. Stores the status of its files in any
    /// case.
    pub(super) fn store(&self, thread: &ThreadId, message: Message, whole: bool) {
        for file in &message.attachments {
            self.store_status(file.id.clone(), file.status);
        }
        let mut state = self.state();
        let messages = state.messages.entry(thread.clone()).or_default();
        if whole && message.seq == messages.len() as u64 + 1 {
            messages.push(message);
        }
    }

    /// Stores the status of a file, unless the client already knows the file's outcome. A late response may still say
    /// that the file is pending.
    pub(super) fn store_status(&self, id: FileId, status: FileStatus) {
        let mut state = self.state();
        let known = state.files.entry(id).or_insert(status);
        if *known == FileStatus::Pending {
            *known = status;
        }
    }

    /// Returns the `seq` up to which the client has all messages of `thread`, or 0 if it has none.
    pub(super) fn last_seq(&self, thread: &ThreadId) -> u64 {
        self.state().messages.get(thread).map_or(0, |messages| messages.len() as u64)
    }

    /// Compares the client's messages of `thread` with the stored messages. Returns a problem if they differ, or if the
    /// client has no subscribed socket. Does not check a client that does not stay or that does not show the thread.
    pub(crate) fn wrong_messages(&self, thread: &ThreadId, stored: &[Value]) -> Option<String> {
        if !self.stays || !self.open.contains(thread) {
            return None;
        }
        let state = self.state();
        let Some(socket) = &state.complete else {
            return Some(format!("{} has no socket that is subscribed to all its channels", self.name));
        };
        let messages = state.messages.get(thread).map(Vec::as_slice).unwrap_or_default();
        let received: Vec<_> = messages.iter().map(content::of_message).collect();
        if received.len() != stored.len() {
            return Some(format!("{socket} has {} of {} messages of {thread}", received.len(), stored.len()));
        }
        let different = received.iter().zip(stored).find(|(received, stored)| received != stored)?.0;
        Some(format!("{socket} has message {} of {thread} with other content than stored", different["seq"]))
    }

    /// Returns a problem for each file in the client's messages whose status differs from the stored status. `status`
    /// returns the stored status of a file ID. A client that does not stay is not checked.
    pub(crate) fn wrong_file_statuses<'a>(&self, status: impl Fn(&str) -> &'a str) -> Vec<String> {
        let state = self.state();
        let Some(socket) = state.complete.as_ref().filter(|_| self.stays) else { return Vec::new() };
        let problems = state.messages.values().flatten().flat_map(file_ids).filter_map(|id| {
            let (known, stored) = (status_name(state.files[id]), status(id.as_str()));
            (known != stored).then(|| format!("{socket} shows {id} as {known}, but it is {stored}"))
        });
        problems.collect()
    }
}

fn file_ids(message: &Message) -> impl Iterator<Item = &FileId> {
    message.attachments.iter().map(|attachment| &attachment.id)
}

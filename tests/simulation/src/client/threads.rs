//! The messages of the threads that a client shows, and the status of their files.

use contract::{FileId, FileStatus, Message, ThreadId};
use serde_json::Value;

use super::{Client, Copies};
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
            let files = state.threads.get(thread).map(Copies::messages).into_iter().flatten().flat_map(file_ids);
            files.filter(|id| state.files[*id] == FileStatus::Pending).cloned().collect()
        };
        for id in pending {
            loop {
                match self.world.status(self.user, id.as_str()).await {
                    Some((200, file)) => break self.store_status(parse(&file["id"]), parse(&file["status"])),
                    // The message with this file was deleted. The client will receive the deletion as a change.
                    Some((404, _)) => break,
                    _ => self.world.cloud.chance.pause(100..=1_000).await,
                }
            }
        }
    }

    /// Stores a message if it is whole (not truncated). Stores the status of its files in any case.
    pub(super) fn store(&self, thread: &ThreadId, message: Message, whole: bool) {
        for file in &message.attachments {
            self.store_status(file.id.clone(), file.status);
        }
        if !whole {
            return;
        }
        self.check_copy(&message);
        let mut state = self.state();
        let copies = state.threads.entry(thread.clone()).or_default();
        if self.is_old {
            copies.enter(message);
        } else {
            copies.take(message);
        }
    }

    /// Checks that a received message equals a version that the table has had.
    pub(super) fn check_copy(&self, message: &Message) {
        if let Some(problem) = self.world.cloud.journal.wrong_copy(message) {
            self.world.problem(problem);
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
        self.state().threads.get(thread).map_or(0, Copies::last_seq)
    }

    /// Compares the client's messages of `thread` with the stored messages. `stored` has each message's content, and
    /// the files and quote that are joined to it. Returns a problem if they differ, or if the client has no socket that
    /// is subscribed to all its channels. Does not check a client that leaves before the end of the history or does not
    /// show the thread. Of a client that was written before messages could be changed, checks only the number of
    /// messages: it keeps old versions, which were checked when they arrived.
    pub(crate) fn wrong_messages(&self, thread: &ThreadId, stored: &[(Value, Value)]) -> Option<String> {
        if !self.stays || !self.open.contains(thread) {
            return None;
        }
        let state = self.state();
        let Some(socket) = &state.complete else {
            return Some(format!("{} has no socket that is subscribed to all its channels", self.name));
        };
        let received = state.threads.get(thread).map(Copies::messages).unwrap_or_default();
        if received.len() != stored.len() {
            return Some(format!("{socket} has {} of {} messages of {thread}", received.len(), stored.len()));
        }
        if self.is_old {
            return None;
        }
        received.iter().zip(stored).find_map(|(received, (content, joined))| {
            let (seq, rev, stored) = (received.seq, received.rev, &content["rev"]);
            if content::of_message(received) != *content {
                return Some(format!(
                    "{socket} has message {seq} of {thread} with other content than stored: revision {rev}, not {stored}"
                ));
            }
            let quote_or_file = content::joined_of_message(received) != *joined;
            quote_or_file.then(|| format!("{socket} has message {seq} of {thread} with another quote or file than stored"))
        })
    }

    /// Returns a problem for each file in the client's messages whose status differs from the stored status. `status`
    /// returns the stored status of a file ID, or `None` if the file is erased; only a client that was written before
    /// messages could be changed may still show it. A client that leaves before the end of the history is not checked.
    pub(crate) fn wrong_file_statuses<'a>(&self, status: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
        let state = self.state();
        let Some(socket) = state.complete.as_ref().filter(|_| self.stays) else { return Vec::new() };
        let problems = state.threads.values().flat_map(Copies::messages).flat_map(file_ids).filter_map(|id| {
            let (known, stored) = (status_name(state.files[id]), status(id.as_str()));
            let stored = stored.or((!self.is_old).then_some("erased"))?;
            (known != stored).then(|| format!("{socket} shows {id} as {known}, but it is {stored}"))
        });
        problems.collect()
    }
}

fn file_ids(message: &Message) -> impl Iterator<Item = &FileId> {
    message.attachments.iter().map(|attachment| &attachment.id)
}

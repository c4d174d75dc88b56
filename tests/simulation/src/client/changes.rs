//! How a client follows the changes to the messages of the threads that it shows.

use contract::{Message, ThreadId};
use serde_json::Value;

use super::Client;
use crate::content::parse;

impl Client {
    /// Stores the last revision in `subscribed` as known if the client has no messages of the thread. It requests all
    /// messages afterwards, and they contain all changes up to this revision.
    pub(super) fn start_at_revision(&self, thread: &ThreadId, last: u64) {
        let mut state = self.state();
        let copies = state.threads.entry(thread.clone()).or_default();
        if copies.rev.is_none() && copies.is_empty() {
            copies.rev = Some(last);
        }
    }

    /// Processes the last revision in `subscribed`: requests the missing changes if the client knows only an older one.
    pub(super) async fn process_last_revision(&self, thread: &ThreadId, last: u64) {
        let known = self.state().threads.entry(thread.clone()).or_default().rev;
        if known.is_none_or(|rev| last > rev) {
            self.catch_up_with_changes(thread).await;
        }
    }

    /// Processes `message:changed`: takes the changed message. If an earlier revision is missing or the message is
    /// truncated, requests the changes.
    pub(super) async fn process_change(&self, thread: &ThreadId, data: &Value) {
        let (rev, is_whole): (u64, bool) = (parse(&data["rev"]), data["truncated"] != true);
        let known = self.state().threads.entry(thread.clone()).or_default().rev.unwrap_or(0);
        if is_whole {
            self.take_change(thread, parse(&data["message"]));
        }
        if rev == known + 1 && is_whole {
            self.state().threads.entry(thread.clone()).or_default().rev = Some(rev);
        } else if rev > known {
            self.world.cloud.trace.note(format!("{} lacks an earlier change of {thread}, or this one", self.name));
            self.catch_up_with_changes(thread).await;
        }
    }

    /// Requests the changes after the last revision that the client knows, up to the last page.
    async fn catch_up_with_changes(&self, thread: &ThreadId) {
        let mut cursor: Option<String> = None;
        loop {
            let after = self.state().threads.entry(thread.clone()).or_default().rev.unwrap_or(0).to_string();
            let from = cursor.as_deref().map_or(("after", after.as_str()), |cursor| ("cursor", cursor));
            // A small page size makes several pages likely.
            match self.world.changes(self.user, thread, &[from, ("limit", "3")]).await {
                Some((200, page)) if page["reset"] == true => {
                    self.reload(thread).await;
                    self.state().threads.entry(thread.clone()).or_default().rev = Some(parse(&page["rev"]));
                    return;
                }
                Some((200, page)) => {
                    for message in page["messages"].as_array().unwrap() {
                        self.take_change(thread, parse(message));
                    }
                    self.state().threads.entry(thread.clone()).or_default().rev = Some(parse(&page["rev"]));
                    cursor = page["nextCursor"].as_str().map(str::to_owned);
                    if cursor.is_none() {
                        return;
                    }
                }
                None | Some((503, _)) => self.world.cloud.chance.pause(100..=1_000).await,
                Some((status, _)) => {
                    return self.world.problem(format!("the changes of {thread} were answered with {status}"));
                }
            }
        }
    }

    /// Reads again all messages of the thread that the client holds.
    async fn reload(&self, thread: &ThreadId) {
        let (mut after, last) = (0, self.last_seq(thread));
        while after < last {
            let query = [("after", &*after.to_string()), ("limit", "5")];
            match self.world.list(self.user, thread, &query).await {
                Some((200, page)) => {
                    for message in page["messages"].as_array().unwrap() {
                        let message: Message = parse(message);
                        after = message.seq;
                        self.store(thread, message, true);
                    }
                }
                _ => self.world.cloud.chance.pause(100..=1_000).await,
            }
        }
    }

    fn take_change(&self, thread: &ThreadId, message: Message) {
        self.check_copy(&message);
        for file in &message.attachments {
            self.store_status(file.id.clone(), file.status);
        }
        self.state().threads.entry(thread.clone()).or_default().take_change(message);
    }
}

//! A client's list of threads: read once after `subscribed`, then kept up to date by events.

use std::collections::BTreeMap;

use contract::{Message, ThreadId, Timestamp};
use serde_json::{Value, json};

use super::{Client, Copies, State};
use crate::content::{Preview, parse, preview_of_message, preview_of_thread};

/// A client's list of threads.
pub(crate) type Inbox = BTreeMap<ThreadId, Entry>;

/// A thread in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) last_seq: u64,
    pub(crate) updated_at: Timestamp,
    pub(crate) read_seq: u64,
    pub(crate) archived: bool,
    pub(crate) preview: Preview,
}

impl Entry {
    /// Reads a thread of `GET /api/threads` or `GET /api/threads/{threadId}`.
    fn of_thread(thread: &Value) -> Self {
        let (last_seq, read_seq) = (parse(&thread["lastSeq"]), parse(&thread["readSeq"]));
        let (updated_at, archived) = (parse(&thread["updatedAt"]), parse(&thread["archived"]));
        Self { last_seq, updated_at, read_seq, archived, preview: preview_of_thread(thread) }
    }

    /// Updates the thread's last message if `last_seq` is larger, and the preview if `preview` is newer. A thread that
    /// was fetched by its ID has an empty preview, until an event has the preview of the last message.
    fn advance(&mut self, last_seq: u64, updated_at: Timestamp, preview: Preview) {
        if last_seq > self.last_seq {
            (self.last_seq, self.updated_at) = (last_seq, updated_at);
        }
        if preview.order > self.preview.order {
            self.preview = preview;
        }
    }

    fn mark_read(&mut self, seq: u64) {
        self.read_seq = self.read_seq.max(seq);
    }

    pub(crate) fn unread(&self) -> u64 {
        self.last_seq.saturating_sub(self.read_seq)
    }
}

impl Client {
    /// Reads all pages of the list of threads and of the list of archived threads. Repeats each request until it
    /// succeeds.
    pub(super) async fn read_list(&self) {
        for archived in [false, true] {
            let mut cursor: Option<String> = None;
            loop {
                // A small page size makes several pages likely.
                let mut query = vec![("limit", "2"), ("archived", if archived { "true" } else { "false" })];
                query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
                let page = match self.world.list_threads(self.user, &query).await {
                    Some((200, page)) => page,
                    None | Some((503, _)) => {
                        self.world.cloud.chance.pause(100..=1_000).await;
                        continue;
                    }
                    Some((status, _)) => return self.world.problem(format!("a list was answered with {status}")),
                };
                for thread in page["threads"].as_array().unwrap() {
                    if thread["archived"] != archived {
                        self.world.problem(format!("a list with archived={archived} has {}", thread["id"]));
                    }
                    self.hold(thread);
                }
                cursor = page["nextCursor"].as_str().map(str::to_owned);
                if cursor.is_none() {
                    break;
                }
            }
        }
    }

    /// Fetches a thread that is missing in the client's list. Repeats the request until it succeeds.
    async fn fetch(&self, thread: &ThreadId) {
        loop {
            match self.world.thread(self.user, thread).await {
                Some((200, thread)) => return self.hold(&thread),
                None | Some((503, _)) => self.world.cloud.chance.pause(100..=1_000).await,
                Some((status, _)) => {
                    return self.world.problem(format!("{thread} of {} was answered with {status}", self.user));
                }
            }
        }
    }

    /// Adds a thread from an answer of the HTTP API to the list, or updates the thread in the list.
    fn hold(&self, thread: &Value) {
        let entry = Entry::of_thread(thread);
        let mut state = self.state();
        let held = state.inbox.entry(parse(&thread["id"])).or_insert_with(|| entry.clone());
        held.advance(entry.last_seq, entry.updated_at, entry.preview);
        held.mark_read(entry.read_seq);
        held.archived = entry.archived;
    }

    /// Applies an event to the list of threads.
    pub(super) async fn update_inbox(&self, event: &str, data: &Value) {
        let id = if data["threadId"].is_null() { &data["thread"]["id"] } else { &data["threadId"] };
        let is_whole = event == "thread:new" && data["thread"]["truncated"] != true;
        let thread: ThreadId = parse(id);
        let held = self.state().inbox.contains_key(&thread);
        if !held && !is_whole {
            self.fetch(&thread).await;
        }
        if !held && is_whole {
            let (last_seq, updated_at) = (parse(&data["thread"]["lastSeq"]), parse(&data["thread"]["updatedAt"]));
            let preview = preview_of_thread(&data["thread"]);
            let entry = Entry { last_seq, updated_at, read_seq: 0, archived: false, preview };
            self.state().inbox.insert(thread, entry);
        } else {
            let State { threads, inbox, .. } = &mut *self.state();
            let copies = threads.get(&thread).map(Copies::messages).unwrap_or_default();
            // If the thread could not be fetched, the problem is already recorded.
            if let Some(entry) = inbox.get_mut(&thread) {
                self.apply(entry, event, data, copies);
            }
        }
    }

    /// Applies an event to a thread of the list. `copies` are the client's messages of the thread.
    fn apply(&self, entry: &mut Entry, event: &str, data: &Value, copies: &[Message]) {
        let is_own = |id: &Value| *id == json!(self.user);
        match event {
            "message:new" => {
                let (message, seq) = (&data["message"], parse(&data["message"]["seq"]));
                advance_to_copy(entry, copies, seq);
                if is_own(&message["author"]["id"]) {
                    entry.mark_read(seq);
                }
            }
            "message:changed" => advance_to_copy(entry, copies, parse(&data["message"]["seq"])),
            "thread:updated" | "thread:new" => {
                let thread = &data["thread"];
                if thread["truncated"] != true {
                    entry.advance(parse(&thread["lastSeq"]), parse(&thread["updatedAt"]), preview_of_thread(thread));
                }
                let sent = data["sent"].as_array().into_iter().flatten();
                sent.filter(|mark| is_own(&mark["userId"])).for_each(|mark| entry.mark_read(parse(&mark["seq"])));
            }
            "read:updated" if is_own(&data["userId"]) => entry.mark_read(parse(&data["seq"])),
            "thread:settings" => entry.archived = parse(&data["archived"]),
            _ => {}
        }
    }

    /// Compares the client's list with the stored threads of its user, including their order. Returns a problem if they
    /// differ. Does not check a client without a list, or one that leaves before the end of the history.
    pub(crate) fn wrong_inbox(&self, stored: &Inbox) -> Option<String> {
        if !self.stays || !self.has_inbox {
            return None;
        }
        let state = self.state();
        let Some(socket) = &state.complete else {
            return Some(format!("{} has no socket that is subscribed to all its channels", self.name));
        };
        let order = |inbox: &Inbox| {
            let mut ids: Vec<_> = inbox.iter().map(|(id, entry)| (entry.updated_at, id.clone())).collect();
            ids.sort_unstable();
            ids
        };
        for (id, entry) in stored {
            let Some(held) = state.inbox.get(id) else { return Some(format!("the list of {socket} lacks {id}")) };
            if (held.last_seq, held.unread()) != (entry.last_seq, entry.unread()) {
                let (Entry { last_seq, .. }, unread) = (held, held.unread());
                let stored = format!("{} and {} unread", entry.last_seq, entry.unread());
                return Some(format!(
                    "the list of {socket} has {id} with seq {last_seq} and {unread} unread, not {stored}"
                ));
            }
            if held.preview.content != entry.preview.content {
                return Some(format!(
                    "the list of {socket} has another preview of {id} than stored: {}",
                    held.preview.content
                ));
            }
            if held.archived != entry.archived {
                return Some(format!("the list of {socket} has {id} with archived: {}", held.archived));
            }
        }
        if order(&state.inbox) != order(stored) {
            return Some(format!("the list of {socket} has another order or more threads than stored"));
        }
        None
    }
}

/// Updates the thread's last message with the client's copy of the message `seq`. The client has stored the event's
/// message before, or requested it after a truncated event, so it usually has a copy. If it has none, because
/// `message:changed` arrived before the message, does nothing.
fn advance_to_copy(entry: &mut Entry, copies: &[Message], seq: u64) {
    if let Some(copy) = usize::try_from(seq - 1).ok().and_then(|index| copies.get(index)) {
        entry.advance(seq, copy.created_at, preview_of_message(copy));
    }
}

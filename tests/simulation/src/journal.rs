//! The journal of a history: every version that a message has had in the table, and the texts of deleted messages.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::{Message, ThreadId};
use dynoxide::Database;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout};

use crate::chance::Chance;
use crate::content::{self, number, text};
use crate::stream;

#[derive(Default)]
pub(crate) struct Journal {
    state: Mutex<State>,
    /// Signals each new message.
    commits: Notify,
}

#[derive(Default)]
struct State {
    /// The versions of each message, by thread and `seq`: its content after it was sent and after each change.
    versions: BTreeMap<(String, u64), Vec<Version>>,
    /// The messages in the order in which they were committed.
    committed: Vec<Target>,
    erased: Vec<Erased>,
    /// Number of texts that users have written when they edited a message.
    edits: u64,
    /// Violated invariants.
    problems: Vec<String>,
}

/// A version of a message.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) content: Value,
    /// When it was committed.
    pub(crate) since: Instant,
}

/// A message that users may change or reply to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) thread: ThreadId,
    pub(crate) seq: u64,
    /// ID of the author.
    pub(crate) author: String,
    /// The message, once its author got the answer 201.
    pub(crate) sent: Option<Message>,
}

/// A text of a deleted message.
struct Erased {
    text: String,
    /// When the author was told that the message is deleted.
    acknowledged: Instant,
}

impl Journal {
    /// Records the new version of a message, if `record` is the stream record of a new message or revision.
    pub(crate) fn follow(&self, database: &Database, record: &Value) {
        let (key, image) = (&record["dynamodb"]["Keys"], &record["dynamodb"]["NewImage"]);
        if record["eventName"] != "INSERT" || !text(key, "pk").starts_with("THREAD#") {
            return;
        }
        if text(key, "sk").starts_with("MSG#") {
            self.add(content::of_row(image));
        } else if text(key, "sk").starts_with("REV#") {
            let message = json!({"pk": key["pk"], "sk": {"S": format!("MSG#{:020}", number(image, "seq"))}});
            let row = stream::row(database, &message).unwrap_or_default();
            if number(&row, "rev") == number(image, "rev") {
                self.add(content::of_row(&row));
            } else {
                let rev = number(image, "rev");
                self.problem(format!("revision {rev} of {} is not that of its message", text(key, "pk")));
            }
        }
    }

    /// Adds a version of a message. Each version after the first must differ from the one before.
    pub(crate) fn add(&self, content: Value) {
        let mut state = self.state();
        let key = (content["threadId"].as_str().unwrap().to_owned(), content["seq"].as_u64().unwrap());
        let state = &mut *state;
        if !state.versions.contains_key(&key) {
            let (thread, author) = (content::parse(&content["threadId"]), content::parse(&content["authorId"]));
            state.committed.push(Target { thread, seq: key.1, author, sent: None });
            self.commits.notify_waiters();
        }
        let versions = state.versions.entry(key).or_default();
        let change = versions.last().map(|Version { content: before, .. }| {
            (without_revision(before.clone()), without_revision(content.clone()))
        });
        let (rev, thread) = (content["rev"].clone(), content["threadId"].clone());
        versions.push(Version { content, since: Instant::now() });
        if change.is_some_and(|(before, after)| before == after) {
            state.problems.push(format!("revision {rev} of {thread} changes nothing"));
        }
    }

    /// Returns a problem if a message that a client received equals no version that the table has had, or if its quote
    /// fits no version of the quoted message.
    pub(crate) fn wrong_copy(&self, message: &Message) -> Option<String> {
        let (thread, seq) = (&message.thread_id, message.seq);
        let state = self.state();
        let versions = |seq| state.versions.get(&(thread.to_string(), seq)).into_iter().flatten();
        let content = content::of_message(message);
        if !versions(seq).any(|version| version.content == content) {
            return Some(format!(
                "a client received message {seq} of {thread} with content that it never had: {content}"
            ));
        }
        let quote = message.reply_to.as_ref()?;
        let (target, quote) = (quote.seq, content::of_quote(quote));
        let known = versions(target).any(|version| content::quoted(&version.content) == quote);
        (!known).then(|| format!("a client received message {seq} of {thread} with a wrong quote: {quote}"))
    }

    /// Returns whether a message is deleted.
    pub(crate) fn is_deleted(&self, thread: &ThreadId, seq: u64) -> bool {
        let state = self.state();
        let last = state.versions.get(&(thread.to_string(), seq)).and_then(|versions| versions.last());
        last.is_some_and(Version::is_deleted)
    }

    /// Records that a message was answered with 201.
    pub(crate) fn acknowledge_sent(&self, message: Message) {
        let mut state = self.state();
        let mut committed = state.committed.iter_mut();
        let target = committed.find(|target| target.thread == message.thread_id && target.seq == message.seq);
        if let Some(target) = target {
            target.sent = Some(message);
        }
    }

    /// Returns a random message of the given thread, or of any thread if `thread` is `None`.
    pub(crate) fn pick(&self, chance: &Chance, thread: Option<&ThreadId>) -> Option<Target> {
        let state = self.state();
        let targets = state.committed.iter().filter(|target| thread.is_none_or(|thread| target.thread == *thread));
        let targets: Vec<_> = targets.collect();
        (!targets.is_empty()).then(|| (*chance.pick(&targets)).clone())
    }

    /// Waits until the next message is committed, at most for the given time. Returns the message that was committed
    /// last.
    pub(crate) async fn next_commit(&self, patience: Duration) -> Option<Target> {
        timeout(patience, self.commits.notified()).await.ok();
        self.state().committed.last().cloned()
    }

    /// Returns a text that nobody has written before.
    pub(crate) fn new_text(&self, user: &str) -> String {
        let mut state = self.state();
        state.edits += 1;
        format!("{user} edits {}.", state.edits)
    }

    /// Records that the author of a message was told that it is deleted. Invocations that begin after this must not
    /// have its texts in their calls.
    pub(crate) fn acknowledge_deleted(&self, thread: &ThreadId, seq: u64) {
        let (mut state, acknowledged) = (self.state(), Instant::now());
        let versions = state.versions.get(&(thread.to_string(), seq)).into_iter().flatten();
        let texts: Vec<_> = versions.filter_map(Version::text).collect();
        for text in texts {
            if state.erased.iter().all(|erased| erased.text != text) {
                state.erased.push(Erased { text, acknowledged });
            }
        }
    }

    /// Returns the text of a deleted message that occurs in `body`, if it was acknowledged before `began` that the message
    /// is deleted.
    pub(crate) fn erased_text(&self, body: &[u8], began: Instant) -> Option<String> {
        let state = self.state();
        let mut erased = state.erased.iter().filter(|erased| erased.acknowledged < began).peekable();
        erased.peek()?;
        let body = std::str::from_utf8(body).unwrap_or_default();
        erased.find(|erased| body.contains(&erased.text)).map(|erased| erased.text.clone())
    }

    /// Returns the texts that messages had before they were edited or deleted, and do not have any more.
    pub(crate) fn past_texts(&self) -> Vec<String> {
        let state = self.state();
        let past = state.versions.values().flat_map(|versions| {
            let current = versions.last().and_then(Version::text);
            versions.iter().filter_map(Version::text).filter(move |text| Some(text) != current.as_ref())
        });
        past.collect()
    }

    /// Returns all versions of all messages, by thread and `seq`.
    pub(crate) fn all_versions(&self) -> BTreeMap<(String, u64), Vec<Version>> {
        self.state().versions.clone()
    }

    /// Returns the last version of every message that was changed, by thread and `seq`.
    pub(crate) fn last_versions(&self) -> BTreeMap<(String, u64), Value> {
        let state = self.state();
        let changed = state.versions.iter().filter(|(_, versions)| versions.len() > 1);
        changed.map(|(key, versions)| (key.clone(), versions[versions.len() - 1].content.clone())).collect()
    }

    /// Returns whether a message's text was ever changed or erased.
    pub(crate) fn was_rewritten(&self, thread: &str, seq: u64) -> bool {
        let state = self.state();
        let mut versions = state.versions.get(&(thread.to_owned(), seq)).into_iter().flatten();
        versions.any(|version| !version.content["editedAt"].is_null() || version.is_deleted())
    }

    /// Returns the texts of all violated invariants so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.state().problems.clone()
    }

    /// Records a violated invariant.
    pub(crate) fn problem(&self, what: String) {
        self.state().problems.push(what);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Version {
    /// Returns the part of a version's text that distinguishes it from all other texts, or `None` if the message is
    /// deleted.
    pub(crate) fn text(&self) -> Option<String> {
        let text = self.content["body"].as_str().unwrap().trim_end_matches('\u{1}');
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(crate) fn is_deleted(&self) -> bool {
        !self.content["deletedAt"].is_null()
    }
}

fn without_revision(mut content: Value) -> Value {
    for field in ["rev", "editedAt"] {
        content[field].take();
    }
    content
}

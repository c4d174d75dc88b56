//! A client's copies of a thread's messages, and the rules by which newer versions replace them.

use std::collections::BTreeMap;

use contract::{Message, cut, limits};

/// The messages of a thread that a client has.
#[derive(Default)]
pub(super) struct Copies {
    /// Messages in `seq` order, without gaps.
    messages: Vec<Message>,
    /// Changed messages whose `seq` is not in `messages` yet, by `seq`. Each is kept until `messages` reaches its
    /// `seq`.
    stash: BTreeMap<u64, Message>,
    /// The last revision up to which the client has all changes. `None` until the client knows a revision.
    pub(super) rev: Option<u64>,
}

impl Copies {
    /// Returns the copies of a client that has one message and does not know its changes.
    pub(super) fn with(message: Message) -> Self {
        Self { messages: vec![message], stash: BTreeMap::new(), rev: Some(0) }
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Returns whether the client has neither messages of the thread nor changed messages in the stash.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.stash.is_empty()
    }

    /// Returns the `seq` up to which the client has all messages, or 0 if it has none.
    pub(super) fn last_seq(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Adds a message if it has the next `seq`. A client that was written before messages could be changed does nothing
    /// else.
    pub(super) fn enter(&mut self, message: Message) {
        if message.seq == self.last_seq() + 1 {
            self.messages.push(message);
        }
    }

    /// Adds a message that is not truncated if it has the next `seq`. If the client already has a copy of the message,
    /// keeps the one with the larger `rev`.
    pub(super) fn take(&mut self, message: Message) {
        let seq = message.seq;
        if seq <= self.last_seq() {
            return self.take_change(message);
        }
        let stashed = self.stash.get(&seq).filter(|changed| changed.rev > message.rev).cloned();
        self.enter(stashed.unwrap_or(message));
        if seq <= self.last_seq() {
            self.stash.remove(&seq);
            self.update_quotes(seq);
        }
    }

    /// Replaces the client's copy by a changed message that is not truncated, if its `rev` is larger. If the client
    /// does not have the message yet, keeps the changed one in the stash until the message arrives.
    pub(super) fn take_change(&mut self, message: Message) {
        let (seq, rev) = (message.seq, message.rev);
        if seq <= self.last_seq() {
            let copy = &mut self.messages[index(seq)];
            if rev > copy.rev {
                *copy = message;
            }
            self.update_quotes(seq);
        } else if self.stash.get(&seq).is_none_or(|stashed| rev > stashed.rev) {
            self.stash.insert(seq, message);
        }
    }

    /// Updates the quote in the message `seq`, and the quotes of this message in its replies. The client must do this
    /// itself, because a change of a message creates no revisions of its replies.
    fn update_quotes(&mut self, seq: u64) {
        let target = self.messages[index(seq)].reply_to.as_ref().map(|quote| quote.seq);
        for target in target.into_iter().chain([seq]) {
            let (excerpt, deleted) = {
                let quoted = &self.messages[index(target)];
                (cut(&quoted.body, limits::QUOTE_CHARS).0.to_owned(), quoted.deleted_at.is_some())
            };
            let quotes = self.messages.iter_mut().filter_map(|message| message.reply_to.as_mut());
            for quote in quotes.filter(|quote| quote.seq == target) {
                (quote.excerpt, quote.deleted) = (excerpt.clone(), deleted);
            }
        }
    }
}

fn index(seq: u64) -> usize {
    usize::try_from(seq - 1).unwrap()
}

use std::collections::{BTreeSet, HashMap};

use contract::{Quote, ThreadId};

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::message_row::MessageRow;
use crate::names_and_files::NamesAndFiles;

/// Everything that the messages of a thread refer to: names, files and the messages that they reply to.
pub(crate) struct Related {
    pub(crate) rows: NamesAndFiles,
    quoted: HashMap<u64, Quote>,
}

impl Related {
    /// Returns the quote of the message with the number `seq`. Returns [`Error::MissingRow`] if it does not exist.
    pub(crate) fn quote(&self, thread: &ThreadId, seq: u64) -> Result<Quote, Error> {
        self.quoted.get(&seq).cloned().ok_or_else(|| Error::MissingRow(keys::message(thread, seq).to_string()))
    }
}

impl Chat {
    /// Reads everything that `messages`, which are of one thread, refer to. Quoted messages are read in a batch of their
    /// own, and only if they are not among `messages`.
    pub(crate) async fn related_to(&self, messages: &[MessageRow]) -> Result<Related, Error> {
        let quoted: BTreeSet<_> = messages.iter().filter_map(|row| Some((&row.thread_id, row.reply_to?))).collect();
        let is_held = |seq: u64| messages.iter().any(|row| row.seq == seq);
        let missing = quoted.iter().filter(|(_, seq)| !is_held(*seq)).map(|(thread, seq)| keys::message(thread, *seq));
        let items = self.table.batch_get(missing).await?;
        let read: Vec<_> = items.into_iter().map(MessageRow::parse).collect::<Result<_, _>>()?;
        let held = messages.iter().filter(|row| quoted.contains(&(&row.thread_id, row.seq)));
        let quoted: Vec<_> = held.chain(&read).collect();

        let authors = messages.iter().chain(quoted.iter().copied()).map(|row| &row.author_id);
        let rows = self.names_and_files(authors, messages.iter().flat_map(|row| &row.file_ids)).await?;
        let quoted = quoted.into_iter().map(|row| (row.seq, row.quote(&rows.names))).collect();
        Ok(Related { rows, quoted })
    }
}

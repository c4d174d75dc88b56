use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use contract::{FileId, IdempotencyKey, Message, Profile, ThreadId, Timestamp};
use tokio::time::Instant;

use crate::backoff;
use crate::chat::Chat;
use crate::error::Error;
use crate::file_uses::{Unsendable, unsendable};
use crate::links::Links;
use crate::message_row::MessageRow;
use crate::row::from_item;
use crate::transaction::{IS_NEW, TransactionResult, Write};

/// How long a send attempts to commit its message while other senders take the next `seq` of the same thread. On AWS,
/// one commit takes about 15 ms, so 10 s are enough for hundreds of concurrent senders. In the local cloud, a commit
/// takes longer, so 10 s are enough for fewer senders.
const SEQ_TIMEOUT: Duration = Duration::from_secs(10);

/// A message to send.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// The thread to send the message to.
    pub thread_id: &'a ThreadId,
    /// The sender, as their token describes them.
    pub author: &'a Profile,
    /// The message's text. It may be empty if there are files.
    pub body: &'a str,
    /// IDs of the files to send, without duplicates. The author must own the files.
    pub file_ids: &'a [FileId],
    /// The number of the message that this one replies to, in the same thread.
    pub reply_to: Option<u64>,
    /// Identifies the message, so that a retry with the same key does not send it twice.
    pub idempotency_key: Option<&'a IdempotencyKey>,
}

/// Result of [`Chat::send`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The message is committed.
    Stored(Message),
    /// An earlier send with the same idempotency key committed this message, which is returned as it is now. Nothing was
    /// written.
    Replayed(Message),
    /// The idempotency key was used before, for a message with different content.
    KeyReused,
    /// The thread does not exist, or the author is not a member of it.
    NotMember,
    /// The thread has no message with the number that this one replies to.
    UnknownReply,
    /// These files cannot be sent, for the given reasons.
    BadFiles(Vec<(FileId, Unsendable)>),
}

/// Result of one attempt to commit a message.
enum CommitResult {
    /// The message is committed.
    Committed,
    /// Another message already has this `seq`.
    SeqTaken,
    /// A concurrent write to the same rows interfered. The same attempt may succeed shortly.
    Conflict,
    /// The message cannot be committed. Contains the result of the send.
    Refused(Box<Sent>),
}

impl Chat {
    /// Commits a message as the next one of its thread. Message n+1 is written on the condition that it does not exist
    /// yet, where n is the last `seq` that this instance knows. So `seq` has no gaps and no duplicates. If another
    /// sender was faster, this send reads the last `seq` again and tries the next one.
    pub async fn send(&self, new: NewMessage<'_>, links: &Links) -> Result<Sent, Error> {
        let thread_id = new.thread_id;
        let last = async {
            match self.last_seqs.get(thread_id) {
                Some(seq) => Ok(seq),
                None => self.last_seq(thread_id).await,
            }
        };
        // Everything that can fail comes before the commit. An error after the commit would make the client send twice.
        let (is_member, last, (), author_name, files, earlier_send, quoted) = futures::try_join!(
            self.is_member(thread_id, &new.author.id),
            last,
            self.record_profile(new.author),
            self.author_name(new.author),
            self.sendable_files(&new.author.id, new.file_ids),
            self.earlier_send(new, links),
            self.quoted(new)
        )?;
        if !is_member {
            return Ok(Sent::NotMember);
        }
        if let Some(sent) = earlier_send {
            return Ok(sent);
        }
        let files = match files {
            Ok(files) => files,
            Err(bad_files) => return Ok(Sent::BadFiles(bad_files)),
        };
        let quote = match quoted {
            Some(Some(quoted)) => Some(quoted.quote(&self.names([&quoted.author_id]).await?)),
            Some(None) => return Ok(Sent::UnknownReply),
            None => None,
        };

        let mut row = MessageRow::new(new, last + 1);
        let start = Instant::now();
        for attempt in 0.. {
            let result = if new.idempotency_key.is_none() && new.file_ids.is_empty() {
                self.put_message(&row).await?
            } else {
                self.put_message_with_others(&row, new, links).await?
            };
            match result {
                CommitResult::Committed => {
                    self.last_seqs.insert(thread_id, row.seq);
                    return Ok(Sent::Stored(row.into_message(author_name, files, quote, links)));
                }
                CommitResult::Refused(sent) => return Ok(*sent),
                CommitResult::SeqTaken | CommitResult::Conflict if start.elapsed() > SEQ_TIMEOUT => break,
                CommitResult::SeqTaken => {
                    backoff::pause(attempt).await;
                    row.seq = self.last_seq(thread_id).await? + 1;
                    row.created_at = Timestamp::now();
                }
                // The attempt may have committed the message although its answer was lost. The next attempt then finds
                // this message's own row. `row` must not change, so that the returned message equals the stored one.
                CommitResult::Conflict => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many concurrent senders in one thread".into()))
    }

    /// Returns the name in the author's token, or their stored name if the token has none.
    async fn author_name(&self, author: &Profile) -> Result<String, Error> {
        match &author.name {
            Some(name) => Ok(name.clone()),
            None => Ok(self.names([&author.id]).await?.of(&author.id)),
        }
    }

    async fn put_message(&self, row: &MessageRow) -> Result<CommitResult, Error> {
        let put = self
            .table
            .put_if(row.to_item()?)
            .condition_expression(IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(CommitResult::Committed) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                // The SDK's first attempt may have succeeded although its answer was lost. Then the SDK's retry finds
                // this message's own row.
                let existing = failed.item.clone().map(MessageRow::parse).transpose()?;
                let is_same = existing.is_some_and(|existing| existing.id == row.id);
                Ok(if is_same { CommitResult::Committed } else { CommitResult::SeqTaken })
            }
            Some(PutItemError::TransactionConflictException(_)) => Ok(CommitResult::Conflict),
            _ => Err(error.into()),
        }
    }

    /// Reads the message that `new` replies to. Returns `None` if `new` is not a reply, and `Some(None)` if the thread
    /// does not have the message that it replies to.
    async fn quoted(&self, new: NewMessage<'_>) -> Result<Option<Option<MessageRow>>, Error> {
        match new.reply_to {
            Some(seq) => self.message_at(new.thread_id, seq).await.map(Some),
            None => Ok(None),
        }
    }

    /// Commits a message in one transaction with its idempotency record, if it has an idempotency key, and with its
    /// uses of files. So a retry finds either all of these writes or none, and a message that is not stored uses no
    /// file.
    async fn put_message_with_others(
        &self,
        row: &MessageRow,
        new: NewMessage<'_>,
        links: &Links,
    ) -> Result<CommitResult, Error> {
        let put = self.table.transaction_put(row.to_item()?).condition_expression(IS_NEW);
        let mut writes = vec![Write::Put(put)];
        if let Some(key) = new.idempotency_key {
            writes.push(Write::Put(self.put_idempotency_record(row, new, key)?));
        }
        writes.extend(new.file_ids.iter().map(|id| Write::Update(self.add_file_use(row, id))));
        let mut existing = match self.table.transact(writes).await? {
            TransactionResult::Committed => return Ok(CommitResult::Committed),
            TransactionResult::Conflict => return Ok(CommitResult::Conflict),
            TransactionResult::ConditionFailed(rows) => rows.into_iter(),
        };
        let message = existing.next().flatten().map(MessageRow::parse).transpose()?;
        if message.as_ref().is_some_and(|message| message.id == row.id) {
            // An earlier attempt of this send has written the message, and its answer was lost.
            return Ok(CommitResult::Committed);
        }
        let record = new.idempotency_key.and_then(|_| existing.next().flatten());
        if let Some(record) = record {
            return self.replay(new, record, links).await.map(|sent| CommitResult::Refused(Box::new(sent)));
        }
        if message.is_some() {
            return Ok(CommitResult::SeqTaken);
        }
        let mut bad_files = Vec::new();
        for (id, file) in new.file_ids.iter().zip(existing) {
            let Some(file) = file else { continue };
            let file = if file.is_empty() { None } else { Some(from_item(file)?) };
            let reason = unsendable(file.as_ref(), &row.author_id).unwrap_or(Unsendable::Unusable);
            bad_files.push((id.clone(), reason));
        }
        Ok(CommitResult::Refused(Box::new(Sent::BadFiles(bad_files))))
    }
}

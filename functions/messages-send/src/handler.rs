//! Commits a message and delivers it to the subscribers of its thread.

use std::time::Duration;

use contract::{
    ApiError, Channel, ErrorCode, FieldError, FileId, FileStatus, IdempotencyKey, Message, Problem, SendMessage,
    limits, message_new_frame,
};
use futures::future::try_join_all;
use push::Push;
use runtime::{Answer, Call, HeaderName, StatusCode, json};
use store::{Chat, Links, MessageRate, NewMessage, Sent, Unsendable};
use tokio::time::timeout;
use tracing::warn;

/// How long a request waits for the delivery of its message. After this time the message stays undelivered, and
/// chat-stream delivers it again.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(8);

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages and files.
    pub chat: Chat,
    /// Pushes events to the thread's subscribers.
    pub push: Push,
    /// Signs the links to message attachments.
    pub links: Links,
    /// Limits the messages of each user per minute.
    pub rate: MessageRate,
}

/// Handles `POST /api/threads/{threadId}/messages`. Answers 201 with the message after it was committed and its
/// delivery was attempted.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let thread_id = call.thread_id()?;
    let idempotency_key = call.header("idempotency-key").map(IdempotencyKey::parse).transpose()?;
    let request = SendMessage::parse(call.body())?;
    let new = NewMessage {
        thread_id: &thread_id,
        author: &call.caller.profile(),
        body: &request.body,
        file_ids: &request.distinct_files(),
        reply_to: request.reply_to,
        idempotency_key: idempotency_key.as_ref(),
    };
    let author = &call.caller.id;
    // Counts the request before the message is stored, and refuses it if the author's rate is used up. A request that
    // stores no message is subtracted again below.
    deps.rate.count(author).map_err(|exceeded| Problem::rate_limited(exceeded.retry_after))?;
    let sent = deps.chat.send(new, &deps.links).await?;
    if !matches!(sent, Sent::Stored(_)) {
        deps.rate.uncount(author);
    }
    match sent {
        Sent::Stored(mut message) => {
            tokio::join!(deliver(deps, &mut message), deps.rate.share(&deps.chat, author));
            json(StatusCode::CREATED, &message, &[])
        }
        Sent::Replayed(message) => json(StatusCode::CREATED, &message, &[(IDEMPOTENCY_REPLAYED, "true")]),
        Sent::KeyReused => {
            let detail =
                "This Idempotency-Key was already used with different content. Use a new key for a new message.";
            Err(Problem::new(ErrorCode::IdempotencyKeyReused, detail).into())
        }
        Sent::NotMember => Err(Problem::thread_not_found().into()),
        Sent::UnknownReply => Err(SendMessage::unknown_reply().into()),
        Sent::BadFiles(refused) => Err(unsendable_files(&request, &refused).into()),
    }
}

/// Returns the problem that names every file that cannot be sent. Its code is `too_many_file_uses` if all of them are
/// refused because they have too many uses.
fn unsendable_files(request: &SendMessage, refused: &[(FileId, Unsendable)]) -> Problem {
    let message = |id: &FileId, reason: Unsendable| match reason {
        Unsendable::Unusable => {
            format!("{id} is not a file of yours, or it has failed or was deleted; upload the file again")
        }
        Unsendable::TooManyUses => {
            format!("{id} already has {} uses; upload the file again", limits::FILE_USES)
        }
    };
    let mut errors = Vec::new();
    for (index, id) in request.file_ids.iter().enumerate() {
        if let Some((_, reason)) = refused.iter().find(|(refused, _)| refused == id) {
            errors.push(FieldError { field: format!("fileIds[{index}]"), message: message(id, *reason) });
        }
    }
    let only_uses = refused.iter().all(|(_, reason)| *reason == Unsendable::TooManyUses);
    Problem::fields(if only_uses { ErrorCode::TooManyFileUses } else { ErrorCode::InvalidRequest }, errors)
}

/// Delivers the message and, if every subscriber was reached, clears the message's undelivered flag.
///
/// The message is already committed, so a failed delivery must not fail the request: the sender would send the message
/// again. If the delivery fails, the flag stays set, and chat-stream has the message delivered again.
async fn deliver(deps: &Deps, message: &mut Message) {
    let (thread, seq) = (message.thread_id.clone(), message.seq);
    let delivered = timeout(DELIVERY_TIMEOUT, push_message(deps, message)).await;
    let timed_out = |_| Err(ApiError::Unavailable(format!("no result after {} s", DELIVERY_TIMEOUT.as_secs())));
    if let Err(error) = delivered.unwrap_or_else(timed_out) {
        warn!(%thread, seq, %error, "delivery failed; the message stays undelivered and chat-stream will repair it");
    }
}

/// Pushes the message to its thread's subscribers, then records which connections were not reached. If attachments
/// became ready or failed since the message was committed, pushes their status and updates them in `message`.
async fn push_message(deps: &Deps, message: &mut Message) -> Result<(), ApiError> {
    let channel = [Channel::Thread(message.thread_id.clone())];
    let mut undelivered = deps.push.deliver(&channel, &message_new_frame(message.clone())?).await?.undelivered;
    // A file may have become ready or failed after it was read for this message. Its `file:status` was then pushed
    // before the `message:new` that shows the file as pending. So the pending files are read again, and their status is
    // pushed after the message.
    let mut pending: Vec<_> =
        message.attachments.iter_mut().filter(|file| file.status == FileStatus::Pending).collect();
    let ids: Vec<_> = pending.iter().map(|file| file.id.clone()).collect();
    let mut frames = Vec::new();
    for file in deps.chat.files(&ids).await? {
        if file.status == FileStatus::Pending {
            continue;
        }
        frames.push(serde_json::to_string(&file.status_event(&deps.links))?);
        if let Some(attachment) = pending.iter_mut().find(|attachment| attachment.id == file.id) {
            **attachment = file.attachment(&deps.links);
        }
    }
    let deliveries = try_join_all(frames.iter().map(|frame| deps.push.deliver(&channel, frame))).await?;
    undelivered.extend(deliveries.into_iter().flat_map(|delivery| delivery.undelivered));
    Ok(deps.chat.record_delivery(&message.thread_id, message.seq, &undelivered).await?)
}

#[cfg(test)]
mod tests;

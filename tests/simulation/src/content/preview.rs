//! The previews of messages in lists of threads, in one form.

use std::collections::HashMap;

use contract::{Attachment, Message, cut, limits};
use serde_json::{Value, json};

use super::{number, text, text_value};

/// Returns the preview that a list shows of a message that a client has.
pub(crate) fn preview_of_message(message: &Message) -> Preview {
    let files = message.attachments.iter();
    let files =
        files.map(|Attachment { id, name, mimetype, .. }| json!({"id": id, "name": name, "mimetype": mimetype}));
    let (body, truncated) = cut(&message.body, limits::PREVIEW_CHARS);
    let content = json!({
        "id": message.id, "seq": message.seq, "body": body, "truncated": truncated, "authorId": message.author.id,
        "files": files.collect::<Vec<_>>(), "createdAt": message.created_at, "deletedAt": message.deleted_at,
    });
    Preview { order: (message.seq, message.rev), content }
}

/// A preview of a thread's last message. Of two previews, the one with the larger `order` is newer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Preview {
    /// The message's `seq`, then its `rev`.
    pub(crate) order: (u64, u64),
    /// All fields of the preview. Null if the thread has no preview.
    pub(crate) content: Value,
}

/// Returns the preview in a thread that a client received. Returns an empty one if the thread has none.
pub(crate) fn preview_of_thread(thread: &Value) -> Preview {
    let preview = &thread["lastMessage"];
    if preview.is_null() {
        return Preview::default();
    }
    let content = json!({
        "id": preview["id"], "seq": preview["seq"], "body": preview["body"], "truncated": preview["truncated"] == true,
        "authorId": preview["author"]["id"], "files": preview["attachments"], "createdAt": preview["createdAt"],
        "deletedAt": preview["deletedAt"],
    });
    Preview { order: (preview["seq"].as_u64().unwrap(), preview["rev"].as_u64().unwrap()), content }
}

/// Returns the content of the preview of a stored message. `files` has the rows of all files.
pub(crate) fn preview_of_row(row: &Value, files: &HashMap<&str, &Value>) -> Value {
    let (body, truncated) = cut(text(row, "body"), limits::PREVIEW_CHARS);
    let attachments = row["fileIds"]["L"].as_array().into_iter().flatten().map(|id| {
        let file = files[text_value(id)];
        json!({"id": file["id"]["S"], "name": file["name"]["S"], "mimetype": file["mimetype"]["S"]})
    });
    json!({
        "id": row["id"]["S"], "seq": number(row, "seq"), "body": body, "truncated": truncated,
        "authorId": row["authorId"]["S"], "files": attachments.collect::<Vec<_>>(), "createdAt": row["createdAt"]["S"],
        "deletedAt": row["deletedAt"]["S"],
    })
}

/// Returns the content of the preview in the row of a thread with messages.
pub(crate) fn preview_of_projection(thread: &Value) -> Value {
    let row = &thread["lastMessage"]["M"];
    let attachments = row["attachments"]["L"].as_array().into_iter().flatten().map(|file| &file["M"]);
    let attachments = attachments
        .map(|file| json!({"id": file["id"]["S"], "name": file["name"]["S"], "mimetype": file["mimetype"]["S"]}));
    json!({
        "id": row["id"]["S"], "seq": number(row, "seq"), "body": row["body"]["S"],
        "truncated": row["truncated"]["BOOL"] == true, "authorId": row["authorId"]["S"],
        "files": attachments.collect::<Vec<_>>(), "createdAt": row["createdAt"]["S"], "deletedAt": row["deletedAt"]["S"],
    })
}

//! The content of a message, in one form for rows and for clients, so that checks can compare them.

use std::collections::HashMap;

use contract::{Attachment, Author, FileStatus, Message};
use serde_json::{Value, json};

/// Parses a part of a response or an event. Panics if it does not have the contract's shape.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("not the contract's shape: {error}: {value}"))
}

/// Returns the content of a message that a client received: everything that must equal the stored message.
///
/// The patterns name every field. A new field does not compile until somebody adds it to the content here and in
/// [`of_row`], or gives a reason to leave it out.
pub(crate) fn of_message(message: &Message) -> Value {
    let Message { id, thread_id, seq, body, author, attachments, created_at } = message;
    // Not the name: it is read from the profile, so it may have changed since the message was sent.
    let Author { id: author_id, name: _ } = author;
    let files = attachments.iter().map(|attachment| {
        // Not the URLs, whose signatures change with time. The status is checked by `Client::wrong_file_statuses`.
        let Attachment { id, name, url: _, mimetype, size, status: _, thumb_url: _ } = attachment;
        json!({ "id": id, "name": name, "mimetype": mimetype, "size": size })
    });
    json!({
        "id": id, "threadId": thread_id, "seq": seq, "body": body, "authorId": author_id,
        "files": files.collect::<Vec<_>>(), "createdAt": created_at,
    })
}

/// Returns the content of a stored message. `files` are the rows of all files, by ID.
pub(crate) fn of_row(row: &Value, files: &HashMap<&str, &Value>) -> Value {
    let ids = row["fileIds"]["L"].as_array().into_iter().flatten();
    let files = ids.map(|id| {
        let file = files[text_value(id)];
        json!({
            "id": file["id"]["S"], "name": file["name"]["S"], "mimetype": file["mimetype"]["S"],
            "size": number(file, "size"),
        })
    });
    json!({
        "id": row["id"]["S"], "threadId": row["threadId"]["S"], "seq": number(row, "seq"), "body": row["body"]["S"],
        "authorId": row["authorId"]["S"], "files": files.collect::<Vec<_>>(), "createdAt": row["createdAt"]["S"],
    })
}

/// Returns an attribute of a row as text, or "" if it is missing.
pub(crate) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    text_value(&row[name])
}

fn text_value(attribute: &Value) -> &str {
    attribute["S"].as_str().unwrap_or_default()
}

/// Returns an attribute of a row as a number, or 0 if it is missing.
pub(crate) fn number(row: &Value, name: &str) -> u64 {
    row[name]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Returns a status as problems and rows show it.
pub(crate) fn status_name(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Pending => "pending",
        FileStatus::Ready => "ready",
        FileStatus::Failed => "failed",
    }
}

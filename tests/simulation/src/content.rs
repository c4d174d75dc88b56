//! Converts the messages of rows and of clients into one form (the content), so that checks can compare them.

use std::collections::{BTreeMap, HashMap};

use contract::{Attachment, Author, FileStatus, Message, Reaction};
use serde_json::{Value, json};

/// Parses a part of a response or an event. Panics if the JSON does not match the contract's type `T`.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone())
        .unwrap_or_else(|error| panic!("the JSON does not match the contract: {error}: {value}"))
}

/// Returns the content of a message that a client received: all fields that must equal those of the stored message.
///
/// The patterns in this function name every field. If a field is added to the contract, the code does not compile until
/// somebody adds the field to the content here and in [`of_row`], or gives a reason to leave it out.
pub(crate) fn of_message(message: &Message) -> Value {
    let Message {
        id,
        thread_id,
        seq,
        rev,
        body,
        author,
        attachments,
        created_at,
        edited_at,
        deleted_at,
        reactions,
        reply_to,
    } = message;
    // The author's name is left out. It is read from the profile, so it may have changed since the message was sent.
    let Author { id: author_id, name: _ } = author;
    let files = attachments.iter().map(|attachment| {
        // The URLs are left out: their signatures change with time. `Client::wrong_file_statuses` checks the status.
        let Attachment { id, name, url: _, mimetype, size, status: _, thumb_url: _ } = attachment;
        json!({ "id": id, "name": name, "mimetype": mimetype, "size": size })
    });
    json!({
        "id": id, "threadId": thread_id, "seq": seq, "body": body, "authorId": author_id,
        "files": files.collect::<Vec<_>>(), "createdAt": created_at, "rev": rev, "editedAt": edited_at,
        "deletedAt": deleted_at, "reactions": of_reactions(reactions), "replyTo": reply_to.as_ref().map(|quote| quote.seq),
    })
}

/// Returns the emoji by the user who reacts.
fn of_reactions(reactions: &[Reaction]) -> BTreeMap<&str, &str> {
    reactions
        .iter()
        .flat_map(|reaction| reaction.user_ids.iter().map(|user| (user.as_str(), reaction.emoji.as_str())))
        .collect()
}

/// Returns the content of a stored message, in the form of [`of_message`]. `files` has the rows of all files, by ID.
pub(crate) fn of_row(row: &Value, files: &HashMap<&str, &Value>) -> Value {
    let ids = row["fileIds"]["L"].as_array().into_iter().flatten();
    let files = ids.map(|id| {
        let file = files[text_value(id)];
        json!({
            "id": file["id"]["S"], "name": file["name"]["S"], "mimetype": file["mimetype"]["S"],
            "size": number(file, "size"),
        })
    });
    let reactions = row.as_object().into_iter().flatten();
    let reactions = reactions.filter_map(|(name, emoji)| Some((name.strip_prefix("r#")?, text_value(emoji))));
    let reply_to = row.get("replyTo").map(|_| number(row, "replyTo"));
    json!({
        "id": row["id"]["S"], "threadId": row["threadId"]["S"], "seq": number(row, "seq"), "body": row["body"]["S"],
        "authorId": row["authorId"]["S"], "files": files.collect::<Vec<_>>(), "createdAt": row["createdAt"]["S"],
        "rev": number(row, "rev"), "editedAt": row["editedAt"]["S"], "deletedAt": row["deletedAt"]["S"],
        "reactions": reactions.collect::<BTreeMap<_, _>>(), "replyTo": reply_to,
    })
}

/// Returns the attribute `name` of a row as text, or "" if it is missing.
pub(crate) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    text_value(&row[name])
}

fn text_value(attribute: &Value) -> &str {
    attribute["S"].as_str().unwrap_or_default()
}

/// Returns the attribute `name` of a row as a number, or 0 if it is missing.
pub(crate) fn number(row: &Value, name: &str) -> u64 {
    row[name]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Returns the name of a file's status, as rows and the texts of problems show it.
pub(crate) fn status_name(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Pending => "pending",
        FileStatus::Ready => "ready",
        FileStatus::Failed => "failed",
    }
}

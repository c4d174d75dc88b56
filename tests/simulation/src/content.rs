//! Converts the messages of rows and of clients into one form (the content), so that checks can compare them.

mod preview;

use std::collections::{BTreeMap, HashMap};

use contract::{Attachment, Author, FileStatus, Message, Quote, Reaction, cut, limits};
use serde_json::{Value, json};

pub(crate) use self::preview::{Preview, preview_of_message, preview_of_projection, preview_of_row, preview_of_thread};

/// Parses a part of a response or an event. Panics if the JSON does not match the contract's type `T`.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone())
        .unwrap_or_else(|error| panic!("the JSON does not match the contract: {error}: {value}"))
}

/// Returns the content of a message that a client received: all fields that are part of one version of the message. The
/// files and the quote, which the server joins to a message when it reads it, are in [`joined_of_message`].
///
/// The patterns in these functions name every field. If a field is added to the contract, the code does not compile until
/// somebody adds the field here and in the function for rows, or gives a reason to leave it out.
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
    json!({
        "id": id, "threadId": thread_id, "seq": seq, "body": body, "authorId": author_id,
        "files": attachments.iter().map(|attachment| &attachment.id).collect::<Vec<_>>(), "createdAt": created_at,
        "rev": rev, "editedAt": edited_at, "deletedAt": deleted_at, "reactions": of_reactions(reactions),
        "replyTo": reply_to.as_ref().map(|quote| quote.seq),
    })
}

/// Returns the emoji of each reaction by the ID of the user who has reacted.
fn of_reactions(reactions: &[Reaction]) -> BTreeMap<&str, &str> {
    let users = reactions
        .iter()
        .flat_map(|Reaction { emoji, user_ids }| user_ids.iter().map(|user| (user.as_str(), emoji.as_str())));
    users.collect()
}

/// Returns the content of a stored message, in the form of [`of_message`].
pub(crate) fn of_row(row: &Value) -> Value {
    let files = row["fileIds"]["L"].as_array().into_iter().flatten();
    let reactions = row.as_object().into_iter().flatten();
    let reactions = reactions.filter_map(|(name, emoji)| Some((name.strip_prefix("r#")?, text_value(emoji))));
    let reply_to = row.get("replyTo").map(|_| number(row, "replyTo"));
    json!({
        "id": row["id"]["S"], "threadId": row["threadId"]["S"], "seq": number(row, "seq"), "body": row["body"]["S"],
        "authorId": row["authorId"]["S"], "files": files.map(text_value).collect::<Vec<_>>(),
        "createdAt": row["createdAt"]["S"], "rev": number(row, "rev"), "editedAt": row["editedAt"]["S"],
        "deletedAt": row["deletedAt"]["S"], "reactions": reactions.collect::<BTreeMap<_, _>>(), "replyTo": reply_to,
    })
}

/// Returns what the server has joined to a message that a client received: its files and its quote.
pub(crate) fn joined_of_message(message: &Message) -> Value {
    let files = message.attachments.iter().map(|attachment| {
        // The URLs are left out, because their signatures change with time. The status is left out, because
        // `Client::wrong_file_statuses` checks it. Width and height are left out, because they are set when the file
        // becomes ready.
        let Attachment { id, name, url: _, mimetype, size, status: _, thumb_url: _, width: _, height: _ } = attachment;
        json!({ "id": id, "name": name, "mimetype": mimetype, "size": size })
    });
    json!({"files": files.collect::<Vec<_>>(), "quote": message.reply_to.as_ref().map(of_quote)})
}

/// Returns the content of a quote.
pub(crate) fn of_quote(quote: &Quote) -> Value {
    let Quote { seq, author: Author { id, name: _ }, excerpt, deleted } = quote;
    json!({ "seq": seq, "authorId": id, "excerpt": excerpt, "deleted": deleted })
}

/// Returns the quote that a reply has of a message with the given [content](of_message), in the form of [`of_quote`].
pub(crate) fn quoted(content: &Value) -> Value {
    let excerpt = cut(content["body"].as_str().unwrap(), limits::QUOTE_CHARS).0;
    let deleted = !content["deletedAt"].is_null();
    json!({"seq": content["seq"], "authorId": content["authorId"], "excerpt": excerpt, "deleted": deleted})
}

/// Returns the files and the quote of a stored message, in the form of [`joined_of_message`]. `files` has the rows of
/// all files by ID. `messages` has the rows of the thread's messages in the order of `seq`.
pub(crate) fn joined_of_row(row: &Value, files: &HashMap<&str, &Value>, messages: &[&Value]) -> Value {
    let ids = row["fileIds"]["L"].as_array().into_iter().flatten();
    let files = ids.map(|id| {
        let file = files[text_value(id)];
        json!({
            "id": file["id"]["S"], "name": file["name"]["S"], "mimetype": file["mimetype"]["S"],
            "size": number(file, "size"),
        })
    });
    let target = row.get("replyTo").and_then(|_| messages.get(usize::try_from(number(row, "replyTo")).unwrap() - 1));
    json!({"files": files.collect::<Vec<_>>(), "quote": target.map(|target| quoted(&of_row(target)))})
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

/// Returns the attribute `name` of a row as a set of texts, which is empty if it is missing.
pub(crate) fn set<'a>(row: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    row[name]["SS"].as_array().into_iter().flatten().map(|text| text.as_str().unwrap())
}

/// Returns the name of a file's status, as rows and the texts of problems show it.
pub(crate) fn status_name(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Pending => "pending",
        FileStatus::Ready => "ready",
        FileStatus::Failed => "failed",
    }
}

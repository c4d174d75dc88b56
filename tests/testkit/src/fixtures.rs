use aws_sdk_dynamodb::types::AttributeValue;
use contract::{ConnectionId, CreateFile, FileId, ImageSize, Message, Profile, Thread, Timestamp, UserId};
use serde_json::json;
use store::{
    Change, Chat, Connection, Connections, CreatedThread, FileRow, Links, MessageRate, MessageRow, NewChange,
    NewMessage, NewThread, Outcome, Sent,
};

use crate::{Tables, caller};

/// Returns a [`Links`] for tests, which signs links to files with a fixed key.
#[must_use]
pub fn links() -> Links {
    Links::new("a key that protects nothing but tests").expect("the signing key is too short")
}

/// Records the users as callers whose tokens have no name, so that they can become members of a thread.
pub async fn make_known(chat: &Chat, users: &[&str]) {
    for user in users {
        let id = UserId::parse(user).expect("the user ID is not valid");
        chat.record_profile(&Profile { id, name: None, issued_at: 0 }).await.expect("cannot record the profile");
    }
}

/// Creates a thread with the given members, after it has made them known. Panics if these members already have a
/// thread.
pub async fn new_thread(chat: &Chat, members: &[&str]) -> Thread {
    make_known(chat, members).await;
    let members: Vec<_> = members.iter().map(|id| UserId::parse(id).expect("the user ID is not valid")).collect();
    let creator = members.first().expect("a thread has at least one member");
    let new = NewThread { creator, members: &members, title: None, allow_unknown: false, per_day: u64::MAX };
    match chat.create_thread(new).await.expect("cannot create the thread") {
        CreatedThread::New(thread) => thread,
        other => panic!("the thread is not new: {other:?}"),
    }
}

/// Sends a message without files to a thread as `user`.
pub async fn send_text(chat: &Chat, user: &str, thread: &Thread, body: &str) -> Message {
    send_with_files(chat, user, thread, body, &[]).await
}

/// Sends a message with files to a thread as `user`.
pub async fn send_with_files(chat: &Chat, user: &str, thread: &Thread, body: &str, file_ids: &[FileId]) -> Message {
    let author = &caller(user).profile();
    let new = NewMessage { thread_id: &thread.id, author, body, file_ids, reply_to: None, idempotency_key: None };
    match chat.send(new, &links()).await {
        Ok(Sent::Stored(message)) => message,
        other => panic!("the message of {user} was not stored: {other:?}"),
    }
}

/// Returns the row that stores a delivered message, that is, without the undelivered flag.
#[must_use]
pub fn message_row(message: &Message) -> MessageRow {
    let files: Vec<_> = message.attachments.iter().map(|file| &file.id).collect();
    let row = json!({
        "id": message.id, "threadId": message.thread_id, "seq": message.seq, "authorId": message.author.id,
        "body": message.body, "fileIds": files, "createdAt": message.created_at, "rev": message.rev,
    });
    serde_json::from_value(row).expect("the row is not valid")
}

/// Creates a pending file that belongs to `user`.
pub async fn new_file(chat: &Chat, user: &str, name: &str, mimetype: &str, size: usize) -> FileRow {
    let request = CreateFile { name: name.into(), mimetype: mimetype.into(), size: size as u64 };
    let file = FileRow::new(&caller(user).id, request);
    chat.create_file(&file).await.expect("cannot create the file");
    file
}

/// Returns the outcome of an image of 4,032 × 3,024 pixels. `name` is part of its object keys.
#[must_use]
pub fn ready_image(name: &str) -> Outcome {
    let (original, thumbnail) = (format!("files/{name}"), Some(format!("thumbs/{name}.jpg")));
    Outcome::Ready { original, thumbnail, size: Some(ImageSize { width: 4_032, height: 3_024 }) }
}

/// Creates a file that belongs to `user` and is a ready image.
pub async fn new_image(chat: &Chat, user: &str) -> FileRow {
    let file = new_file(chat, user, "photo.jpg", "image/jpeg", 12).await;
    chat.record_outcome(&file.id, &ready_image("1")).await.expect("cannot record the outcome")
}

/// Writes a connection of `user` with the ID `connection`, which expires in an hour.
pub async fn connect(connections: &Connections, user: &str, connection: &str) -> Connection {
    let id = ConnectionId::new(connection);
    let until = Timestamp::now().seconds() + 3_600;
    connections.connect(&id, &caller(user).id, until).await.expect("cannot write the connection");
    connections.connection(&id).await.expect("cannot read the connection").expect("the connection has expired")
}

/// Commits a change of `user` to a message. Panics if it is refused.
pub async fn change(chat: &Chat, user: &str, thread: &Thread, seq: u64, change: Change<'_>) -> Message {
    let new = NewChange { thread_id: &thread.id, seq, caller: &caller(user).profile(), change };
    match chat.change(new, &MessageRate::new(u64::MAX), &links()).await {
        Ok(Ok(message)) => message,
        other => panic!("the change of {user} was not made: {other:?}"),
    }
}

/// Sets attributes of a message's row to the given texts.
pub async fn set_in_message(tables: &Tables, thread: &Thread, seq: u64, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        let update = tables.client.update_item().table_name(&tables.chat).update_expression("SET #name = :value");
        let update = update.key("pk", AttributeValue::S(format!("THREAD#{}", thread.id)));
        let update =
            update.key("sk", AttributeValue::S(format!("MSG#{seq:020}"))).expression_attribute_names("#name", *name);
        let update = update.expression_attribute_values(":value", AttributeValue::S((*value).to_owned()));
        update.send().await.expect("cannot change the message's row");
    }
}

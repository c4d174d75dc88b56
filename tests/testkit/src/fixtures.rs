use contract::{ConnectionId, CreateFile, CreateThread, FileId, Message, Thread, Timestamp, UserId};
use serde_json::json;
use store::{Chat, Connection, Connections, CreatedThread, FileRow, Links, MessageRow, NewMessage, Sent};

use crate::caller;

/// What all tests sign files' URLs with.
#[must_use]
pub fn links() -> Links {
    Links::new("a key that protects nothing but tests").expect("a key")
}

/// A new thread of these users.
pub async fn new_thread(chat: &Chat, members: &[&str]) -> Thread {
    let member_ids = members.iter().map(|id| UserId::parse(id).expect("a user id")).collect();
    match chat.create_thread(&CreateThread { member_ids, title: None }).await.expect("a thread") {
        CreatedThread::New(thread) => thread,
        CreatedThread::Existing(thread) => panic!("{} was there already", thread.id),
    }
}

/// A message of `user` to `thread`.
pub async fn send_text(chat: &Chat, user: &str, thread: &Thread, body: &str) -> Message {
    send_with_files(chat, user, thread, body, &[]).await
}

/// The same with files.
pub async fn send_with_files(chat: &Chat, user: &str, thread: &Thread, body: &str, file_ids: &[FileId]) -> Message {
    let author = &caller(user).profile();
    let new = NewMessage { thread_id: &thread.id, author, body, file_ids, idempotency_key: None };
    match chat.send(new, &links()).await {
        Ok(Sent::Stored(message)) => message,
        other => panic!("{user} could not say anything: {other:?}"),
    }
}

/// The row of a message.
#[must_use]
pub fn message_row(message: &Message) -> MessageRow {
    let files: Vec<_> = message.attachments.iter().map(|file| &file.id).collect();
    let row = json!({
        "id": message.id, "threadId": message.thread_id, "seq": message.seq, "authorId": message.author.id,
        "body": message.body, "fileIds": files, "createdAt": message.created_at,
    });
    serde_json::from_value(row).expect("a row")
}

/// A file that `user` has announced.
pub async fn new_file(chat: &Chat, user: &str, name: &str, mimetype: &str, size: usize) -> FileRow {
    let request = CreateFile { name: name.into(), mimetype: mimetype.into(), size: size as u64 };
    let file = FileRow::new(&caller(user).id, request);
    chat.create_file(&file).await.expect("a file");
    file
}

/// A socket of `user` that opens now and lives for an hour.
pub async fn connect(connections: &Connections, user: &str, connection: &str) -> Connection {
    let id = ConnectionId::new(connection);
    let until = Timestamp::now().seconds() + 3_600;
    connections.connect(&id, &caller(user).id, until).await.expect("a connection");
    connections.connection(&id).await.expect("an answer").expect("a live connection")
}

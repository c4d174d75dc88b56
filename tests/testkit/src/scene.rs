use contract::{ConnectionId, CreateThread, Message, Thread, Timestamp, UserId};
use store::{Chat, Connection, Connections, CreatedThread, NewMessage, Sent};

use crate::caller;

/// A new thread of these users.
pub async fn thread_of(chat: &Chat, members: &[&str]) -> Thread {
    let member_ids = members.iter().map(|id| UserId::parse(id).expect("a user id")).collect();
    match chat.create_thread(&CreateThread { member_ids, title: None }).await.expect("a thread") {
        CreatedThread::New(thread) => thread,
        CreatedThread::Existing(thread) => panic!("{} was there already", thread.id),
    }
}

/// A message of `user` to `thread`.
pub async fn say(chat: &Chat, user: &str, thread: &Thread, body: &str) -> Message {
    let author = &caller(user).profile();
    match chat.send(NewMessage { thread_id: &thread.id, author, body, idempotency_key: None }).await {
        Ok(Sent::Stored(message)) => message,
        other => panic!("{user} could not say anything: {other:?}"),
    }
}

/// A socket of `user` that opens now and lives for an hour.
pub async fn connect(connections: &Connections, user: &str, connection: &str) -> Connection {
    let id = ConnectionId::new(connection);
    let until = Timestamp::now().seconds() + 3_600;
    connections.connect(&id, &caller(user).id, until).await.expect("a connection");
    connections.connection(&id).await.expect("an answer").expect("a live connection")
}

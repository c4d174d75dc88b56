//! Rows that are not what the store writes: an error that names their key, never silence.

use contract::{Channel, MessagesQuery, ThreadsQuery};
use store::Error;
use testkit::{Tables, caller, connect, links, new_thread, send_text};

use crate::{n, s, set};

fn names<T>(result: Result<T, Error>, pk: &str, sk: &str) {
    match result {
        Err(Error::BadRow { key, .. }) => assert_eq!(key, format!("{pk} / {sk}")),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{pk} / {sk} was passed over"),
    }
}

#[tokio::test]
async fn a_message_that_does_not_parse() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    for _ in 0..3 {
        send_text(&chat, "user-a", &thread, "text").await;
    }
    let (pk, sk) = (format!("THREAD#{}", thread.id), "MSG#00000000000000000002");
    set(&tables, &tables.chat, (&pk, sk), "authorId", n(7)).await;
    let query = MessagesQuery::parse(None, None, None).unwrap();
    names(chat.messages(&thread.id, &query, &links()).await, &pk, sk);
}

#[tokio::test]
async fn a_thread_that_does_not_parse() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let (pk, user) = (format!("THREAD#{}", thread.id), caller("user-a").id);
    set(&tables, &tables.chat, (&pk, "META"), "createdAt", s("yesterday")).await;
    let query = ThreadsQuery::parse(None, None).unwrap();
    names(tables.chat().thread(&thread.id, &user).await, &pk, "META");
    names(tables.chat().is_member(&thread.id, &user).await, &pk, "META");
    names(tables.chat().threads(&user, &query, &links()).await, &pk, "META");
}

#[tokio::test]
async fn a_membership_or_a_name_that_does_not_parse() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let (user, query) = (caller("user-a").id, ThreadsQuery::parse(None, None).unwrap());
    tables.chat().record_profile(&caller("user-a").profile()).await.unwrap();
    set(&tables, &tables.chat, ("USER#user-a", "PROFILE"), "name", n(7)).await;
    names(tables.chat().thread(&thread.id, &user).await, "USER#user-a", "PROFILE");
    let sk = format!("THREAD#{}", thread.id);
    set(&tables, &tables.chat, ("USER#user-a", &sk), "threadId", s("nonsense")).await;
    names(tables.chat().threads(&user, &query, &links()).await, "USER#user-a", &sk);
}

#[tokio::test]
async fn a_connection_or_subscription_that_does_not_parse() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let connection = connect(&connections, "user-a", "c").await;
    let channel = Channel::Thread(contract::ThreadId::new());
    connections.subscribe(&connection, &channel).await.unwrap();
    let pk = format!("CHANNEL#{channel}");
    set(&tables, &tables.connections, (&pk, "CONN#c"), "expiresAt", s("soon")).await;
    names(connections.subscribers(&channel).await, &pk, "CONN#c");
    set(&tables, &tables.connections, ("CONN#c", "META"), "userId", s("")).await;
    names(connections.connection(&connection.id).await, "CONN#c", "META");
    names(connections.remove(&connection.id).await, "CONN#c", "META");
}

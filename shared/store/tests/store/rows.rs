//! Tests of rows with invalid attributes. Such a row is never skipped: reading it fails with an error that names its
//! primary key.

use contract::{Channel, MessagesQuery, PeopleQuery, ThreadsQuery};
use store::Error;
use testkit::{Tables, caller, connect, links, new_thread, send_text};

use crate::{n, s, set};

fn assert_names_key<T>(result: Result<T, Error>, pk: &str, sk: &str) {
    match result {
        Err(Error::BadRow { key, .. }) => assert_eq!(key, format!("{pk} / {sk}")),
        Err(other) => panic!("the error does not name an invalid row: {other}"),
        Ok(_) => panic!("the invalid row {pk} / {sk} was skipped"),
    }
}

#[tokio::test]
async fn invalid_message_is_an_error_that_names_its_key() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    for _ in 0..3 {
        send_text(&chat, "user-a", &thread, "text").await;
    }
    let (pk, sk) = (format!("THREAD#{}", thread.id), "MSG#00000000000000000002");
    set(&tables, &tables.chat, (&pk, sk), "authorId", n(7)).await;
    let query = MessagesQuery::parse(None, None, None).unwrap();
    assert_names_key(chat.messages(&thread.id, &query, &links()).await, &pk, sk);
}

#[tokio::test]
async fn invalid_thread_is_an_error_that_names_its_key() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let (pk, user) = (format!("THREAD#{}", thread.id), caller("user-a").id);
    set(&tables, &tables.chat, (&pk, "META"), "createdAt", s("yesterday")).await;
    let query = ThreadsQuery::parse(None, None, None).unwrap();
    assert_names_key(tables.chat().thread(&thread.id, &user).await, &pk, "META");
    assert_names_key(tables.chat().is_member(&thread.id, &user).await, &pk, "META");
    assert_names_key(tables.chat().threads(&user, &query).await, &pk, "META");
    assert_names_key(tables.chat().thread_row(&thread.id).await, &pk, "META");
}

#[tokio::test]
async fn invalid_membership_profile_or_person_is_an_error_that_names_its_key() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let (user, query) = (caller("user-a").id, ThreadsQuery::parse(None, None, None).unwrap());
    tables.chat().record_profile(&caller("user-a").profile()).await.unwrap();
    let sk = format!("THREAD#{}", thread.id);
    set(&tables, &tables.chat, ("USER#user-a", &sk), "readSeq", s("all")).await;
    assert_names_key(tables.chat().mark_read(&user, &thread.id, 0).await, "USER#user-a", &sk);
    assert_names_key(tables.chat().member_state(&user, &thread.id).await, "USER#user-a", &sk);
    set(&tables, &tables.chat, ("USER#user-a", &sk), "readSeq", n(0)).await;
    set(&tables, &tables.chat, ("PEOPLE", "USER#user-a"), "name", n(7)).await;
    let people = PeopleQuery::parse(None, None).unwrap();
    assert_names_key(tables.chat().directory(&people, &links()).await, "PEOPLE", "USER#user-a");
    set(&tables, &tables.chat, ("USER#user-a", "PROFILE"), "name", n(7)).await;
    let profile = caller("user-a").profile();
    assert_names_key(tables.chat().record_profile(&profile).await, "USER#user-a", "PROFILE");
    assert_names_key(tables.chat().me(&profile, &links()).await, "USER#user-a", "PROFILE");
    assert_names_key(tables.chat().thread(&thread.id, &user).await, "USER#user-a", "PROFILE");
    set(&tables, &tables.chat, ("USER#user-a", &sk), "threadId", s("nonsense")).await;
    assert_names_key(tables.chat().threads(&user, &query).await, "USER#user-a", &sk);
}

#[tokio::test]
async fn invalid_connection_or_subscription_is_an_error_that_names_its_key() {
    let tables = Tables::create().await;
    let connections = tables.connections();
    let connection = connect(&connections, "user-a", "c").await;
    let channel = Channel::Thread(contract::ThreadId::new());
    connections.subscribe(&connection, &channel).await.unwrap();
    let pk = format!("CHANNEL#{channel}");
    set(&tables, &tables.connections, (&pk, "CONN#c"), "expiresAt", s("soon")).await;
    assert_names_key(connections.subscribers(&channel).await, &pk, "CONN#c");
    set(&tables, &tables.connections, ("CONN#c", "META"), "userId", s("")).await;
    assert_names_key(connections.connection(&connection.id).await, "CONN#c", "META");
    assert_names_key(connections.remove(&connection.id).await, "CONN#c", "META");
}

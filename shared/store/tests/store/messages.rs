use std::collections::HashSet;

use contract::{ConnectionId, IdempotencyKey, Message, MessagesQuery, Thread, ThreadId, Timestamp};
use futures::future::join_all;
use store::{Chat, NewMessage, Sent, Undelivered};
use testkit::{Tables, caller, links, new_thread, send_text};

use crate::{keys, n, number, set};

async fn send(chat: &Chat, user: &str, thread: &ThreadId, body: &str, key: Option<&str>) -> Sent {
    let key = key.map(|key| IdempotencyKey::parse(key.as_bytes()).unwrap());
    let author = &caller(user).profile();
    let new =
        NewMessage { thread_id: thread, author, body, file_ids: &[], reply_to: None, idempotency_key: key.as_ref() };
    chat.send(new, &links()).await.unwrap()
}

fn stored(sent: Sent) -> Message {
    let Sent::Stored(message) = sent else { panic!("the message was not stored: {sent:?}") };
    message
}

/// Reads all pages of the thread's messages. With `after`, reads the messages with a larger `seq`, oldest first.
/// Without it, reads all messages, newest first.
async fn read(chat: &Chat, thread: &Thread, limit: &str, after: Option<&str>) -> Vec<Message> {
    let (mut messages, mut cursor) = (Vec::new(), None);
    loop {
        let query = MessagesQuery::parse(Some(limit), cursor.as_deref(), after).unwrap();
        let page = chat.messages(&thread.id, &query, &links()).await.unwrap();
        messages.extend(page.messages);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return messages;
        }
    }
}

fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq).collect()
}

#[tokio::test]
async fn concurrent_sends_get_consecutive_seqs_and_none_is_lost() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a", "user-b"]).await;
    // The authors' names are recorded, so that the senders compete only for `seq`.
    for author in ["user-a", "user-b"] {
        tables.chat().record_profile(&caller(author).profile()).await.unwrap();
    }
    // Each sender has its own caches, like a function instance that has just started.
    let senders = (0..64).map(|n| {
        let (chat, thread) = (tables.chat(), &thread);
        async move { stored(send(&chat, ["user-a", "user-b"][n % 2], &thread.id, &n.to_string(), None).await) }
    });
    let mut sent = join_all(senders).await;
    sent.sort_unstable_by_key(|message| message.seq);
    assert_eq!(seqs(&sent), (1..=64).collect::<Vec<_>>());
    let stored = read(&tables.chat(), &thread, "100", Some("0")).await;
    assert_eq!(stored, sent);
    assert_eq!(stored.iter().map(|message| &message.body).collect::<HashSet<_>>().len(), 64);
}

#[tokio::test]
async fn sends_from_stale_instances_get_the_next_seq() {
    let tables = Tables::create().await;
    let (one, other) = (tables.chat(), tables.chat());
    let thread = new_thread(&one, &["user-a"]).await;
    for round in 0..3 {
        for chat in [&one, &one, &other] {
            send_text(chat, "user-a", &thread, &round.to_string()).await;
        }
    }
    assert_eq!(seqs(&read(&one, &thread, "100", Some("0")).await), (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn concurrent_sends_with_one_key_store_one_message() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a", "user-b"]).await;
    let senders = (0..32).map(|_| {
        let (chat, thread) = (tables.chat(), &thread);
        async move { send(&chat, "user-a", &thread.id, "once", Some("key")).await }
    });
    let (mut stored, mut replayed) = (Vec::new(), Vec::new());
    for sent in join_all(senders).await {
        match sent {
            Sent::Stored(message) => stored.push(message),
            Sent::Replayed(message) => replayed.push(message),
            other => panic!("the message was neither stored nor recognized as a repeat of a stored request: {other:?}"),
        }
    }
    assert_eq!((stored.len(), replayed.len()), (1, 31));
    assert!(replayed.iter().all(|message| *message == stored[0]));
    assert_eq!(read(&tables.chat(), &thread, "100", None).await, stored);
}

#[tokio::test]
async fn concurrent_sends_with_different_keys_store_different_messages() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let senders = (0..32).map(|n| {
        let (chat, thread, key) = (tables.chat(), &thread, format!("key-{n}"));
        async move { stored(send(&chat, "user-a", &thread.id, "each", Some(&key)).await).seq }
    });
    let mut sent = join_all(senders).await;
    sent.sort_unstable();
    assert_eq!(sent, (1..=32).collect::<Vec<_>>());
}

#[tokio::test]
async fn key_applies_to_one_caller_thread_and_content() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let other = new_thread(&chat, &["user-a"]).await;
    let first = stored(send(&chat, "user-a", &thread.id, "text", Some("key")).await);
    stored(send(&chat, "user-b", &thread.id, "text", Some("key")).await);
    stored(send(&chat, "user-a", &other.id, "text", Some("key")).await);
    assert_eq!(send(&chat, "user-a", &thread.id, "other", Some("key")).await, Sent::KeyReused);
    assert_eq!(send(&chat, "user-a", &thread.id, "text", Some("key")).await, Sent::Replayed(first));
    assert_eq!(seqs(&read(&chat, &thread, "100", Some("0")).await), [1, 2]);
}

#[tokio::test]
async fn expired_key_can_be_used_again_before_ttl_deletes_it() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    stored(send(&chat, "user-a", &thread.id, "text", Some("key")).await);
    let key = (format!("THREAD#{}", thread.id), "KEY#6#user-a#key");
    assert!(keys(&tables, &tables.chat).await.contains(&(key.0.clone(), key.1.into())));
    let left = number(&tables, &tables.chat, (&key.0, key.1), "expiresAt").await - Timestamp::now().seconds();
    assert!(left > 7 * 24 * 60 * 60, "a key must be remembered for more than 7 days, not for {left} s");
    set(&tables, &tables.chat, (&key.0, key.1), "expiresAt", n(1)).await;
    assert_eq!(stored(send(&chat, "user-a", &thread.id, "other", Some("key")).await).seq, 2);
    assert_eq!(send(&chat, "user-a", &thread.id, "text", Some("key")).await, Sent::KeyReused);
}

#[tokio::test]
async fn send_of_a_non_member_stores_nothing() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    assert_eq!(send(&chat, "user-x", &thread.id, "text", None).await, Sent::NotMember);
    assert_eq!(send(&chat, "user-a", &ThreadId::new(), "text", Some("key")).await, Sent::NotMember);
    // The send is also refused by an instance that has cached the thread's members.
    send_text(&chat, "user-a", &thread, "hello").await;
    assert_eq!(send(&chat, "user-x", &thread.id, "text", None).await, Sent::NotMember);
    assert_eq!(read(&chat, &thread, "100", None).await.len(), 1);
}

#[tokio::test]
async fn paging_during_sends_returns_each_message_once() {
    let tables = Tables::create().await;
    let thread = &new_thread(&tables.chat(), &["user-a"]).await;
    for n in 0..20 {
        send_text(&tables.chat(), "user-a", thread, &n.to_string()).await;
    }
    let writer = async {
        let chat = tables.chat();
        for n in 20..60 {
            send_text(&chat, "user-a", thread, &n.to_string()).await;
        }
    };
    let reader = tables.chat();
    let (newest_first, oldest_first, ()) =
        tokio::join!(read(&reader, thread, "3", None), read(&reader, thread, "3", Some("0")), writer);
    let newest = newest_first[0].seq;
    assert!(newest >= 20);
    assert_eq!(seqs(&newest_first), (1..=newest).rev().collect::<Vec<_>>());
    let last = oldest_first.last().unwrap().seq;
    assert!(last >= 20);
    assert_eq!(seqs(&oldest_first), (1..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_cut_by_the_query_limit_of_dynamodb_are_complete() {
    // 40 bodies of 32 KB exceed the 1 MB that one DynamoDB query reads.
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let body = "🏡".repeat(8_000);
    for _ in 0..40 {
        send_text(&chat, "user-a", &thread, &body).await;
    }
    for after in [None, Some("0")] {
        let mut messages = read(&chat, &thread, "100", after).await;
        messages.sort_unstable_by_key(|message| message.seq);
        assert_eq!(seqs(&messages), (1..=40).collect::<Vec<_>>());
        assert!(messages.iter().all(|message| message.body == body));
    }
}

#[tokio::test]
async fn every_text_is_returned_unchanged() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let bodies = ["\u{0}\u{1}\u{7f}", "👩‍👩‍👧‍👦 \u{202e}abc", "  ", "\"\\\n\r\t", "\u{fffd}\u{10ffff}", "Ω≈ç√∫"];
    for body in bodies {
        send_text(&chat, "user-a", &thread, body).await;
    }
    let stored = read(&chat, &thread, "2", Some("0")).await;
    assert_eq!(stored.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), bodies);
}

#[tokio::test]
async fn ranges_outside_of_the_thread_are_empty_pages() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    send_text(&chat, "user-a", &thread, "only").await;
    assert_eq!(seqs(&read(&chat, &thread, "1", Some(&u64::MAX.to_string())).await), [0; 0]);
    for seq in [0, 1] {
        let cursor = contract::MessageCursor::Before(seq).encode();
        let query = MessagesQuery::parse(None, Some(&cursor), None).unwrap();
        let page = chat.messages(&thread.id, &query, &links()).await.unwrap();
        assert_eq!((page.messages.len(), page.next_cursor), (0, None));
    }
}

#[tokio::test]
async fn undelivered_flag_lists_each_connection_once_and_stays_cleared() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    send_text(&chat, "user-a", &thread, "hello").await;
    let undelivered = async || {
        let rows = chat.undelivered_messages(&[(thread.id.clone(), 1)]).await.unwrap();
        rows.first().and_then(store::MessageRow::undelivered)
    };
    assert_eq!(undelivered().await, Some(Undelivered::Everybody));
    let phone = ConnectionId::new("phone");
    chat.record_delivery(&thread.id, 1, [&phone, &phone]).await.unwrap();
    assert_eq!(undelivered().await, Some(Undelivered::Connections([phone.clone()].into())));
    for late in [None, Some(&phone)] {
        chat.record_delivery(&thread.id, 1, late).await.unwrap();
        assert_eq!(undelivered().await, None);
    }
}

//! Tests of which members and devices are notified, and of which message a notification shows.

use std::sync::Arc;

use contract::{ReadMark, Thread, ThreadId, Timestamp, UpdateSettings, UserId};
use store::{Change, Chat, CreatedThread, NewThread, Recipient};
use testkit::{Fault, Intercepted, Tables, change, edit, make_known, new_thread, once, send_text};

use crate::push_subscriptions::{device, device_rows, expire, only, register};
use crate::{number, row, unset};

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// A thread of Sarah and Dad with one message of Sarah's, and a device of Dad's.
struct Fixture {
    tables: Tables,
    chat: Chat,
    thread: Thread,
}

impl Fixture {
    async fn new() -> Self {
        let tables = Tables::create().await;
        let (chat, thread) = (tables.chat(), new_thread(&tables.chat(), &["user-sarah", "user-dad"]).await);
        send_text(&chat, "user-sarah", &thread, "message 1").await;
        register(&tables, "user-dad", device(1, "a")).await;
        Self { tables, chat, thread }
    }

    async fn send(&self, body: &str) {
        send_text(&self.chat, "user-sarah", &self.thread, body).await;
    }

    /// Returns Dad's devices and badge for a notification of the message `seq`, or `None` if he is not notified of it.
    async fn recipient(&self, seq: u64) -> Option<Recipient> {
        self.chat.recipient(&user("user-dad"), &self.thread.id, seq).await.unwrap()
    }

    async fn mark_read(&self, thread: &ThreadId, seq: u64) {
        self.chat.mark_read(&user("user-dad"), thread, seq).await.unwrap();
    }

    async fn set(&self, archived: bool, muted_until: Option<Timestamp>) {
        let update = UpdateSettings { archived: Some(archived), muted_until: Some(muted_until) };
        self.chat.update_settings(&user("user-dad"), &self.thread.id, update).await.unwrap();
    }

    /// Returns the text of the message that a notification would show.
    async fn announced(&self) -> Option<String> {
        Some(self.chat.thread_news(&self.thread.id).await.unwrap()?.message.body)
    }
}

fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_millis(Timestamp::now().millis() + seconds * 1_000)
}

#[tokio::test]
async fn newest_message_is_announced_as_it_is_now() {
    let fixture = Fixture::new().await;
    let Fixture { chat, thread, .. } = &fixture;
    fixture.send("message 2").await;
    change(chat, "user-sarah", thread, 2, edit("edited")).await;
    let news = chat.thread_news(&thread.id).await.unwrap().unwrap();
    assert_eq!((news.message.seq, news.message.body.as_str()), (2, "edited"));
    assert_eq!((&news.message.author_id, news.message.author_name.as_str()), (&user("user-sarah"), "Sarah"));
    assert_eq!((news.title, news.member_ids), (None, thread.member_ids.clone()));

    change(chat, "user-sarah", thread, 2, Change::Delete).await;
    assert_eq!(fixture.announced().await.as_deref(), Some("message 1"));
    change(chat, "user-sarah", thread, 1, Change::Delete).await;
    assert_eq!(fixture.announced().await, None);
}

#[tokio::test]
async fn message_behind_ten_deleted_ones_is_not_announced() {
    let fixture = Fixture::new().await;
    for seq in 2..=11 {
        fixture.send("a mistake").await;
        change(&fixture.chat, "user-sarah", &fixture.thread, seq, Change::Delete).await;
        let expected = (seq < 11).then_some("message 1");
        assert_eq!(fixture.announced().await.as_deref(), expected, "{seq}");
    }
}

#[tokio::test]
async fn unknown_and_empty_threads_have_no_news() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-sarah"]).await;
    for id in [&thread.id, &ThreadId::new()] {
        assert_eq!(tables.chat().thread_news(id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn title_is_announced() {
    let tables = Tables::create().await;
    make_known(&tables.chat(), &["user-sarah", "user-dad"]).await;
    let members = ["user-sarah", "user-dad"].map(user);
    let new =
        NewThread { creator: &members[0], members: &members, title: Some("Family"), allow_unknown: false, per_day: 1 };
    let CreatedThread::New(thread) = tables.chat().create_thread(new).await.unwrap() else {
        panic!("the thread was not created")
    };
    send_text(&tables.chat(), "user-sarah", &thread, "text").await;
    assert_eq!(tables.chat().thread_news(&thread.id).await.unwrap().unwrap().title.as_deref(), Some("Family"));
}

#[tokio::test]
async fn member_is_notified_of_what_they_have_not_read() {
    let fixture = Fixture::new().await;
    fixture.send("message 2").await;
    assert!(fixture.recipient(1).await.is_some());
    fixture.mark_read(&fixture.thread.id, 1).await;
    assert_eq!(fixture.recipient(1).await, None);
    assert!(fixture.recipient(2).await.is_some());
    fixture.mark_read(&fixture.thread.id, 2).await;
    assert_eq!(fixture.recipient(2).await, None);
}

#[tokio::test]
async fn notification_may_be_repeated_but_never_goes_back() {
    let fixture = Fixture::new().await;
    fixture.send("message 2").await;
    let first = fixture.recipient(2).await;
    assert!(first.is_some());
    assert_eq!(fixture.recipient(2).await, first);
    assert_eq!(fixture.recipient(1).await, None);
    let key = ("USER#user-dad", format!("THREAD#{}", fixture.thread.id));
    assert_eq!(number(&fixture.tables, &fixture.tables.chat, (key.0, &key.1), "notifiedSeq").await, 2);
}

#[tokio::test]
async fn muted_and_archived_threads_do_not_ring() {
    let fixture = Fixture::new().await;
    for (archived, muted_until, rings) in [
        (false, Some(in_seconds(60)), false),
        (true, Some(in_seconds(60)), false),
        (true, None, false),
        (false, None, true),
        (false, Some(in_seconds(-1)), true),
    ] {
        fixture.set(archived, muted_until).await;
        assert_eq!(fixture.recipient(1).await.is_some(), rings, "{archived:?} {muted_until:?}");
    }
}

#[tokio::test]
async fn all_devices_that_have_not_expired_are_notified() {
    let fixture = Fixture::new().await;
    let tables = &fixture.tables;
    let second = register(tables, "user-dad", device(2, "b")).await;
    register(tables, "user-sarah", device(3, "c")).await;
    let endpoints = |recipient: Option<Recipient>| {
        let mut endpoints: Vec<_> =
            recipient.into_iter().flat_map(|recipient| recipient.devices).map(|device| device.endpoint).collect();
        endpoints.sort_unstable();
        endpoints
    };
    let [first_url, second_url] = ["https://push.example/1", "https://push.example/2"];
    assert_eq!(endpoints(fixture.recipient(1).await), [first_url, second_url]);
    expire(tables, ("USER#user-dad", &format!("PUSH#{second}"))).await;
    assert_eq!(endpoints(fixture.recipient(1).await), [first_url]);
    let first = register(tables, "user-dad", device(1, "a")).await;
    expire(tables, ("USER#user-dad", &format!("PUSH#{first}"))).await;
    assert_eq!(fixture.recipient(1).await, None);
}

#[tokio::test]
async fn member_without_a_device_is_not_recorded_as_notified() {
    let fixture = Fixture::new().await;
    fixture
        .chat
        .delete_push_subscription(&user("user-dad"), &register(&fixture.tables, "user-dad", device(1, "a")).await)
        .await
        .unwrap();
    assert_eq!(fixture.recipient(1).await, None);
    let key = ("USER#user-dad", format!("THREAD#{}", fixture.thread.id));
    assert!(!row(&fixture.tables, &fixture.tables.chat, (key.0, &key.1)).await.contains_key("notifiedSeq"));
}

#[tokio::test]
async fn strangers_and_memberships_without_a_read_mark_are_not_notified() {
    let fixture = Fixture::new().await;
    register(&fixture.tables, "user-michael", device(2, "b")).await;
    let stranger = fixture.chat.recipient(&user("user-michael"), &fixture.thread.id, 1).await.unwrap();
    assert_eq!(stranger, None);
    // A membership that was created before read marks existed has none. All messages count as read.
    let sk = format!("THREAD#{}", fixture.thread.id);
    unset(&fixture.tables, &fixture.tables.chat, ("USER#user-dad", &sk), "readSeq").await;
    assert_eq!(fixture.recipient(1).await, None);
}

#[tokio::test]
async fn read_between_the_check_and_the_record_suppresses_the_notification() {
    let fixture = Fixture::new().await;
    let (chat, thread) = (Arc::new(fixture.tables.chat()), fixture.thread.id.clone());
    let tables = fixture.tables.through(once(
        |call| call.is("UpdateItem", "notifiedSeq"),
        move |_| {
            let (chat, thread) = (chat.clone(), thread.clone());
            Fault::After(Box::pin(async move { _ = chat.mark_read(&user("user-dad"), &thread, 1).await.unwrap() }))
        },
    ));
    let recipient = tables.await.chat().recipient(&user("user-dad"), &fixture.thread.id, 1).await;
    assert_eq!(recipient.unwrap(), None);
}

#[tokio::test]
async fn badge_counts_threads_with_unread_notifications() {
    let fixture = Fixture::new().await;
    let mut others = Vec::new();
    for other in ["user-mom", "user-grandma", "user-michael"] {
        let thread = new_thread(&fixture.chat, &[other, "user-dad"]).await;
        send_text(&fixture.chat, other, &thread, "hello").await;
        others.push(thread.id);
    }
    let badge = async || fixture.recipient(1).await.unwrap().badge;
    let notify = async |thread| fixture.chat.recipient(&user("user-dad"), thread, 1).await.unwrap().unwrap().badge;
    // Dad has not read the other threads, but he was not notified of them.
    assert_eq!(badge().await, 1);
    assert_eq!((notify(&others[0]).await, notify(&others[1]).await), (2, 3));
    assert_eq!(badge().await, 3);
    fixture.mark_read(&others[0], 1).await;
    assert_eq!(badge().await, 2);
    let archive = UpdateSettings { archived: Some(true), muted_until: None };
    fixture.chat.update_settings(&user("user-dad"), &others[1], archive).await.unwrap();
    assert_eq!(badge().await, 1);
    // A member who sends a message to the thread has also read it: `record_sent` moves their read mark.
    assert_eq!(notify(&others[2]).await, 2);
    fixture.chat.record_sent(&others[2], &ReadMark { user_id: user("user-dad"), seq: 1 }).await.unwrap();
    assert_eq!(badge().await, 1);
}

#[tokio::test]
async fn dead_device_is_removed_unless_it_was_registered_again() {
    let fixture = Fixture::new().await;
    let (tables, chat, dad) = (&fixture.tables, &fixture.chat, user("user-dad"));
    let read = async || fixture.recipient(1).await.map_or(Vec::new(), |recipient| recipient.devices);
    let before = read().await.remove(0);
    // Times of registrations have a precision of 1 ms. With this delay, the second registration has another time.
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    register(tables, "user-dad", device(1, "a")).await;
    chat.remove_gone_device(&dad, &before).await.unwrap();
    let again = read().await;
    assert_eq!(again.len(), 1, "a device that was registered again must not be removed");

    // The device moves to Sarah. The removal of Dad's earlier subscription does not remove hers.
    register(tables, "user-sarah", device(1, "a")).await;
    chat.remove_gone_device(&dad, &again[0]).await.unwrap();
    assert_eq!(device_rows(tables).await, only("user-sarah", &again[0].id));
    register(tables, "user-dad", device(1, "a")).await;

    let last = read().await.remove(0);
    for _ in 0..2 {
        chat.remove_gone_device(&dad, &last).await.unwrap();
        assert_eq!(read().await, []);
        assert_eq!(device_rows(tables).await, []);
    }
}

#[tokio::test]
async fn unavailable_table_is_an_error() {
    let fixture = Fixture::new().await;
    for operation in ["Query", "UpdateItem"] {
        let fault = move |call: &Intercepted| {
            if call.operation == operation { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
        };
        let chat = fixture.tables.through(fault).await.chat();
        assert!(chat.recipient(&user("user-dad"), &fixture.thread.id, 1).await.is_err(), "{operation}");
    }
}

//! Tests of read marks: they only move forward, never pass the last message, and never create a membership.

use contract::{ReadMark, Thread, ThreadId, ThreadSettings, ThreadsQuery, Timestamp, UpdateSettings, UserId};
use futures::future::join_all;
use store::{Chat, ReadResult};
use testkit::{Fault, Intercepted, Tables, caller, message_row, new_thread, once, send_text, set_receipts};

use crate::{keys, row, s, unset};

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// Returns the sort key of a membership in the thread.
fn membership(thread: &Thread) -> String {
    format!("THREAD#{}", thread.id)
}

async fn mark(chat: &Chat, id: &str, thread: &ThreadId, seq: u64) -> ReadResult {
    chat.mark_read(&user(id), thread, seq).await.unwrap()
}

/// Creates a thread of `user-a` and `user-b` with `messages` messages by `user-b`, whose own read mark does not move.
async fn thread_with(tables: &Tables, messages: usize) -> Thread {
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    for n in 0..messages {
        let message = send_text(&chat, "user-b", &thread, &n.to_string()).await;
        chat.advance_projection(&message_row(&message)).await.unwrap();
    }
    thread
}

/// Returns the read mark and the number of unread messages that `id` sees. Checks that the thread and the list show the
/// same mark.
async fn state(tables: &Tables, id: &str, thread: &Thread) -> (u64, u64) {
    let shown = tables.chat().thread(&thread.id, &user(id)).await.unwrap().unwrap();
    let page = tables.chat().threads(&user(id), &ThreadsQuery::parse(None, None, None).unwrap()).await.unwrap();
    assert_eq!(shown.own, page.threads[0].own);
    (shown.own.read_seq, page.threads[0].unread_count)
}

/// Returns the attributes `readSeq` and `changed` of the membership of `user-a`.
async fn stored(tables: &Tables, thread: &Thread) -> (Option<String>, Option<String>) {
    let row = row(tables, &tables.chat, ("USER#user-a", &membership(thread))).await;
    let mark = row.get("readSeq").map(|value| value.as_n().unwrap().clone());
    (mark, row.get("changed").map(|value| value.as_s().unwrap().clone()))
}

fn read_only(call: &Intercepted) -> Fault {
    if call.operation == "UpdateItem" { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
}

#[tokio::test]
async fn new_member_has_read_nothing_and_marks_move_forward_only() {
    let tables = Tables::create().await;
    let thread = thread_with(&tables, 3).await;
    assert_eq!(state(&tables, "user-a", &thread).await, (0, 3));
    for (seq, expected) in [(0, 0), (2, 2), (1, 2), (0, 2), (2, 2), (3, 3)] {
        assert_eq!(mark(&tables.chat(), "user-a", &thread.id, seq).await, ReadResult::Mark(expected), "{seq}");
        assert_eq!(state(&tables, "user-a", &thread).await, (expected, 3 - expected));
    }
    assert_eq!(state(&tables, "user-b", &thread).await, (0, 3));
}

#[tokio::test]
async fn concurrent_marks_of_several_instances_end_at_the_largest() {
    let tables = Tables::create().await;
    let thread = thread_with(&tables, 16).await;
    let marks = (1..=64).map(|n| {
        let (chat, seq) = (tables.chat(), n * 7 % 17);
        let thread = &thread.id;
        async move { (seq, mark(&chat, "user-a", thread, seq).await) }
    });
    for (seq, result) in join_all(marks).await {
        let ReadResult::Mark(now) = result else { panic!("{seq}: {result:?}") };
        assert!((seq..=16).contains(&now), "the mark {seq} is in effect, but the answer says {now}");
    }
    assert_eq!(state(&tables, "user-a", &thread).await, (16, 0));
}

#[tokio::test]
async fn mark_beyond_the_last_message_is_refused_and_writes_nothing() {
    let tables = Tables::create().await;
    let (empty, thread) = (new_thread(&tables.chat(), &["user-a"]).await, thread_with(&tables, 2).await);
    let chat = tables.through(read_only).await.chat();
    for (thread, seq) in [(&empty, 1), (&thread, 3), (&thread, u64::MAX)] {
        assert_eq!(mark(&chat, "user-a", &thread.id, seq).await, ReadResult::NoMessage, "{seq}");
    }
    assert_eq!(mark(&chat, "user-a", &empty.id, 0).await, ReadResult::Mark(0));
}

#[tokio::test]
async fn mark_may_name_a_message_that_the_projection_and_the_instance_do_not_know_yet() {
    let tables = Tables::create().await;
    let (chat, thread) = (tables.chat(), thread_with(&tables, 1).await);
    assert_eq!(mark(&chat, "user-a", &thread.id, 1).await, ReadResult::Mark(1));
    // Another instance sends a message. The projection is not updated yet, so the mark is ahead of the list's
    // `lastSeq`.
    send_text(&tables.chat(), "user-b", &thread, "new").await;
    assert_eq!(mark(&chat, "user-a", &thread.id, 2).await, ReadResult::Mark(2));
    assert_eq!(mark(&chat, "user-a", &thread.id, 3).await, ReadResult::NoMessage);
    assert_eq!(state(&tables, "user-a", &thread).await, (2, 0));
}

#[tokio::test]
async fn mark_of_a_non_member_or_in_a_missing_thread_writes_nothing() {
    let tables = Tables::create().await;
    let thread = thread_with(&tables, 1).await;
    let before = keys(&tables, &tables.chat).await;
    let chat = tables.chat();
    for (id, thread) in [("stranger", &thread.id), ("user-a", &ThreadId::new())] {
        for seq in [0, 1, 2] {
            assert_eq!(mark(&chat, id, thread, seq).await, ReadResult::NotMember, "{id} {seq}");
        }
        chat.record_sent(thread, &ReadMark { user_id: user(id), seq: 1 }).await.unwrap();
    }
    assert_eq!(keys(&tables, &tables.chat).await, before);
}

#[tokio::test]
async fn membership_deleted_before_the_write_is_not_created_again() {
    let tables = Tables::create().await;
    let thread = thread_with(&tables, 1).await;
    let (client, table, sk) = (tables.client.clone(), tables.chat.clone(), membership(&thread));
    let delete = move |_: &Intercepted| {
        let delete = client.delete_item().table_name(&table);
        let delete = delete.key("pk", s("USER#user-a")).key("sk", s(&sk));
        Fault::After(Box::pin(async move { drop(delete.send().await.unwrap()) }))
    };
    let racing = tables.through(once(|call| call.operation == "UpdateItem", delete)).await.chat();
    assert_eq!(mark(&racing, "user-a", &thread.id, 1).await, ReadResult::NotMember);
    let rows = keys(&tables, &tables.chat).await;
    assert!(!rows.contains(&("USER#user-a".into(), membership(&thread))), "{rows:?}");
}

#[tokio::test]
async fn everything_counts_as_read_where_no_mark_was_ever_stored() {
    for first in [0, 1, 3] {
        let tables = Tables::create().await;
        let thread = thread_with(&tables, 3).await;
        let key = ("USER#user-a", membership(&thread));
        unset(&tables, &tables.chat, (key.0, &key.1), "readSeq").await;
        assert_eq!(state(&tables, "user-a", &thread).await, (3, 0));
        // Until now, all 3 messages counted as read. A mark never moves back, so the first one is stored as 3.
        assert_eq!(mark(&tables.chat(), "user-a", &thread.id, first).await, ReadResult::Mark(3), "{first}");
        assert_eq!(stored(&tables, &thread).await, (Some("3".into()), Some("read".into())));
        let message = send_text(&tables.chat(), "user-b", &thread, "new").await;
        tables.chat().advance_projection(&message_row(&message)).await.unwrap();
        assert_eq!(state(&tables, "user-a", &thread).await, (3, 1));
    }
}

#[tokio::test]
async fn marks_of_an_author_follow_their_messages_in_any_order() {
    for order in [[1, 2, 3], [3, 1, 2], [2, 3, 3]] {
        let tables = Tables::create().await;
        let (chat, thread) = (tables.chat(), thread_with(&tables, 3).await);
        for seq in order {
            // chat-stream may process a message twice, on two instances.
            for _ in 0..2 {
                chat.record_sent(&thread.id, &ReadMark { user_id: user("user-a"), seq }).await.unwrap();
            }
        }
        assert_eq!(stored(&tables, &thread).await, (Some("3".into()), Some("sent".into())));
    }
}

#[tokio::test]
async fn mark_of_an_author_is_not_moved_back_by_an_older_message() {
    let tables = Tables::create().await;
    let (chat, thread) = (tables.chat(), thread_with(&tables, 3).await);
    assert_eq!(mark(&chat, "user-a", &thread.id, 3).await, ReadResult::Mark(3));
    chat.record_sent(&thread.id, &ReadMark { user_id: user("user-a"), seq: 2 }).await.unwrap();
    // Nothing was written: `changed` is still `read`.
    assert_eq!(stored(&tables, &thread).await, (Some("3".into()), Some("read".into())));
}

#[tokio::test]
async fn first_message_of_an_author_without_a_mark_stores_one() {
    let tables = Tables::create().await;
    let (chat, thread) = (tables.chat(), thread_with(&tables, 3).await);
    unset(&tables, &tables.chat, ("USER#user-a", &membership(&thread)), "readSeq").await;
    chat.record_sent(&thread.id, &ReadMark { user_id: user("user-a"), seq: 2 }).await.unwrap();
    assert_eq!(state(&tables, "user-a", &thread).await, (2, 1));
}

#[tokio::test]
async fn mark_that_is_already_there_writes_nothing() {
    let tables = Tables::create().await;
    let thread = thread_with(&tables, 3).await;
    mark(&tables.chat(), "user-a", &thread.id, 2).await;
    let chat = tables.through(read_only).await.chat();
    for seq in [0, 1, 2] {
        assert_eq!(mark(&chat, "user-a", &thread.id, seq).await, ReadResult::Mark(2));
    }
    assert!(chat.mark_read(&user("user-a"), &thread.id, 3).await.is_err());
}

#[tokio::test]
async fn marks_are_shown_to_other_members_only_if_their_user_shares_them() {
    let tables = Tables::create().await;
    let (chat, thread) = (tables.chat(), thread_with(&tables, 3).await);
    mark(&chat, "user-a", &thread.id, 2).await;
    let reads = async |viewer| {
        let shown = tables.chat().thread(&thread.id, &user(viewer)).await.unwrap().unwrap();
        shown.reads.into_iter().map(|read| (read.user_id.to_string(), read.seq)).collect::<Vec<_>>()
    };
    let (a, b) = (("user-a".to_owned(), 2), ("user-b".to_owned(), 0));
    assert_eq!(reads("user-b").await, [a.clone(), b.clone()]);
    set_receipts(&chat, &caller("user-a").profile(), Some(false)).await.unwrap();
    for viewer in ["user-a", "user-b"] {
        assert_eq!(reads(viewer).await, std::slice::from_ref(&b));
    }
    assert_eq!(state(&tables, "user-a", &thread).await, (2, 1));
    let of_a = chat.member_state(&user("user-a"), &thread.id).await.unwrap().unwrap();
    assert_eq!((of_a.read_seq, of_a.receipts), (Some(2), false));
    assert!(chat.member_state(&user("user-b"), &thread.id).await.unwrap().unwrap().receipts);
    assert_eq!(chat.member_state(&user("stranger"), &thread.id).await.unwrap(), None);
    set_receipts(&chat, &caller("user-a").profile(), Some(true)).await.unwrap();
    assert_eq!(reads("user-b").await, [a, b]);
}

#[tokio::test]
async fn marks_and_settings_that_are_written_at_once_are_all_kept() {
    let tables = Tables::create().await;
    let (chat, thread) = (tables.chat(), thread_with(&tables, 3).await);
    let (a, until) = (user("user-a"), Timestamp::from_millis(4_102_444_800_000));
    let update = |archived, muted_until| UpdateSettings { archived, muted_until };
    let sent = ReadMark { user_id: a.clone(), seq: 2 };
    let (_, archived, muted, ()) = tokio::try_join!(
        chat.mark_read(&a, &thread.id, 3),
        chat.update_settings(&a, &thread.id, update(Some(true), None)),
        chat.update_settings(&a, &thread.id, update(None, Some(Some(until)))),
        chat.record_sent(&thread.id, &sent),
    )
    .unwrap();
    assert!(archived.is_some() && muted.is_some());
    let state = chat.member_state(&a, &thread.id).await.unwrap().unwrap();
    let settings = ThreadSettings { archived: true, muted_until: Some(until) };
    assert_eq!((state.read_seq, state.settings), (Some(3), settings));
}

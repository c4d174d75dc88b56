use contract::{Message, Thread, ThreadsQuery, UserId, limits};
use futures::future::join_all;
use store::{Chat, CreatedThread, Error, NewThread};
use testkit::{Tables, make_known, message_row, new_thread, send_text};

use crate::{keys, s, set};

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// Creates or finds a thread whose creator is the first member.
async fn create(chat: &Chat, members: &[UserId], title: &str) -> CreatedThread {
    let new = NewThread { creator: &members[0], members, title: Some(title), allow_unknown: false, per_day: 1 };
    chat.create_thread(new).await.unwrap()
}

/// Reads the IDs of the user's threads from all pages.
async fn list(chat: &Chat, id: &str, limit: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let query = ThreadsQuery::parse(Some(limit), cursor.as_deref(), None).unwrap();
        let page = chat.threads(&user(id), &query).await.unwrap();
        assert!(page.threads.len() <= query.limit as usize);
        ids.extend(page.threads.into_iter().map(|thread| thread.overview.thread.id.to_string()));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return ids;
        }
    }
}

/// Updates the thread's projection with a message, as chat-stream does. Returns the projection's last `seq` afterwards.
async fn advance(chat: &Chat, message: &Message) -> u64 {
    let row = chat.advance_projection(&message_row(message)).await.unwrap();
    chat.thread_update(row).await.unwrap().last_seq
}

#[tokio::test]
async fn concurrent_creations_with_one_member_set_create_one_thread() {
    let tables = Tables::create().await;
    make_known(&tables.chat(), &["a", "b", "c"]).await;
    let creators = (0..64).map(|n| {
        let chat = tables.chat();
        // The calls give the same members in different orders, and different titles.
        let mut members = vec![user("a"), user("b"), user("c")];
        members.rotate_left(n % 3);
        async move { create(&chat, &members, &n.to_string()).await }
    });
    let (mut new, mut existing) = (Vec::new(), Vec::new());
    for created in join_all(creators).await {
        match created {
            CreatedThread::New(thread) => new.push(thread),
            CreatedThread::Existing(thread) => existing.push(thread),
            other => panic!("the thread was neither created nor found: {other:?}"),
        }
    }
    assert_eq!((new.len(), existing.len()), (1, 63));
    assert!(existing.iter().all(|thread| *thread == new[0]));
    // These are three profiles and their rows in the directory, the member set, the thread, three memberships and the
    // counter of the quota. The other calls have left no rows.
    assert_eq!(keys(&tables, &tables.chat).await.len(), 12);
    assert_eq!(list(&tables.chat(), "b", "10").await, [new[0].id.as_str()]);
}

#[tokio::test]
async fn thread_with_the_largest_members_and_title_is_created() {
    let chat = Tables::create().await.chat();
    let members: Vec<_> = (0..limits::MEMBERS).map(|n| user(&format!("{n:0>255}"))).collect();
    make_known(&chat, &members.iter().map(UserId::as_str).collect::<Vec<_>>()).await;
    let created = create(&chat, &members, &"ä".repeat(limits::TITLE_CHARS)).await;
    let CreatedThread::New(thread) = created else { panic!("the thread is not new: {created:?}") };
    assert_eq!(thread.member_ids, members);
    let shown = chat.thread(&thread.id, &members[89]).await.unwrap().unwrap();
    assert_eq!((shown.thread, shown.member_names.len()), (thread, limits::MEMBERS));
}

#[tokio::test]
async fn new_thread_with_unknown_members_is_not_created() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let members = ["a", "b", "c", "d"].map(user);
    make_known(&chat, &["c"]).await;
    let unknown = CreatedThread::UnknownMembers(vec![user("b"), user("d")]);
    // The creator `a` has no profile here, but does not count as unknown: threads-create writes the creator's profile
    // at the same time.
    assert_eq!(create(&chat, &members, "Family").await, unknown);
    let of_c = [("PEOPLE", "USER#c"), ("USER#c", "PROFILE")].map(|(pk, sk)| (pk.to_owned(), sk.to_owned()));
    assert_eq!(keys(&tables, &tables.chat).await, of_c);
    make_known(&chat, &["b", "d"]).await;
    assert!(matches!(create(&chat, &members, "Family").await, CreatedThread::New(_)));
}

#[tokio::test]
async fn unknown_members_are_allowed_on_request_and_in_threads_that_exist() {
    let chat = Tables::create().await.chat();
    let members = ["a", "b"].map(user);
    let open = NewThread { creator: &members[0], members: &members, title: None, allow_unknown: true, per_day: 1 };
    let CreatedThread::New(thread) = chat.create_thread(open).await.unwrap() else { panic!("the thread is not new") };
    assert_eq!(create(&chat, &members, "Other").await, CreatedThread::Existing(thread));
}

#[tokio::test]
async fn overlapping_member_sets_have_different_threads() {
    let chat = Tables::create().await.chat();
    let one = new_thread(&chat, &["a", "b"]).await;
    let other = new_thread(&chat, &["a", "b", "c"]).await;
    assert_ne!(one.id, other.id);
    assert!(chat.thread(&other.id, &user("d")).await.unwrap().is_none());
    assert!(!chat.is_member(&one.id, &user("c")).await.unwrap());
    assert!(chat.is_member(&other.id, &user("c")).await.unwrap());
}

#[tokio::test]
async fn threads_are_listed_once_and_most_recently_active_first() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let mut threads: Vec<Thread> = Vec::new();
    for n in 0..5 {
        threads.push(new_thread(&chat, &["a", &format!("b{n}")]).await);
    }
    // Threads that were created in the same millisecond also have a fixed order, so no page repeats or skips one.
    for limit in ["1", "2", "5", "100"] {
        let mut listed = list(&chat, "a", limit).await;
        assert_eq!(listed.len(), 5);
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.len(), 5);
    }
    for n in [3, 1] {
        let mut message = send_text(&chat, "a", &threads[n], "hello").await;
        message.created_at = contract::Timestamp::from_millis(4_102_444_800_000 - i64::try_from(n).unwrap());
        assert_eq!(advance(&chat, &message).await, message.seq);
    }
    assert_eq!(list(&chat, "a", "2").await[..2], [threads[1].id.to_string(), threads[3].id.to_string()]);
}

#[tokio::test]
async fn list_longer_than_one_batch_is_complete() {
    // One BatchGetItem reads at most 100 rows.
    let chat = Tables::create().await.chat();
    for n in 0..130 {
        new_thread(&chat, &["a", &n.to_string()]).await;
    }
    assert_eq!(list(&chat, "a", "100").await.len(), 130);
}

#[tokio::test]
async fn projection_only_moves_forward_and_never_creates_a_thread() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["a"]).await;
    let (first, second) = (send_text(&chat, "a", &thread, "1").await, send_text(&chat, "a", &thread, "2").await);
    for message in [&second, &second, &first] {
        assert_eq!(advance(&chat, message).await, 2);
    }
    let page = chat.threads(&user("a"), &ThreadsQuery::parse(None, None, None).unwrap()).await.unwrap();
    let shown = &page.threads[0].overview;
    assert_eq!(shown.last_message.as_ref().map(|message| &message.id), Some(&second.id));
    assert_eq!((shown.last_seq, shown.thread.updated_at), (2, second.created_at));

    let orphan = message_row(&Message { thread_id: contract::ThreadId::new(), ..first });
    assert!(matches!(chat.advance_projection(&orphan).await, Err(Error::MissingRow(_))));
}

#[tokio::test]
async fn membership_without_its_thread_is_an_error() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    new_thread(&chat, &["a"]).await;
    set(&tables, &tables.chat, ("USER#a", "THREAD#thread_gone"), "threadId", s("thread_gone")).await;
    let query = ThreadsQuery::parse(None, None, None).unwrap();
    assert!(matches!(chat.threads(&user("a"), &query).await, Err(Error::MissingRow(_))));
}

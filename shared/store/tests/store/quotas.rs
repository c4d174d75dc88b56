//! Tests of quotas: exact ones per day, and the approximate one per minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::{Timestamp, UserId};
use futures::future::join_all;
use store::{Chat, CreatedThread, Error, MessageRate, NewThread, QuotaExceeded, UploadQuota};
use testkit::{Fault, Tables, caller, once};

use crate::{keys, number};

fn user(id: &str) -> UserId {
    caller(id).id
}

/// Creates a thread of user-a and `other`.
async fn create(chat: &Chat, other: &str, per_day: u64) -> Result<CreatedThread, Error> {
    create_as(chat, "user-a", other, per_day).await
}

/// Creates a thread of `creator` and `other` as `creator`. Neither user needs to have called before.
async fn create_as(chat: &Chat, creator: &str, other: &str, per_day: u64) -> Result<CreatedThread, Error> {
    let members = [user(creator), user(other)];
    let new = NewThread { creator: &members[0], members: &members, title: None, allow_unknown: true, per_day };
    chat.create_thread(new).await
}

/// Returns the counter of user-a that counts `kind`: its sort key and its value.
async fn counter(tables: &Tables, kind: &str) -> Option<(String, i64)> {
    let keys = keys(tables, &tables.chat).await;
    let (pk, sk) = keys.into_iter().find(|(pk, sk)| pk == "QUOTA#6#user-a" && sk.starts_with(kind))?;
    let count = number(tables, &tables.chat, (&pk, &sk), "count").await;
    Some((sk, count))
}

/// Checks that the quota is used up until the end of the day (UTC).
fn assert_until_midnight(QuotaExceeded { retry_after }: QuotaExceeded) {
    const DAY: u64 = 24 * 60 * 60;
    let left = DAY - Timestamp::now().seconds().unsigned_abs() % DAY;
    // The test may run for a few seconds, and midnight may pass meanwhile.
    assert!(retry_after.abs_diff(left) < 60 || retry_after < 60, "{retry_after} s, but the day ends in {left} s");
}

#[tokio::test]
async fn thread_over_the_quota_is_not_created_and_finding_one_is_free() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    for other in ["b", "c"] {
        assert!(matches!(create(&chat, other, 2).await, Ok(CreatedThread::New(_))));
    }
    let before = keys(&tables, &tables.chat).await;
    let Ok(CreatedThread::QuotaExceeded(exceeded)) = create(&chat, "d", 2).await else {
        panic!("the third thread was not refused")
    };
    assert_until_midnight(exceeded);
    assert_eq!(keys(&tables, &tables.chat).await, before);
    assert!(matches!(create(&chat, "b", 2).await, Ok(CreatedThread::Existing(_))));
    assert_eq!(counter(&tables, "threads#").await.unwrap().1, 2);
    // User d has a quota of their own and creates the thread. Then user-a finds it, although their quota is used up.
    assert!(matches!(create_as(&chat, "d", "user-a", 2).await, Ok(CreatedThread::New(_))));
    assert!(matches!(create(&chat, "d", 2).await, Ok(CreatedThread::Existing(_))));
}

#[tokio::test]
async fn concurrent_creations_do_not_exceed_the_quota() {
    let tables = Tables::create().await;
    let creations = (0..20).map(|n| {
        let chat = tables.chat();
        async move { create(&chat, &n.to_string(), 7).await.unwrap() }
    });
    let created = join_all(creations).await;
    let new = created.iter().filter(|created| matches!(created, CreatedThread::New(_))).count();
    let refused = created.iter().filter(|created| matches!(created, CreatedThread::QuotaExceeded(_))).count();
    assert_eq!((new, refused), (7, 13));
    assert_eq!(counter(&tables, "threads#").await.unwrap().1, 7);
}

#[tokio::test]
async fn thread_with_a_lost_answer_is_counted_once_and_a_failed_one_is_not() {
    let tables = Tables::create().await;
    let refused = tables.through(|call| {
        if call.operation == "TransactWriteItems" { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    });
    assert!(create(&refused.await.chat(), "b", 1).await.is_err());
    assert_eq!(counter(&tables, "threads#").await, None);
    let lossy = tables.through(once(|call| call.operation == "TransactWriteItems", |_| Fault::LoseAnswer)).await;
    assert!(matches!(create(&lossy.chat(), "b", 1).await, Ok(CreatedThread::New(_))));
    assert_eq!(counter(&tables, "threads#").await.unwrap().1, 1);
}

#[tokio::test]
async fn uploads_are_limited_by_number_and_by_size() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let count = async |size, files, bytes| {
        chat.count_upload(&user("user-a"), size, UploadQuota { files, bytes }).await.unwrap().is_ok()
    };
    assert!(!count(11, 3, 10).await, "a file that is larger than the quota is refused");
    assert!(count(4, 3, 10).await && count(6, 3, 10).await);
    assert!(!count(1, 3, 10).await, "11 bytes must exceed a quota of 10 bytes");
    assert!(count(1, 3, 11).await);
    assert!(!count(0, 3, 1_000).await, "4 files must exceed a quota of 3 files");
    let (sk, files) = counter(&tables, "uploads#").await.unwrap();
    assert_eq!((files, number(&tables, &tables.chat, ("QUOTA#6#user-a", &sk), "bytes").await), (3, 11));
    let exceeded = chat.count_upload(&user("user-a"), 1, UploadQuota { files: 3, bytes: 100 }).await.unwrap();
    assert_until_midnight(exceeded.unwrap_err());
    let other = chat.count_upload(&user("user-b"), 1, UploadQuota { files: 1, bytes: 1 }).await.unwrap();
    assert_eq!(other, Ok(()), "another user has a quota of their own");
}

#[tokio::test]
async fn concurrent_uploads_do_not_exceed_the_quota() {
    let tables = Tables::create().await;
    let counts = (0..30).map(|_| {
        let chat = tables.chat();
        async move { chat.count_upload(&user("user-a"), 3, UploadQuota { files: 100, bytes: 20 }).await.unwrap() }
    });
    let counted = join_all(counts).await.into_iter().flatten().count();
    assert_eq!(counted, 6);
}

/// Counts messages of user-a on one instance until it refuses, at most 1,000. Returns their number.
async fn send_until_refused(rate: &MessageRate, chat: &Chat) -> u64 {
    for sent in 0..1_000 {
        match rate.count(&user("user-a")) {
            Ok(()) => rate.share(chat, &user("user-a")).await,
            Err(QuotaExceeded { retry_after }) => {
                assert!((1..=60).contains(&retry_after), "{retry_after}");
                return sent;
            }
        }
    }
    1_000
}

/// Waits for the next minute if the current one ends within the next 20 s, so that the test stays within a minute.
async fn start_of_a_minute() {
    let second = Timestamp::now().seconds().rem_euclid(60);
    if second > 40 {
        tokio::time::sleep(std::time::Duration::from_secs((60 - second).unsigned_abs())).await;
    }
}

#[tokio::test]
async fn one_instance_refuses_exactly_beyond_the_rate_and_writes_every_tenth_message() {
    start_of_a_minute().await;
    let tables = Tables::create().await;
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = writes.clone();
    let counting = tables.through(move |call| {
        counted.fetch_add(usize::from(call.operation == "UpdateItem"), Ordering::SeqCst);
        Fault::Pass
    });
    let (chat, rate) = (counting.await.chat(), MessageRate::new(25));
    assert_eq!(send_until_refused(&rate, &chat).await, 25);
    assert_eq!(writes.load(Ordering::SeqCst), 2);
    assert_eq!(counter(&tables, "messages#").await.unwrap().1, 20);
    assert_eq!(rate.count(&user("user-b")), Ok(()), "another user has a rate of their own");
}

#[tokio::test]
async fn instances_learn_from_each_other_and_exceed_the_rate_by_ten_messages_each() {
    start_of_a_minute().await;
    let tables = Tables::create().await;
    let instances: Vec<_> = (0..4).map(|_| (tables.chat(), MessageRate::new(40))).collect();
    let mut sent = 0;
    // The instances take turns, so each of them knows as little as possible about the others.
    for _ in 0..100 {
        for (chat, rate) in &instances {
            if rate.count(&user("user-a")).is_ok() {
                sent += 1;
                rate.share(chat, &user("user-a")).await;
            }
        }
    }
    assert!((40..=40 + 4 * 10).contains(&sent), "{sent} messages");
    // A new instance learns what other instances have counted only after ten messages, so it sends ten.
    assert_eq!(send_until_refused(&MessageRate::new(40), &tables.chat()).await, 10);
}

#[tokio::test]
async fn message_that_was_not_stored_is_not_counted() {
    start_of_a_minute().await;
    let rate = MessageRate::new(2);
    for _ in 0..10 {
        assert_eq!(rate.count(&user("user-a")), Ok(()));
        rate.uncount(&user("user-a"));
    }
    assert!(rate.count(&user("user-a")).is_ok() && rate.count(&user("user-a")).is_ok());
    assert!(rate.count(&user("user-a")).is_err());
}

#[tokio::test]
async fn failed_write_is_repeated_with_the_next_message_and_loses_no_count() {
    start_of_a_minute().await;
    let tables = Tables::create().await;
    let refused = tables.through(|_| Fault::Refuse("AccessDeniedException")).await;
    let (rate, author) = (MessageRate::new(100), user("user-a"));
    for _ in 0..10 {
        rate.count(&author).unwrap();
    }
    rate.share(&refused.chat(), &author).await;
    rate.count(&author).unwrap();
    rate.share(&tables.chat(), &author).await;
    assert_eq!(counter(&tables, "messages#").await.unwrap().1, 11);
}

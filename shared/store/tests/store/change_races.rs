//! Tests of changes to messages at the same time as other writes, and of changes whose answers are lost. Only with
//! `DynamoDB` Local do concurrent transactions conflict: the engine in this process runs one call after the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contract::{Changes, ChangesQuery, Thread};
use futures::future::join_all;
use store::{Change, Chat, Outcome, Refused};
use testkit::{
    Fault, Intercepted, Tables, change, edit, links, new_file, new_thread, once, react, send_text, send_with_files,
    try_change,
};

use crate::changes::{message_key, messages};
use crate::{keys, row};

const TRANSACTION: &str = "TransactWriteItems";

/// Returns the numbers of a thread's revisions in ascending order, and the last revision of each message by the
/// message's `seq`.
async fn revisions(tables: &Tables, thread: &Thread) -> (Vec<u64>, BTreeMap<u64, u64>) {
    let (chat, mut last) = (tables.chat(), BTreeMap::new());
    let pk = format!("THREAD#{}", thread.id);
    let keys = keys(tables, &tables.chat).await;
    let revs = keys.iter().filter(|(of, _)| *of == pk).filter_map(|(_, sk)| sk.strip_prefix("REV#")?.parse().ok());
    let revs: Vec<u64> = revs.collect();
    for rev in &revs {
        last.insert(chat.revision(&thread.id, *rev).await.unwrap().unwrap().seq, *rev);
    }
    (revs, last)
}

#[tokio::test]
async fn concurrent_changes_of_many_messages_have_gap_free_revisions() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a", "user-b"]).await;
    for n in 0..8 {
        send_text(&tables.chat(), "user-a", &thread, &n.to_string()).await;
    }
    let kinds = [("user-a", edit("new")), ("user-a", react("👍")), ("user-b", react("👍")), ("user-a", edit("newer"))];
    let changes = (0..32_usize).map(|n| {
        let (chat, thread, (user, kind)) = (tables.chat(), &thread, kinds[n / 8]);
        async move { change(&chat, user, thread, 1 + n as u64 % 8, kind).await }
    });
    let mut returned: Vec<_> = join_all(changes).await.into_iter().map(|message| message.rev).collect();
    returned.sort_unstable();
    let (revs, last) = revisions(&tables, &thread).await;
    assert_eq!((&returned, &revs), (&(1..=32).collect(), &(1..=32).collect()));
    for message in messages(&tables.chat(), &thread).await {
        assert_eq!((message.rev, message.reactions[0].user_ids.len()), (last[&message.seq], 2));
        assert!(["new", "newer"].contains(&message.body.as_str()));
    }
}

#[tokio::test]
async fn instance_with_an_old_revision_takes_that_of_the_message_into_account() {
    let tables = Tables::create().await;
    let (one, other) = (tables.chat(), tables.chat());
    let thread = new_thread(&one, &["user-a", "user-b"]).await;
    send_text(&one, "user-a", &thread, "hello").await;
    assert_eq!(change(&one, "user-a", &thread, 1, react("👍")).await.rev, 1);
    assert_eq!(change(&other, "user-b", &thread, 1, react("👍")).await.rev, 2);
    // The first instance has cached 1 as the last revision, but the message has the revision 2. Apart from setting
    // `rev`, this change only removes an attribute of the message.
    assert_eq!(change(&one, "user-a", &thread, 1, Change::Unreact).await.rev, 3);
    assert_eq!(revisions(&tables, &thread).await, (vec![1, 2, 3], BTreeMap::from([(1, 3)])));
}

#[tokio::test]
async fn same_change_made_many_times_at_once_has_one_revision() {
    for (user, kind) in [("user-b", react("👍")), ("user-a", edit("new")), ("user-a", Change::Delete)] {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-a", "user-b"]).await;
        send_text(&tables.chat(), "user-a", &thread, "text").await;
        let changes = (0..12).map(|_| {
            let (chat, thread) = (tables.chat(), &thread);
            async move { change(&chat, user, thread, 1, kind).await }
        });
        let returned = join_all(changes).await;
        let stored = messages(&tables.chat(), &thread).await.remove(0);
        assert!(stored.rev == 1 && returned.iter().all(|message| *message == stored), "{returned:?}");
        assert_eq!(revisions(&tables, &thread).await.0, [1]);
    }
}

/// An edit or a reaction is either committed before the deletion, or refused. After the deletion, the message has no
/// text and no reactions.
#[tokio::test]
async fn deletion_wins_against_a_change_in_either_order() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a", "user-b"]).await;
    for seq in 1..=30 {
        send_text(&tables.chat(), "user-a", &thread, "text").await;
        let (one, other) = (tables.chat(), tables.chat());
        let (user, kind) = if seq % 2 == 0 { ("user-a", edit("secret")) } else { ("user-b", react("👍")) };
        let before = tables.chat().last_rev(&thread.id).await.unwrap();
        let delete = async {
            // The delay of 0 to 2 ms varies which of the two changes is first.
            tokio::time::sleep(Duration::from_millis(seq % 3)).await;
            change(&other, "user-a", &thread, seq, Change::Delete).await
        };
        let (changed, deleted) = tokio::join!(try_change(&one, user, &thread, seq, kind), delete);
        match changed {
            Ok(changed) => assert_eq!((changed.rev, deleted.rev), (before + 1, before + 2)),
            Err(refused) => assert_eq!((refused, deleted.rev), (Refused::Deleted, before + 1)),
        }
        let stored = messages(&tables.chat(), &thread).await.remove(0);
        assert_eq!((&stored, stored.body.as_str(), stored.reactions.len()), (&deleted, "", 0));
        assert!(stored.deleted_at.is_some() && stored.edited_at.is_none());
    }
}

#[tokio::test]
async fn change_and_cleared_undelivered_flag_do_not_lose_each_other() {
    for kind in [edit("new"), react("👍"), Change::Delete] {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-a"]).await;
        for seq in 1..=12 {
            send_text(&tables.chat(), "user-a", &thread, "text").await;
            let (one, other) = (tables.chat(), tables.chat());
            let (changed, delivered) = tokio::join!(
                try_change(&one, "user-a", &thread, seq, kind),
                other.record_delivery(&thread.id, seq, [])
            );
            delivered.unwrap();
            assert_eq!(messages(&tables.chat(), &thread).await[0], changed.unwrap());
            assert!(tables.chat().undelivered_messages(&[(thread.id.clone(), seq)]).await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn deletion_and_outcome_of_its_file_do_not_miss_each_other() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let outcome = Outcome::Ready { original: "files/1".into(), thumbnail: None, size: None };
    for seq in 1..=24 {
        let (one, other) = (tables.chat(), tables.chat());
        let file = new_file(&one, "user-a", "a", "a/b", 1).await;
        send_with_files(&one, "user-a", &thread, "", std::slice::from_ref(&file.id)).await;
        let (deleted, recorded) = tokio::join!(
            try_change(&one, "user-a", &thread, seq, Change::Delete),
            other.record_outcome(&file.id, &outcome)
        );
        deleted.unwrap();
        // If the outcome was first, files-process deletes the published objects because of the deletion. If the
        // deletion was first, `record_outcome` returns an erased file, so that files-process deletes the objects that
        // it has just published.
        let recorded = recorded.unwrap();
        let row = tables.chat().file(&file.id).await.unwrap().unwrap();
        assert!(row.is_erased() && row.published(store::Published::Original).is_none());
        assert!(recorded.is_erased() || recorded.published(store::Published::Original).is_some());
        assert_eq!(tables.chat().record_outcome(&file.id, &outcome).await.unwrap(), row);
    }
}

/// Makes each kind of change with faults in its transaction. Each must be committed once, and returned as it is stored.
async fn assert_one_revision<F>(fault: impl Fn() -> F)
where
    F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
{
    for kind in [edit("new"), Change::Delete, react("🎉"), Change::Unreact] {
        let tables = Tables::create().await;
        let thread = new_thread(&tables.chat(), &["user-a"]).await;
        send_text(&tables.chat(), "user-a", &thread, "text").await;
        change(&tables.chat(), "user-a", &thread, 1, react("👍")).await;
        let faulty = tables.through(fault()).await.chat();
        let changed = change(&faulty, "user-a", &thread, 1, kind).await;
        assert_eq!((changed.rev, &messages(&tables.chat(), &thread).await[0]), (2, &changed), "{kind:?}");
        assert_eq!(revisions(&tables, &thread).await.0, [1, 2], "{kind:?}");
    }
}

#[tokio::test]
async fn change_with_lost_answer_has_one_revision() {
    assert_one_revision(|| once(|call| call.operation == TRANSACTION, |_| Fault::LoseAnswer)).await;
}

#[tokio::test]
async fn canceled_change_is_retried() {
    for reasons in [["TransactionConflict", "None"], ["None", "TransactionConflict"], ["ThrottlingError", "None"]] {
        let reasons: &'static [&'static str; 2] = Box::leak(Box::new(reasons));
        assert_one_revision(|| once(|call| call.operation == TRANSACTION, |_| Fault::Cancel(reasons))).await;
    }
}

#[tokio::test]
async fn change_with_lost_answer_and_a_conflict_is_returned_as_it_is_stored() {
    assert_one_revision(|| {
        let calls = AtomicUsize::new(0);
        // The first call commits the change, but its answer is lost. The SDK's retry is refused with a conflict. The
        // store's next attempt finds its own revision.
        move |call: &Intercepted| match call.operation.as_str() {
            TRANSACTION => match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Fault::LoseAnswer,
                1 => {
                    // Times have a precision of 1 ms. With this delay, the test notices if the next attempt has
                    // another time.
                    std::thread::sleep(Duration::from_millis(5));
                    Fault::Cancel(&["TransactionConflict", "None"])
                }
                _ => Fault::Pass,
            },
            _ => Fault::Pass,
        }
    })
    .await;
}

/// The first attempt commits the change, but its answer is lost. The answer to the SDK's retry has a conflict for the
/// revision's row, so it does not say which change has written the row. The condition on the message fails, but only
/// because the first attempt has changed it.
#[tokio::test]
async fn conflict_with_a_changed_message_does_not_make_a_second_revision() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    send_text(&tables.chat(), "user-a", &thread, "text").await;
    let (calls, chat, again) = (AtomicUsize::new(0), std::sync::Arc::new(tables.chat()), thread.clone());
    let busy = tables.through(move |call| match call.operation.as_str() {
        TRANSACTION => match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Fault::LoseAnswer,
            1 => Fault::Cancel(&["TransactionConflict", "ConditionalCheckFailed"]),
            _ => Fault::Pass,
        },
        // Another edit is made just before each further read of the message. If the store read the message again, it
        // would make the first edit a second time, and replace the other edit.
        "GetItem" if calls.load(Ordering::SeqCst) > 0 && call.is("GetItem", "MSG#") => {
            let (chat, again) = (chat.clone(), again.clone());
            Fault::After(Box::pin(async move { drop(change(&chat, "user-a", &again, 1, edit("later")).await) }))
        }
        _ => Fault::Pass,
    });
    let changed = change(&busy.await.chat(), "user-a", &thread, 1, edit("new")).await;
    assert_eq!((changed.rev, changed.body.as_str()), (1, "new"));
    assert_eq!(messages(&tables.chat(), &thread).await, [changed]);
    assert_eq!(revisions(&tables, &thread).await.0, [1]);
}

#[tokio::test]
async fn change_by_an_instance_that_does_not_know_the_last_revision_is_the_next() {
    let tables = Tables::create().await;
    let chats: [Chat; 2] = [tables.chat(), tables.chat()];
    let thread = new_thread(&chats[0], &["user-a"]).await;
    send_text(&chats[0], "user-a", &thread, "text").await;
    for n in 0..6 {
        let changed = change(&chats[n / 2 % 2], "user-a", &thread, 1, edit(&n.to_string())).await;
        assert_eq!(changed.rev, n as u64 + 1);
    }
    let query = ChangesQuery { limit: 100, after: 5 };
    let Changes::Page { messages, rev, .. } = chats[1].changes(&thread.id, &query, &links()).await.unwrap() else {
        panic!("the answer is a reset, not a page")
    };
    assert_eq!((messages.len(), messages[0].body.as_str(), rev), (1, "5", 6));
    let (pk, sk) = message_key(&thread, 1);
    assert_eq!(row(&tables, &tables.chat, (&pk, &sk)).await["rev"], crate::n(6));
}

//! Tests of the list of changes after a revision. In some, a read sees the revision's row, but its message still with the
//! old content, because a read can see a transaction in part.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::{Changes, ChangesQuery, Message, Thread, limits};
use store::{Change, Chat, Error};
use testkit::{Tables, change, edit, links, new_thread, react, send_text};

use crate::changes::{message_key, messages};
use crate::{n, s, set};

async fn changes(chat: &Chat, thread: &Thread, query: ChangesQuery) -> Changes {
    chat.changes(&thread.id, &query, &links()).await.unwrap()
}

fn after(after: u64) -> ChangesQuery {
    ChangesQuery { limit: 100, after }
}

/// Reads all pages of the changes after a revision. Asserts that each page, except the last one, covers at least one
/// revision. Returns the messages of each page and the last revision that the page covers.
async fn pages(chat: &Chat, thread: &Thread, from: u64, limit: &str) -> Vec<(Vec<Message>, u64)> {
    let (mut pages, mut covered) = (Vec::new(), from);
    let mut query = ChangesQuery::parse(Some(limit), None, Some(&from.to_string())).unwrap();
    loop {
        let Changes::Page { messages, rev, next_cursor } = changes(chat, thread, query).await else {
            panic!("the answer is a reset, not a page")
        };
        assert!(rev > covered || next_cursor.is_none(), "a page must cover at least one revision");
        covered = rev;
        pages.push((messages, rev));
        let Some(cursor) = next_cursor else { return pages };
        query = ChangesQuery::parse(Some(limit), Some(&cursor), None).unwrap();
    }
}

/// Writes the row of a revision without its change, as if the change's transaction were visible only in part.
async fn put_revision(tables: &Tables, thread: &Thread, rev: u64, seq: u64) {
    let put = tables.client.put_item().table_name(&tables.chat);
    let put = put.item("pk", s(format!("THREAD#{}", thread.id))).item("sk", s(format!("REV#{rev:020}")));
    let put = put.item("rev", n(rev.try_into().unwrap())).item("seq", n(seq.try_into().unwrap()));
    put.item("kind", s("reaction")).item("changeId", s("change_1")).send().await.unwrap();
}

#[tokio::test]
async fn pages_are_contiguous_and_have_each_message_once() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    for body in ["one", "two", "three"] {
        send_text(&chat, "user-a", &thread, body).await;
    }
    // The revisions 1 to 9 change these messages.
    let seqs = [1, 1, 2, 1, 3, 3, 3, 2, 1];
    for (n, seq) in seqs.into_iter().enumerate() {
        change(&chat, "user-a", &thread, seq, edit(&n.to_string())).await;
    }
    let current: BTreeMap<_, _> =
        messages(&chat, &thread).await.into_iter().map(|message| (message.seq, message)).collect();
    assert_eq!(current.values().map(|message| message.rev).collect::<Vec<_>>(), [9, 8, 7]);
    for limit in 1..=10 {
        for from in 0..=9 {
            let mut covered = from;
            for (page, rev) in pages(&chat, &thread, from, &limit.to_string()).await {
                assert!(rev - covered <= limit);
                let mut expected = Vec::new();
                for seq in &seqs[usize::try_from(covered).unwrap()..usize::try_from(rev).unwrap()] {
                    if !expected.contains(&current[seq]) {
                        expected.push(current[seq].clone());
                    }
                }
                assert_eq!(page, expected, "limit {limit}, from {from}, page to {rev}");
                covered = rev;
            }
            assert_eq!(covered, 9);
        }
    }
}

#[tokio::test]
async fn pages_of_large_messages_are_cut_before_a_revision_and_complete() {
    const COUNT: u64 = 30;
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    for _ in 0..COUNT {
        send_text(&chat, "user-a", &thread, &"🏡".repeat(limits::BODY_CHARS)).await;
    }
    // Each message is changed, then the first five again.
    for seq in (1..=COUNT).chain(1..=5) {
        change(&chat, "user-a", &thread, seq, if seq % 2 == 0 { Change::Unreact } else { react("👍") }).await;
        change(&chat, "user-a", &thread, seq, react("🎉")).await;
    }
    let last = chat.last_rev(&thread.id).await.unwrap();
    let pages = pages(&chat, &thread, 0, "100").await;
    assert!(pages.len() > 1, "the messages must not fit into one page");
    let seqs: Vec<_> = pages.iter().flat_map(|(page, _)| page.iter().map(|message| message.seq)).collect();
    assert!((1..=COUNT).all(|seq| seqs.contains(&seq)));
    assert_eq!(pages.last().unwrap().1, last);
    for (page, _) in &pages {
        assert!(serde_json::to_vec(page).unwrap().len() < limits::PAGE_BYTES);
        let mut seqs: Vec<_> = page.iter().map(|message| message.seq).collect();
        seqs.sort_unstable();
        seqs.dedup();
        assert_eq!(seqs.len(), page.len());
    }
}

#[tokio::test]
async fn client_that_is_too_far_behind_or_ahead_reloads() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let nothing = |rev| Changes::Page { messages: Vec::new(), rev, next_cursor: None };
    assert_eq!(changes(&chat, &thread, after(0)).await, nothing(0));
    for ahead in [1, u64::MAX] {
        assert_eq!(changes(&chat, &thread, after(ahead)).await, Changes::Reset { reset: true, rev: 0 });
    }
    send_text(&chat, "user-a", &thread, "text").await;
    let last = limits::CHANGES + 1;
    put_revision(&tables, &thread, last, 1).await;
    let (pk, sk) = message_key(&thread, 1);
    set(&tables, &tables.chat, (&pk, &sk), "rev", n(last.try_into().unwrap())).await;
    assert_eq!(changes(&chat, &thread, after(0)).await, Changes::Reset { reset: true, rev: last });
    let Changes::Page { messages, rev, next_cursor } = changes(&chat, &thread, after(1)).await else {
        panic!("a client that is 1,000 revisions behind must get a page, not a reset")
    };
    assert_eq!((messages.len(), rev, next_cursor), (1, last, None));
    assert_eq!(changes(&chat, &thread, after(last)).await, nothing(last));
    assert_eq!(changes(&chat, &thread, after(last + 1)).await, Changes::Reset { reset: true, rev: last });
}

#[tokio::test]
async fn message_that_lags_behind_its_revision_is_read_again() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    for body in ["one", "two"] {
        send_text(&chat, "user-a", &thread, body).await;
    }
    change(&chat, "user-a", &thread, 2, edit("new")).await;
    put_revision(&tables, &thread, 2, 1).await;
    let (pk, sk) = message_key(&thread, 1);
    let becomes_visible = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        set(&tables, &tables.chat, (&pk, &sk), "rev", n(2)).await;
    };
    let revs = [1, 2];
    let (page, changed, ()) =
        tokio::join!(changes(&chat, &thread, after(0)), chat.changed_messages(&thread.id, &revs), becomes_visible);
    let Changes::Page { messages, rev: 2, .. } = page else { panic!("not the whole page: {page:?}") };
    assert_eq!(messages.iter().map(|message| (message.seq, message.rev)).collect::<Vec<_>>(), [(2, 1), (1, 2)]);
    let changed = changed.unwrap();
    let revs = changed.iter().map(|changed| (changed.revision.rev, changed.message.rev));
    assert_eq!(revs.collect::<Vec<_>>(), [(1, 1), (2, 2)]);
}

#[tokio::test]
async fn settled_revision_is_the_last_one_before_a_message_that_lags() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let settled = async || chat.settled_rev(&thread.id).await.unwrap();
    for body in ["one", "two"] {
        send_text(&chat, "user-a", &thread, body).await;
    }
    assert_eq!(settled().await, 0);
    change(&chat, "user-a", &thread, 2, edit("new")).await;
    assert_eq!(settled().await, 1);
    // Message 2 shows the change of revision 3, but message 1 does not show the change of revision 2 yet.
    put_revision(&tables, &thread, 2, 1).await;
    put_revision(&tables, &thread, 3, 2).await;
    let set_rev = async |seq: u64, rev: i64| {
        let (pk, sk) = message_key(&thread, seq);
        set(&tables, &tables.chat, (&pk, &sk), "rev", n(rev)).await;
    };
    set_rev(2, 3).await;
    assert_eq!(settled().await, 1);
    set_rev(1, 2).await;
    assert_eq!(settled().await, 3);
}

#[tokio::test]
async fn message_that_never_becomes_visible_with_its_revision_is_unavailable() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    send_text(&chat, "user-a", &thread, "text").await;
    put_revision(&tables, &thread, 1, 1).await;
    let (query, links) = (after(0), links());
    let (page, changed) =
        tokio::join!(chat.changes(&thread.id, &query, &links), chat.changed_messages(&thread.id, &[1]));
    assert!(matches!(page, Err(Error::Unavailable(_))), "{page:?}");
    assert!(matches!(changed, Err(Error::Unavailable(_))), "{changed:?}");
}

#[tokio::test]
async fn revision_without_its_message_is_an_error_in_lists_and_left_out_by_number() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    put_revision(&tables, &thread, 1, 1).await;
    let error = chat.changes(&thread.id, &after(0), &links()).await.unwrap_err();
    assert!(matches!(&error, Error::MissingRow(key) if key.contains("MSG#00000000000000000001")), "{error}");
    assert!(chat.changed_messages(&thread.id, &[1, 2]).await.unwrap().is_empty());
    assert_eq!(chat.revision(&thread.id, 2).await.unwrap(), None);
    let put = tables.client.put_item().table_name(&tables.chat).item("pk", s(format!("THREAD#{}", thread.id)));
    put.item("sk", s("REV#00000000000000000001")).item("rev", s("one")).send().await.unwrap();
    let error = chat.changes(&thread.id, &after(0), &links()).await.unwrap_err();
    assert!(matches!(&error, Error::BadRow { key, .. } if key.contains("REV#")), "{error}");
}

//! Tests of `GET /api/threads/{threadId}/messages`

use e2e::{User, assert_message, items, seq_of};
use serde_json::Value;

fn seqs(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(seq_of).collect()
}

fn descending_from(seq: u64) -> Vec<u64> {
    (1..=seq).rev().collect()
}

async fn thread_with_messages(sarah: &User, count: usize) -> String {
    let thread = sarah.new_thread(&[]).await;
    sarah.send_many(&thread, count).await;
    thread
}

#[tokio::test]
async fn empty_thread_has_an_empty_page() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    for query in [vec![], vec![("after", "0")], vec![("limit", "1")]] {
        let page = sarah.page(&thread, &query).await;
        assert!(page.messages.is_empty(), "{page:?}");
        assert_eq!(page.next_cursor, None);
    }
}

#[tokio::test]
async fn messages_are_newest_first() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 5).await;
    let page = sarah.page(&thread, &[]).await;
    assert_eq!(seqs(&page.messages), descending_from(5));
    page.messages.iter().for_each(|message| assert_message(message, &thread));
    assert_eq!(page.next_cursor, None);
}

#[tokio::test]
async fn last_page_has_no_cursor() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 7).await;
    let first = sarah.page(&thread, &[("limit", "3")]).await;
    assert_eq!(seqs(&first.messages), [7, 6, 5]);
    let cursor = first.next_cursor.unwrap();
    let second = sarah.page(&thread, &[("limit", "3"), ("cursor", &cursor)]).await;
    assert_eq!(seqs(&second.messages), [4, 3, 2]);
    let cursor = second.next_cursor.unwrap();
    let last = sarah.page(&thread, &[("limit", "3"), ("cursor", &cursor)]).await;
    assert_eq!(seqs(&last.messages), [1]);
    assert_eq!(last.next_cursor, None);
}

#[tokio::test]
async fn every_limit_pages_through_all_messages() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 6).await;
    for limit in ["1", "2", "3", "4", "5", "6", "100"] {
        let all = sarah.pages(&thread, &[("limit", limit)]).await;
        assert_eq!(seqs(&all), descending_from(6), "backward, {limit} at a time");
        let all = sarah.pages(&thread, &[("after", "0"), ("limit", limit)]).await;
        assert_eq!(seqs(&all), [1, 2, 3, 4, 5, 6], "forward, {limit} at a time");
    }
}

#[tokio::test]
async fn default_limit_is_50() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 52).await;
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 50);
    assert_eq!(sarah.page(&thread, &[("after", "0")]).await.messages.len(), 50);
    assert_eq!(sarah.page(&thread, &[("limit", "100")]).await.messages.len(), 52);
}

#[tokio::test]
async fn paging_backward_during_writes_shows_each_message_once() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    sarah.send_many(&thread, 12).await;
    let (all, ()) = futures::join!(michael.pages(&thread, &[("limit", "2")]), sarah.send_many(&thread, 15));
    let newest = seq_of(&all[0]);
    assert!(newest >= 12);
    assert_eq!(seqs(&all), descending_from(newest));
}

#[tokio::test]
async fn paging_forward_during_writes_shows_each_message_once() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    sarah.send_many(&thread, 12).await;
    let forward = [("after", "0"), ("limit", "2")];
    let (all, ()) = futures::join!(michael.pages(&thread, &forward), sarah.send_many(&thread, 15));
    assert!(all.len() >= 12);
    let newest = all.len() as u64;
    assert_eq!(seqs(&all), (1..=newest).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_returns_later_messages_oldest_first() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 6).await;
    let expected: [(&str, &[u64]); 5] =
        [("0", &[1, 2, 3, 4, 5, 6]), ("2", &[3, 4, 5, 6]), ("5", &[6]), ("6", &[]), ("1000", &[])];
    for (after, expected) in expected {
        let page = sarah.page(&thread, &[("after", after)]).await;
        assert_eq!(seqs(&page.messages), expected, "after {after}");
        assert_eq!(page.next_cursor, None, "after {after}");
    }
}

#[tokio::test]
async fn both_directions_return_the_same_messages() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 4).await;
    let mut backward = sarah.page(&thread, &[]).await.messages;
    backward.reverse();
    assert_eq!(sarah.page(&thread, &[("after", "0")]).await.messages, backward);
}

#[tokio::test]
async fn huge_after_is_an_empty_page_or_invalid() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 1).await;
    for after in ["9223372036854775807", "18446744073709551615", "18446744073709551616", &"9".repeat(100)] {
        let reply = sarah.get_messages(&thread, &[("after", after)]).await;
        if reply.status == 200 {
            assert_eq!(reply.json["messages"], Value::Array(vec![]), "{reply}");
        } else {
            reply.assert_problem_fields(400, "invalid_query", &["after"]);
        }
    }
}

#[tokio::test]
async fn all_invalid_parameters_are_named() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let reply = sarah.get_messages(&thread, &[("limit", "101"), ("after", "abc")]).await;
    reply.assert_problem_fields(400, "invalid_query", &["limit", "after"]);
}

#[tokio::test]
async fn unknown_cursor_is_invalid() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    sarah.get_messages(&thread, &[("cursor", "garbage")]).await.assert_problem(400, "invalid_cursor");
}

#[tokio::test]
async fn cursor_of_another_thread_shows_no_other_messages() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let private = thread_with_messages(&sarah, 4).await;
    let shared = sarah.new_thread(&[&michael]).await;
    michael.send_many(&shared, 4).await;
    let cursor = sarah.page(&private, &[("limit", "2")]).await.next_cursor.unwrap();
    let reply = michael.get_messages(&shared, &[("cursor", &cursor)]).await;
    if reply.status == 200 {
        let messages = items(&reply.json["messages"]);
        assert!(messages.iter().all(|message| message["threadId"] == shared), "{reply}");
    } else {
        reply.assert_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn unknown_parameters_change_nothing() {
    let sarah = User::sarah().await;
    let thread = thread_with_messages(&sarah, 2).await;
    let page = sarah.page(&thread, &[("before", "1"), ("userId", "user_1"), ("order", "asc")]).await;
    assert_eq!(seqs(&page.messages), [2, 1]);
}

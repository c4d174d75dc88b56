//! GET /api/threads/{threadId}/messages

use e2e::{User, assert_message, items, seq_of};
use serde_json::Value;

fn seqs(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(seq_of).collect()
}

fn down_from(seq: u64) -> Vec<u64> {
    (1..=seq).rev().collect()
}

async fn new_thread(sarah: &User, count: usize) -> String {
    let thread = sarah.open_thread(&[]).await;
    sarah.say_all(&thread, count).await;
    thread
}

#[tokio::test]
async fn an_empty_thread_has_an_empty_page() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    for query in [vec![], vec![("after", "0")], vec![("limit", "1")]] {
        let page = sarah.page(&thread, &query).await;
        assert!(page.messages.is_empty(), "{page:?}");
        assert_eq!(page.next_cursor, None);
    }
}

#[tokio::test]
async fn messages_come_newest_first() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 5).await;
    let page = sarah.page(&thread, &[]).await;
    assert_eq!(seqs(&page.messages), down_from(5));
    page.messages.iter().for_each(|message| assert_message(message, &thread));
    assert_eq!(page.next_cursor, None);
}

#[tokio::test]
async fn pages_have_their_limit_and_the_last_one_has_no_cursor() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 7).await;
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
async fn every_limit_pages_to_the_end() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 6).await;
    for limit in ["1", "2", "3", "4", "5", "6", "100"] {
        let all = sarah.pages(&thread, &[("limit", limit)]).await;
        assert_eq!(seqs(&all), down_from(6), "backward, {limit} at a time");
        let all = sarah.pages(&thread, &[("after", "0"), ("limit", limit)]).await;
        assert_eq!(seqs(&all), [1, 2, 3, 4, 5, 6], "forward, {limit} at a time");
    }
}

#[tokio::test]
async fn a_page_has_50_messages_unless_told() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 52).await;
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 50);
    assert_eq!(sarah.page(&thread, &[("after", "0")]).await.messages.len(), 50);
    assert_eq!(sarah.page(&thread, &[("limit", "100")]).await.messages.len(), 52);
}

#[tokio::test]
async fn paging_backward_beside_a_writer_shows_each_message_once() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    sarah.say_all(&thread, 12).await;
    let (all, ()) = futures::join!(michael.pages(&thread, &[("limit", "2")]), sarah.say_all(&thread, 15));
    let newest = seq_of(&all[0]);
    assert!(newest >= 12);
    assert_eq!(seqs(&all), down_from(newest));
}

#[tokio::test]
async fn paging_forward_beside_a_writer_shows_each_message_once() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    sarah.say_all(&thread, 12).await;
    let forward = [("after", "0"), ("limit", "2")];
    let (all, ()) = futures::join!(michael.pages(&thread, &forward), sarah.say_all(&thread, 15));
    assert!(all.len() >= 12);
    let newest = all.len() as u64;
    assert_eq!(seqs(&all), (1..=newest).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_gives_what_came_after_it_oldest_first() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 6).await;
    let expected: [(&str, &[u64]); 5] =
        [("0", &[1, 2, 3, 4, 5, 6]), ("2", &[3, 4, 5, 6]), ("5", &[6]), ("6", &[]), ("1000", &[])];
    for (after, expected) in expected {
        let page = sarah.page(&thread, &[("after", after)]).await;
        assert_eq!(seqs(&page.messages), expected, "after {after}");
        assert_eq!(page.next_cursor, None, "after {after}");
    }
}

#[tokio::test]
async fn both_directions_show_the_same_messages() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 4).await;
    let mut backward = sarah.page(&thread, &[]).await.messages;
    backward.reverse();
    assert_eq!(sarah.page(&thread, &[("after", "0")]).await.messages, backward);
}

#[tokio::test]
async fn after_does_not_go_with_a_backward_cursor() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 4).await;
    let backward = sarah.page(&thread, &[("limit", "2")]).await.next_cursor.unwrap();
    let reply = sarah.get_messages(&thread, &[("after", "1"), ("cursor", &backward)]).await;
    reply.assert_problem_of(&[400], &["invalid_cursor", "invalid_query"]);
}

#[tokio::test]
async fn an_after_that_is_no_seq_is_invalid() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 1).await;
    for after in ["-1", "abc", "1.5", "0x1", "msg_1", "👪"] {
        let reply = sarah.get_messages(&thread, &[("after", after)]).await;
        reply.assert_problem_in(400, "invalid_query", &["after"]);
    }
}

#[tokio::test]
async fn an_after_beyond_all_numbers_breaks_nothing() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 1).await;
    for after in ["9223372036854775807", "18446744073709551615", "18446744073709551616", &"9".repeat(100)] {
        let reply = sarah.get_messages(&thread, &[("after", after)]).await;
        if reply.status == 200 {
            assert_eq!(reply.json["messages"], Value::Array(vec![]), "{reply}");
        } else {
            reply.assert_problem_in(400, "invalid_query", &["after"]);
        }
    }
}

#[tokio::test]
async fn limits_outside_1_to_100_are_invalid() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 1).await;
    for limit in ["0", "101", "-1", "abc", "1.5", "99999999999999999999"] {
        let reply = sarah.get_messages(&thread, &[("limit", limit)]).await;
        reply.assert_problem_in(400, "invalid_query", &["limit"]);
    }
    let reply = sarah.get_messages(&thread, &[("limit", "0"), ("after", "abc")]).await;
    reply.assert_problem_in(400, "invalid_query", &["limit", "after"]);
}

#[tokio::test]
async fn a_cursor_that_nobody_gave_out_is_invalid() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 3).await;
    for cursor in ["garbage", "e30", "eyJzZXEiOjF9", "👪", "..", "-1", &"A".repeat(3000)] {
        let reply = sarah.get_messages(&thread, &[("cursor", cursor)]).await;
        reply.assert_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn a_cursor_of_another_thread_shows_nothing_of_it() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let hers = new_thread(&sarah, 4).await;
    let ours = sarah.open_thread(&[&michael]).await;
    michael.say_all(&ours, 4).await;
    let cursor = sarah.page(&hers, &[("limit", "2")]).await.next_cursor.unwrap();
    let reply = michael.get_messages(&ours, &[("cursor", &cursor)]).await;
    if reply.status == 200 {
        let messages = items(&reply.json["messages"]);
        assert!(messages.iter().all(|message| message["threadId"] == ours), "{reply}");
    } else {
        reply.assert_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let sarah = User::sarah().await;
    let thread = new_thread(&sarah, 2).await;
    let page = sarah.page(&thread, &[("before", "1"), ("userId", "user_1"), ("order", "asc")]).await;
    assert_eq!(seqs(&page.messages), [2, 1]);
}

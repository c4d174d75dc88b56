//! Lists a thread's messages: newest first, or oldest first if the query has `after`.

use contract::{ApiError, MessagesQuery, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages, their authors' names and their files.
    pub chat: Chat,
    /// Signs the links to message attachments.
    pub links: Links,
}

/// Handles `GET /api/threads/{threadId}/messages`. Answers 200 with a page of the thread's messages.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let thread_id = call.thread_id()?;
    let [limit, cursor, after] = ["limit", "cursor", "after"].map(|name| call.query(name));
    let query = MessagesQuery::parse(limit.as_deref(), cursor.as_deref(), after.as_deref())?;
    let profile = call.caller.profile();
    let (is_member, ()) =
        tokio::try_join!(deps.chat.is_member(&thread_id, &call.caller.id), deps.chat.record_profile(&profile))?;
    if !is_member {
        return Err(Problem::thread_not_found().into());
    }
    json(StatusCode::OK, &deps.chat.messages(&thread_id, &query, &deps.links).await?, &[])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::{Emoji, Thread};
    use serde_json::{Value, json};
    use store::{Change, NewMessage};
    use testkit::{Tables, body, call, caller, change, links, new_thread, problem, send_text};

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-list.json");

    async fn deps() -> Deps {
        Deps { chat: Tables::create().await.chat(), links: links() }
    }

    async fn list(deps: &Deps, user: &str, thread: &Thread, query: Value) -> Result<Answer, ApiError> {
        let change = |event: &mut Value| {
            event["pathParameters"]["threadId"] = thread.id.as_str().into();
            event["queryStringParameters"] = query;
        };
        handle(deps, call(EVENT, &caller(user), change)).await
    }

    /// Requests all pages of the thread's messages. Returns the `seq` of every message in the order listed.
    async fn seqs(deps: &Deps, thread: &Thread, mut query: Value) -> Vec<u64> {
        let mut seqs = Vec::new();
        loop {
            let page = body(&list(deps, "user-sarah", thread, query.clone()).await.unwrap());
            seqs.extend(page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()));
            if page["nextCursor"].is_null() {
                return seqs;
            }
            query["cursor"] = page["nextCursor"].clone();
        }
    }

    #[tokio::test]
    async fn pages_contain_each_message_once_in_both_directions() {
        let deps = deps().await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        assert_eq!(seqs(&deps, &thread, json!({})).await, [0; 0]);
        for n in 1..=7 {
            send_text(&deps.chat, "user-dad", &thread, &format!("message {n}")).await;
        }
        for limit in ["1", "3", "7", "100"] {
            assert_eq!(seqs(&deps, &thread, json!({"limit": limit})).await, [7, 6, 5, 4, 3, 2, 1]);
            assert_eq!(seqs(&deps, &thread, json!({"limit": limit, "after": "4"})).await, [5, 6, 7]);
            assert_eq!(seqs(&deps, &thread, json!({"limit": limit, "after": "7"})).await, [0; 0]);
        }
    }

    #[tokio::test]
    async fn message_has_exactly_the_fields_of_the_contract() {
        let deps = deps().await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        let sent = send_text(&deps.chat, "user-dad", &thread, "Dinner at 6?").await;
        let page = body(&list(&deps, "user-sarah", &thread, json!({})).await.unwrap());
        assert_eq!(
            page,
            json!({"nextCursor": null, "messages": [{
                "id": sent.id, "threadId": thread.id, "seq": 1, "rev": 0, "body": "Dinner at 6?", "attachments": [],
                "reactions": [],
                "author": {"id": "user-dad", "name": "Dad"}, "createdAt": sent.created_at
            }]})
        );
    }

    #[tokio::test]
    async fn changed_message_is_listed_as_it_is_now_at_its_old_place() {
        let deps = deps().await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        for text in ["one", "two", "three"] {
            send_text(&deps.chat, "user-dad", &thread, text).await;
        }
        let edit = Change::Edit { body: "two, edited", window: Duration::from_hours(1) };
        let edited = change(&deps.chat, "user-dad", &thread, 2, edit).await;
        change(&deps.chat, "user-sarah", &thread, 1, Change::React(Emoji::parse("👍").unwrap())).await;
        let deleted = change(&deps.chat, "user-dad", &thread, 3, Change::Delete).await;
        assert_eq!(seqs(&deps, &thread, json!({})).await, [3, 2, 1]);
        assert_eq!(seqs(&deps, &thread, json!({"after": "0"})).await, [1, 2, 3]);
        let page = body(&list(&deps, "user-sarah", &thread, json!({})).await.unwrap());
        assert_eq!((&page["messages"][0], &page["messages"][1]), (&json!(deleted), &json!(edited)));
        assert_eq!((&page["messages"][0]["rev"], &page["messages"][1]["rev"]), (&json!(3), &json!(1)));
        assert_eq!(page["messages"][2]["reactions"], json!([{"emoji": "👍", "userIds": ["user-sarah"]}]));
    }

    #[tokio::test]
    async fn quotes_are_those_of_the_present_messages_on_the_page_or_not() {
        let deps = deps().await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        for text in ["kept", "edited", "deleted"] {
            send_text(&deps.chat, "user-dad", &thread, text).await;
        }
        for seq in 1..=3 {
            let author = &caller("user-sarah").profile();
            let (thread_id, reply_to) = (&thread.id, Some(seq));
            let reply = NewMessage { thread_id, author, body: "re", file_ids: &[], reply_to, idempotency_key: None };
            deps.chat.send(reply, &links()).await.unwrap();
        }
        let edit = Change::Edit { body: "edited text", window: Duration::from_hours(1) };
        change(&deps.chat, "user-dad", &thread, 2, edit).await;
        change(&deps.chat, "user-dad", &thread, 3, Change::Delete).await;
        let quote = |seq: u64, excerpt: &str, deleted: bool| {
            let author = json!({"id": "user-dad", "name": "Dad"});
            json!({"seq": seq, "author": author, "excerpt": excerpt, "deleted": deleted})
        };
        let expected = [quote(3, "", true), quote(2, "edited text", false), quote(1, "kept", false)];
        // A page of 3 messages contains only the replies. A page of 6 contains the quoted messages, too.
        for limit in ["3", "6"] {
            let page = body(&list(&deps, "user-sarah", &thread, json!({"limit": limit})).await.unwrap());
            let messages = page["messages"].as_array().unwrap();
            let quotes: Vec<_> = messages.iter().take(3).map(|message| message["replyTo"].clone()).collect();
            assert_eq!(quotes, expected, "limit {limit}");
            assert!(messages[0]["rev"] == 0, "a change of the quoted message makes no revision of the reply");
        }
    }

    #[tokio::test]
    async fn non_members_and_invalid_queries_are_refused() {
        let deps = deps().await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        send_text(&deps.chat, "user-dad", &thread, "secret").await;
        let code = async |user: &str, query: Value| problem(list(&deps, user, &thread, query).await)["code"].clone();
        assert_eq!(code("user-michael", json!({})).await, "thread_not_found");
        assert_eq!(code("user-sarah", json!({"limit": "101", "after": "x"})).await, "invalid_query");
        let cursor = contract::MessageCursor::Before(3).encode();
        assert_eq!(code("user-sarah", json!({"cursor": cursor, "after": "1"})).await, "invalid_cursor");
        let missing_thread = problem(handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await);
        assert_eq!(missing_thread["code"], "thread_not_found");
    }
}

//! Lists a thread's messages, from new to old or, with `after`, from old to new.

use contract::{ApiError, MessagesQuery, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Answers 200 with a page of messages.
pub async fn handle(chat: &Chat, links: &Links, call: Call) -> Result<Answer, ApiError> {
    let thread_id = call.thread_id()?;
    let [limit, cursor, after] = ["limit", "cursor", "after"].map(|name| call.query(name));
    let query = MessagesQuery::parse(limit.as_deref(), cursor.as_deref(), after.as_deref())?;
    if !chat.is_member(&thread_id, &call.caller.id).await? {
        return Err(Problem::thread_not_found().into());
    }
    json(StatusCode::OK, &chat.messages(&thread_id, &query, links).await?, &[])
}

#[cfg(test)]
mod tests {
    use contract::Thread;
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, links, new_thread, problem, send_text};

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-list.json");

    async fn list(chat: &Chat, user: &str, thread: &Thread, query: Value) -> Result<Answer, ApiError> {
        let change = |event: &mut Value| {
            event["pathParameters"]["threadId"] = thread.id.as_str().into();
            event["queryStringParameters"] = query;
        };
        handle(chat, &links(), call(EVENT, &caller(user), change)).await
    }

    /// The `seq` of every message from page to page.
    async fn seqs(chat: &Chat, thread: &Thread, mut query: Value) -> Vec<u64> {
        let mut seqs = Vec::new();
        loop {
            let page = body(&list(chat, "user-sarah", thread, query.clone()).await.unwrap());
            seqs.extend(page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()));
            if page["nextCursor"].is_null() {
                return seqs;
            }
            query["cursor"] = page["nextCursor"].clone();
        }
    }

    #[tokio::test]
    async fn pages_go_both_ways() {
        let chat = Tables::create().await.chat();
        let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
        assert_eq!(seqs(&chat, &thread, json!({})).await, [0; 0]);
        for n in 1..=7 {
            send_text(&chat, "user-dad", &thread, &format!("message {n}")).await;
        }
        for limit in ["1", "3", "7", "100"] {
            assert_eq!(seqs(&chat, &thread, json!({"limit": limit})).await, [7, 6, 5, 4, 3, 2, 1]);
            assert_eq!(seqs(&chat, &thread, json!({"limit": limit, "after": "4"})).await, [5, 6, 7]);
            assert_eq!(seqs(&chat, &thread, json!({"limit": limit, "after": "7"})).await, [0; 0]);
        }
    }

    #[tokio::test]
    async fn a_message_is_as_the_contract_shows_it() {
        let chat = Tables::create().await.chat();
        let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
        let sent = send_text(&chat, "user-dad", &thread, "Dinner at 6?").await;
        let page = body(&list(&chat, "user-sarah", &thread, json!({})).await.unwrap());
        assert_eq!(
            page,
            json!({"nextCursor": null, "messages": [{
                "id": sent.id, "threadId": thread.id, "seq": 1, "body": "Dinner at 6?", "attachments": [],
                "author": {"id": "user-dad", "name": "Dad"}, "createdAt": sent.created_at
            }]})
        );
    }

    #[tokio::test]
    async fn strangers_and_bad_queries_are_refused() {
        let chat = Tables::create().await.chat();
        let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
        send_text(&chat, "user-dad", &thread, "secret").await;
        let code = async |user: &str, query: Value| problem(list(&chat, user, &thread, query).await)["code"].clone();
        assert_eq!(code("user-michael", json!({})).await, "thread_not_found");
        assert_eq!(code("user-sarah", json!({"limit": "101", "after": "x"})).await, "invalid_query");
        let cursor = contract::MessageCursor::Before(3).encode();
        assert_eq!(code("user-sarah", json!({"cursor": cursor, "after": "1"})).await, "invalid_cursor");
        let unknown = problem(handle(&chat, &links(), call(EVENT, &caller("user-sarah"), |_| {})).await);
        assert_eq!(unknown["code"], "thread_not_found");
    }
}

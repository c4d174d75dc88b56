//! Lists the caller's threads.

use contract::{ApiError, ThreadsQuery};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Answers 200 with a page of threads, most recently active first.
pub async fn handle(chat: &Chat, links: &Links, call: Call) -> Result<Answer, ApiError> {
    let query = ThreadsQuery::parse(call.query("limit").as_deref(), call.query("cursor").as_deref())?;
    json(StatusCode::OK, &chat.threads(&call.caller.id, &query, links).await?, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, links, new_thread, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-list.json");

    async fn list(chat: &Chat, user: &str, query: Value) -> Result<Answer, ApiError> {
        handle(chat, &links(), call(EVENT, &caller(user), |event| event["queryStringParameters"] = query)).await
    }

    #[tokio::test]
    async fn pages_give_the_callers_threads_once() {
        let chat = Tables::create().await.chat();
        let mut mine = Vec::new();
        for other in ["a", "b", "c"] {
            mine.push(new_thread(&chat, &["user-sarah", other]).await.id.to_string());
            new_thread(&chat, &["user-dad", other]).await;
        }
        let (mut seen, mut query) = (Vec::new(), json!({"limit": "2"}));
        loop {
            let page = body(&list(&chat, "user-sarah", query.clone()).await.unwrap());
            for thread in page["threads"].as_array().unwrap() {
                assert_eq!(thread["lastMessage"], Value::Null);
                seen.push(thread["id"].as_str().unwrap().to_owned());
            }
            if page["nextCursor"].is_null() {
                break;
            }
            query["cursor"] = page["nextCursor"].clone();
        }
        assert_eq!(seen.len(), 3);
        seen.sort_unstable();
        mine.sort_unstable();
        assert_eq!(seen, mine);
    }

    #[tokio::test]
    async fn nobody_has_no_threads_and_bad_queries_are_refused() {
        let chat = Tables::create().await.chat();
        let empty = body(&handle(&chat, &links(), call(EVENT, &caller("nobody"), |_| {})).await.unwrap());
        assert_eq!(empty, json!({"threads": [], "nextCursor": null}));
        assert_eq!(problem(list(&chat, "a", json!({"limit": "0"})).await)["code"], "invalid_query");
        assert_eq!(problem(list(&chat, "a", json!({"cursor": "x"})).await)["code"], "invalid_cursor");
    }
}

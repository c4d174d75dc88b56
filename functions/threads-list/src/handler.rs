//! Lists the caller's threads.

use contract::{ApiError, ThreadsQuery};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores memberships, threads and user names.
    pub chat: Chat,
}

/// Handles `GET /api/threads`. Answers 200 with a page of the caller's threads, most recently active
/// first: the archived ones, or the others.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (limit, cursor, archived) = (call.query("limit"), call.query("cursor"), call.query("archived"));
    let query = ThreadsQuery::parse(limit.as_deref(), cursor.as_deref(), archived.as_deref())?;
    let profile = call.caller.profile();
    let (page, ()) = tokio::try_join!(deps.chat.threads(&call.caller.id, &query), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &page, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, new_thread, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-list.json");

    async fn deps() -> Deps {
        Deps { chat: Tables::create().await.chat() }
    }

    async fn list(deps: &Deps, user: &str, query: Value) -> Result<Answer, ApiError> {
        handle(deps, call(EVENT, &caller(user), |event| event["queryStringParameters"] = query)).await
    }

    #[tokio::test]
    async fn pages_contain_each_of_the_callers_threads_once() {
        let deps = deps().await;
        let mut mine = Vec::new();
        for other in ["a", "b", "c"] {
            mine.push(new_thread(&deps.chat, &["user-sarah", other]).await.id.to_string());
            new_thread(&deps.chat, &["user-dad", other]).await;
        }
        let (mut listed, mut query) = (Vec::new(), json!({"limit": "2"}));
        loop {
            let page = body(&list(&deps, "user-sarah", query.clone()).await.unwrap());
            for thread in page["threads"].as_array().unwrap() {
                assert_eq!(thread["lastMessage"], Value::Null);
                listed.push(thread["id"].as_str().unwrap().to_owned());
            }
            if page["nextCursor"].is_null() {
                break;
            }
            query["cursor"] = page["nextCursor"].clone();
        }
        assert_eq!(listed.len(), 3);
        listed.sort_unstable();
        mine.sort_unstable();
        assert_eq!(listed, mine);
    }

    #[tokio::test]
    async fn unknown_user_gets_an_empty_page() {
        let empty = body(&handle(&deps().await, call(EVENT, &caller("nobody"), |_| {})).await.unwrap());
        assert_eq!(empty, json!({"threads": [], "nextCursor": null}));
    }

    #[tokio::test]
    async fn invalid_queries_are_refused() {
        let deps = deps().await;
        assert_eq!(problem(list(&deps, "a", json!({"limit": "0"})).await)["code"], "invalid_query");
        assert_eq!(problem(list(&deps, "a", json!({"cursor": "x"})).await)["code"], "invalid_cursor");
    }
}

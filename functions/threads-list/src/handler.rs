//! Lists the caller's threads.

use contract::{ApiError, ThreadsQuery};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores memberships, threads and user names.
    pub chat: Chat,
}

/// Handles `GET /api/threads`. Answers 200 with a page of the caller's threads, most recently active first. With
/// `archived=true`, lists only archived threads; otherwise, only threads that are not archived.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (limit, cursor, archived) = (call.query("limit"), call.query("cursor"), call.query("archived"));
    let query = ThreadsQuery::parse(limit.as_deref(), cursor.as_deref(), archived.as_deref())?;
    let profile = call.caller.profile();
    let (page, ()) = tokio::try_join!(deps.chat.threads(&call.caller.id, &query), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &page, &[])
}

#[cfg(test)]
mod tests {
    use contract::{PersonCursor, UpdateSettings};
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, message_row, new_thread, problem, send_text};

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
    async fn thread_has_a_preview_and_the_callers_own_state() {
        let deps = deps().await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        let message = send_text(&deps.chat, "user-dad", &thread, &"🏡".repeat(300)).await;
        deps.chat.advance_projection(&message_row(&message)).await.unwrap();
        let listed = body(&list(&deps, "user-sarah", json!({})).await.unwrap())["threads"][0].take();
        assert_eq!(
            listed["lastMessage"],
            json!({
                "id": message.id, "threadId": thread.id, "seq": 1, "rev": 0, "body": "🏡".repeat(200), "truncated": true,
                "author": {"id": "user-dad", "name": "Dad"}, "attachments": [], "createdAt": message.created_at,
            })
        );
        let own = ["lastSeq", "readSeq", "unreadCount", "archived", "mutedUntil"].map(|field| listed[field].clone());
        assert_eq!(own, [json!(1), json!(0), json!(1), json!(false), Value::Null]);
    }

    #[tokio::test]
    async fn archived_threads_are_listed_only_on_request_and_with_cursors_of_their_own() {
        let deps = deps().await;
        let mut ids = Vec::new();
        for other in ["a", "b", "c", "d"] {
            ids.push(new_thread(&deps.chat, &["user-sarah", other]).await.id);
        }
        for thread in &ids[..2] {
            let archive = UpdateSettings { archived: Some(true), muted_until: None };
            deps.chat.update_settings(&caller("user-sarah").id, thread, archive).await.unwrap();
        }
        for (archived, other, mut expected) in
            [("true", "false", ids[..2].to_vec()), ("false", "true", ids[2..].to_vec())]
        {
            let page = async |query| body(&list(&deps, "user-sarah", query).await.unwrap());
            let first = page(json!({"archived": archived, "limit": "1"})).await;
            let cursor = first["nextCursor"].as_str().unwrap();
            let second = page(json!({"archived": archived, "limit": "1", "cursor": cursor})).await;
            assert_eq!(second["nextCursor"], Value::Null);
            let mut listed = [&first, &second].map(|page| page["threads"][0]["id"].as_str().unwrap().to_owned());
            listed.sort_unstable();
            expected.sort_unstable();
            assert_eq!(listed.as_slice(), expected.iter().map(ToString::to_string).collect::<Vec<_>>());
            let refused = problem(list(&deps, "user-sarah", json!({"archived": other, "cursor": cursor})).await);
            assert_eq!(refused["code"], "invalid_cursor", "{archived}");
        }
        let default = body(&list(&deps, "user-sarah", json!({})).await.unwrap());
        assert_eq!(default, body(&list(&deps, "user-sarah", json!({"archived": "false"})).await.unwrap()));
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
        for archived in ["", "1", "yes", "TRUE"] {
            let refused = problem(list(&deps, "a", json!({"archived": archived})).await);
            assert_eq!(
                (&refused["code"], &refused["errors"][0]["field"]),
                (&json!("invalid_query"), &json!("archived"))
            );
        }
        let of_people = PersonCursor { name: "A".into(), id: caller("a").id }.encode();
        for cursor in ["x", &of_people] {
            assert_eq!(problem(list(&deps, "a", json!({"cursor": cursor})).await)["code"], "invalid_cursor");
        }
    }
}

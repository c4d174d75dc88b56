//! Lists the people whom the caller may write to.

use contract::{ApiError, PeopleQuery};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores the directory and threads.
    pub chat: Chat,
    /// Whether everybody who has called is listed. Otherwise, only people who share a thread with the caller are.
    pub directory: bool,
    /// Signs the links to people's pictures.
    pub links: Links,
}

/// Handles `GET /api/people`. Answers 200 with a page of people by name, the caller included.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let query = PeopleQuery::parse(call.query("limit").as_deref(), call.query("cursor").as_deref())?;
    // The caller is recorded first, so that the list includes them.
    deps.chat.record_profile(&call.caller.profile()).await?;
    let page = if deps.directory {
        deps.chat.directory(&query, &deps.links).await?
    } else {
        deps.chat.acquaintances(&call.caller.id, &query, &deps.links).await?
    };
    json(StatusCode::OK, &page, &[])
}

#[cfg(test)]
mod tests {
    use contract::{ThreadCursor, ThreadId, Timestamp};
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, links, new_image, new_thread, problem, set_picture};

    use super::*;

    const EVENT: &str = include_str!("../../../events/people-list.json");

    async fn list(deps: &Deps, user: &str, query: Value) -> Result<Answer, ApiError> {
        handle(deps, call(EVENT, &caller(user), |event| event["queryStringParameters"] = query)).await
    }

    /// Returns the names on all pages of `limit` people.
    async fn names(deps: &Deps, user: &str, limit: &str) -> Vec<String> {
        let (mut names, mut query) = (Vec::new(), json!({"limit": limit}));
        loop {
            let page = body(&list(deps, user, query.clone()).await.unwrap());
            let people = page["people"].as_array().unwrap();
            names.extend(people.iter().map(|person| person["name"].as_str().unwrap().to_owned()));
            if page["nextCursor"].is_null() {
                return names;
            }
            query["cursor"] = page["nextCursor"].clone();
        }
    }

    #[tokio::test]
    async fn first_call_lists_the_caller() {
        for directory in [true, false] {
            let deps = Deps { chat: Tables::create().await.chat(), directory, links: links() };
            let page = body(&handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap());
            let sarah = json!({"id": "user-sarah", "name": "Sarah"});
            assert_eq!(page, json!({"people": [sarah], "nextCursor": null}), "directory: {directory}");
        }
    }

    #[tokio::test]
    async fn directory_lists_everybody_and_without_it_only_those_with_a_common_thread() {
        let tables = Tables::create().await;
        let chat = tables.chat();
        for user in ["user-sarah", "user-dad", "user-michael", "user-zoe"] {
            chat.record_profile(&caller(user).profile()).await.unwrap();
        }
        new_thread(&chat, &["user-sarah", "user-dad"]).await;
        new_thread(&chat, &["user-dad", "user-michael"]).await;
        for limit in ["1", "2", "100"] {
            let on = Deps { chat: tables.chat(), directory: true, links: links() };
            let off = Deps { chat: tables.chat(), directory: false, links: links() };
            assert_eq!(names(&on, "user-sarah", limit).await, ["Dad", "Michael", "Sarah", "Zoe"]);
            assert_eq!(names(&off, "user-sarah", limit).await, ["Dad", "Sarah"]);
            assert_eq!(names(&off, "user-dad", limit).await, ["Dad", "Michael", "Sarah"]);
            assert_eq!(names(&off, "user-zoe", limit).await, ["Zoe"]);
        }
    }

    #[tokio::test]
    async fn pictures_are_shown_with_and_without_the_directory() {
        let tables = Tables::create().await;
        let chat = tables.chat();
        let photo = new_image(&chat, "user-dad").await;
        set_picture(&chat, &caller("user-dad").profile(), Some(&photo.id)).await.unwrap().unwrap();
        new_thread(&chat, &["user-sarah", "user-dad"]).await;
        let picture = photo.details(&links()).thumb_url.unwrap();
        for directory in [true, false] {
            let deps = Deps { chat: tables.chat(), directory, links: links() };
            let page = body(&list(&deps, "user-sarah", json!({})).await.unwrap());
            let dad = json!({"id": "user-dad", "name": "user-dad", "avatarUrl": picture});
            let sarah = json!({"id": "user-sarah", "name": "Sarah"});
            assert_eq!(page["people"], json!([sarah, dad]), "directory: {directory}");
        }
    }

    #[tokio::test]
    async fn cursor_from_the_directory_shows_no_strangers_once_it_is_off() {
        let tables = Tables::create().await;
        for user in ["user-a", "user-sarah", "user-zoe"] {
            tables.chat().record_profile(&caller(user).profile()).await.unwrap();
        }
        let on = Deps { chat: tables.chat(), directory: true, links: links() };
        let page = body(&list(&on, "user-sarah", json!({"limit": "1"})).await.unwrap());
        let off = Deps { directory: false, ..on };
        let rest = body(&list(&off, "user-sarah", json!({"cursor": page["nextCursor"]})).await.unwrap());
        assert_eq!(rest, json!({"people": [{"id": "user-sarah", "name": "Sarah"}], "nextCursor": null}));
    }

    #[tokio::test]
    async fn invalid_queries_and_cursors_of_other_lists_are_refused() {
        let deps = Deps { chat: Tables::create().await.chat(), directory: true, links: links() };
        for limit in ["0", "101", "x"] {
            let refused = problem(list(&deps, "user-sarah", json!({"limit": limit})).await);
            assert_eq!((&refused["code"], &refused["errors"][0]["field"]), (&json!("invalid_query"), &json!("limit")));
        }
        let of_threads = ThreadCursor { archived: false, updated_at: Timestamp::now(), id: ThreadId::new() };
        for cursor in ["x", &of_threads.encode(), &contract::MessageCursor::Before(1).encode()] {
            let refused = problem(list(&deps, "user-sarah", json!({"cursor": cursor})).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(400), &json!("invalid_cursor")), "{cursor}");
        }
    }
}

//! Changes the caller's own settings for a thread.

use contract::{ApiError, Problem, UpdateSettings};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores memberships.
    pub chat: Chat,
}

/// Handles `PATCH /api/threads/{threadId}/me`. Answers 200 with all of the caller's settings for the thread. Fails with
/// `thread_not_found` for a non-member.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread, update) = (call.thread_id()?, UpdateSettings::parse(call.body())?);
    let profile = call.caller.profile();
    let (settings, ()) = tokio::try_join!(
        deps.chat.update_settings(&call.caller.id, &thread, update),
        deps.chat.record_profile(&profile)
    )?;
    json(StatusCode::OK, &settings.ok_or_else(Problem::thread_not_found)?, &[])
}

#[cfg(test)]
mod tests {
    use contract::{Thread, ThreadId, ThreadsQuery};
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, new_thread, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-settings.json");

    async fn update(deps: &Deps, user: &str, thread: &str, request: &Value) -> Result<Answer, ApiError> {
        let call = call(EVENT, &caller(user), |event| {
            event["pathParameters"]["threadId"] = thread.into();
            event["body"] = request.to_string().into();
        });
        handle(deps, call).await
    }

    /// Returns the IDs of the user's archived threads if `archived` is "true", and of the threads that are not archived
    /// if it is "false".
    async fn listed(deps: &Deps, user: &str, archived: &str) -> Vec<ThreadId> {
        let query = ThreadsQuery::parse(None, None, Some(archived)).unwrap();
        let page = deps.chat.threads(&caller(user).id, &query).await.unwrap();
        page.threads.into_iter().map(|thread| thread.overview.thread.id).collect()
    }

    async fn fixture() -> (Deps, Thread) {
        let deps = Deps { chat: Tables::create().await.chat() };
        let thread = new_thread(&deps.chat, &["user-sarah", "user-michael"]).await;
        (deps, thread)
    }

    #[tokio::test]
    async fn answer_has_both_settings_and_missing_ones_stay_unchanged() {
        let (deps, thread) = fixture().await;
        let until = "2030-01-01T00:00:00.000Z";
        for (request, archived, muted_until) in [
            (json!({}), false, Value::Null),
            (json!({"archived": true}), true, Value::Null),
            (json!({"archived": true}), true, Value::Null),
            (json!({"mutedUntil": "2030-01-01T01:00:00+01:00"}), true, json!(until)),
            (json!({"archived": null, "title": "Mine"}), true, json!(until)),
            (json!({"archived": false}), false, json!(until)),
            (json!({"archived": true, "mutedUntil": null}), true, Value::Null),
            (json!({"mutedUntil": null}), true, Value::Null),
        ] {
            let answer = update(&deps, "user-sarah", thread.id.as_str(), &request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(body(&answer), json!({"archived": archived, "mutedUntil": muted_until}), "{request}");
        }
    }

    #[tokio::test]
    async fn settings_are_those_of_the_caller_only() {
        let (deps, thread) = fixture().await;
        update(&deps, "user-sarah", thread.id.as_str(), &json!({"archived": true})).await.unwrap();
        assert_eq!(listed(&deps, "user-sarah", "true").await, std::slice::from_ref(&thread.id));
        assert!(listed(&deps, "user-sarah", "false").await.is_empty());
        assert_eq!(listed(&deps, "user-michael", "false").await, [thread.id]);
        assert!(listed(&deps, "user-michael", "true").await.is_empty());
    }

    #[tokio::test]
    async fn invalid_settings_are_all_named_and_change_nothing() {
        let (deps, thread) = fixture().await;
        for muted_until in [json!("soon"), json!(17), json!("2030-01-01"), json!("10000-01-01T00:00:00Z")] {
            let request = json!({"archived": "yes", "mutedUntil": muted_until});
            let refused = problem(update(&deps, "user-sarah", thread.id.as_str(), &request).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")));
            let fields: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
            assert_eq!(fields, ["archived", "mutedUntil"]);
        }
        let request = json!({"archived": true, "mutedUntil": "soon"});
        assert_eq!(problem(update(&deps, "user-sarah", thread.id.as_str(), &request).await)["status"], 422);
        assert!(listed(&deps, "user-sarah", "true").await.is_empty(), "the valid half was stored");
    }

    #[tokio::test]
    async fn thread_of_others_and_missing_thread_get_the_same_answer_and_no_membership() {
        let (deps, thread) = fixture().await;
        for request in [json!({"archived": true}), json!({"archived": false}), json!({"mutedUntil": null}), json!({})] {
            let of_others = problem(update(&deps, "user-dad", thread.id.as_str(), &request).await);
            assert_eq!((&of_others["status"], &of_others["code"]), (&json!(404), &json!("thread_not_found")));
            for id in [ThreadId::new().as_str(), "nonsense", ""] {
                assert_eq!(problem(update(&deps, "user-dad", id, &request).await), of_others, "{id}");
            }
        }
        assert_eq!(problem(handle(&deps, call(EVENT, &caller("user-dad"), |_| {})).await)["status"], 404);
        for archived in ["true", "false"] {
            assert!(listed(&deps, "user-dad", archived).await.is_empty());
        }
    }
}

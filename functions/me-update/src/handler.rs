//! Changes the caller's preferences.

use contract::{ApiError, UpdateMe};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores profiles.
    pub chat: Chat,
}

/// Handles `PATCH /api/me`. Answers 200 with the caller's ID, name and preferences.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let update = UpdateMe::parse(call.body())?;
    let profile = call.caller.profile();
    let (me, ()) = tokio::try_join!(deps.chat.update_me(&profile, update), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &me, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/me-update.json");

    async fn update(deps: &Deps, user: &str, request: &str) -> Result<Answer, ApiError> {
        handle(deps, call(EVENT, &caller(user), |event| event["body"] = request.into())).await
    }

    fn me(user: &str, name: &str, receipts: bool) -> Value {
        json!({"id": user, "name": name, "receipts": receipts})
    }

    #[tokio::test]
    async fn sample_event_stops_sharing_read_marks_of_this_caller_only() {
        let tables = Tables::create().await;
        let deps = Deps { chat: tables.chat() };
        let sample = handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        assert_eq!((sample.status(), body(&sample)), (StatusCode::OK, me("user-sarah", "Sarah", false)));
        let stored = tables.chat().me(&caller("user-sarah").profile()).await.unwrap();
        assert!(!stored.receipts);
        assert_eq!(body(&update(&deps, "user-dad", "{}").await.unwrap()), me("user-dad", "Dad", true));
    }

    #[tokio::test]
    async fn repeated_and_empty_updates_change_nothing() {
        let deps = Deps { chat: Tables::create().await.chat() };
        for (request, receipts) in [
            (r#"{"receipts":false}"#, false),
            (r#"{"receipts":false}"#, false),
            ("{}", false),
            (r#"{"receipts":null,"name":"Mum"}"#, false),
            (r#"{"receipts":true}"#, true),
            (r#"{"receipts":true}"#, true),
        ] {
            let answer = update(&deps, "user-sarah", request).await.unwrap();
            assert_eq!(body(&answer), me("user-sarah", "Sarah", receipts), "{request}");
        }
    }

    #[tokio::test]
    async fn invalid_request_is_refused_and_changes_nothing() {
        let deps = Deps { chat: Tables::create().await.chat() };
        for request in [r#"{"receipts":"no"}"#, r#"{"receipts":0}"#, r#"{"receipts":[]}"#] {
            let refused = problem(update(&deps, "user-sarah", request).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")), "{request}");
            assert_eq!(refused["errors"][0]["field"], "receipts");
        }
        for request in ["", "{", "\u{0}"] {
            assert_eq!(problem(update(&deps, "user-sarah", request).await)["code"], "malformed_json", "{request}");
        }
        assert!(deps.chat.me(&caller("user-sarah").profile()).await.unwrap().receipts);
    }
}

//! Returns the caller's profile.

use contract::ApiError;
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores profiles.
    pub chat: Chat,
}

/// Handles `GET /api/me`. Answers 200 with the caller's ID, name and preferences.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let profile = call.caller.profile();
    let (me, ()) = tokio::try_join!(deps.chat.me(&profile), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &me, &[])
}

#[cfg(test)]
mod tests {
    use contract::UpdateMe;
    use serde_json::json;
    use testkit::{Tables, body, call, caller};

    use super::*;

    const EVENT: &str = include_str!("../../../events/me-get.json");

    #[tokio::test]
    async fn first_call_answers_with_the_defaults_and_makes_the_caller_known() {
        let tables = Tables::create().await;
        let deps = Deps { chat: tables.chat() };
        let expected = json!({"id": "user-sarah", "name": "Sarah", "receipts": true});
        assert_eq!(body(&handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap()), expected);
        let listed = tables.chat().directory(&contract::PeopleQuery::parse(None, None).unwrap()).await.unwrap();
        assert_eq!(listed.people[0].name, "Sarah");
    }

    #[tokio::test]
    async fn each_caller_gets_their_own_profile() {
        let deps = Deps { chat: Tables::create().await.chat() };
        let off = UpdateMe { receipts: Some(false) };
        deps.chat.update_me(&caller("user-sarah").profile(), off).await.unwrap();
        for (user, name, receipts) in [("user-sarah", "Sarah", false), ("user-dad", "Dad", true), ("x", "x", true)] {
            let me = body(&handle(&deps, call(EVENT, &caller(user), |_| {})).await.unwrap());
            assert_eq!(me, json!({"id": user, "name": name, "receipts": receipts}));
        }
    }
}

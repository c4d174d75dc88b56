//! Returns the caller's profile.

use contract::ApiError;
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores profiles.
    pub chat: Chat,
    /// Signs the link to the caller's picture.
    pub links: Links,
}

/// Handles `GET /api/me`. Answers 200 with the caller's ID, name, preferences and picture.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let profile = call.caller.profile();
    let (me, ()) = tokio::try_join!(deps.chat.me(&profile, &deps.links), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &me, &[])
}

#[cfg(test)]
mod tests {
    use contract::PeopleQuery;
    use serde_json::json;
    use testkit::{Tables, body, call, caller, links, new_image, set_picture, set_receipts};

    use super::*;

    const EVENT: &str = include_str!("../../../events/me-get.json");

    #[tokio::test]
    async fn first_call_answers_with_the_defaults_and_makes_the_caller_known() {
        let tables = Tables::create().await;
        let deps = Deps { chat: tables.chat(), links: links() };
        let expected = json!({"id": "user-sarah", "name": "Sarah", "receipts": true});
        assert_eq!(body(&handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap()), expected);
        let query = PeopleQuery::parse(None, None).unwrap();
        let listed = tables.chat().directory(&query, &links()).await.unwrap();
        assert_eq!(listed.people[0].name, "Sarah");
    }

    #[tokio::test]
    async fn each_caller_gets_their_own_profile() {
        let deps = Deps { chat: Tables::create().await.chat(), links: links() };
        set_receipts(&deps.chat, &caller("user-sarah").profile(), Some(false)).await.unwrap();
        let photo = new_image(&deps.chat, "user-dad").await;
        set_picture(&deps.chat, &caller("user-dad").profile(), Some(&photo.id)).await.unwrap().unwrap();
        let picture = photo.details(&links()).thumb_url.unwrap();
        for (user, expected) in [
            ("user-sarah", json!({"id": "user-sarah", "name": "Sarah", "receipts": false})),
            ("user-dad", json!({"id": "user-dad", "name": "Dad", "receipts": true, "avatarUrl": picture})),
            ("x", json!({"id": "x", "name": "x", "receipts": true})),
        ] {
            assert_eq!(body(&handle(&deps, call(EVENT, &caller(user), |_| {})).await.unwrap()), expected);
        }
    }
}

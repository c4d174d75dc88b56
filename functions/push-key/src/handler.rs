//! Returns the key with which browsers subscribe to this deployment's notifications.

use contract::{ApiError, Problem, PushKey};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, PushKeys};
use webpush::VapidKey;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores the caller's profile.
    pub chat: Chat,
    /// The `PushKeys` table, which stores the key pair.
    pub keys: PushKeys,
    /// Whether this deployment sends notifications.
    pub sends_notifications: bool,
}

/// Handles `GET /api/push-key`. Answers 200 with the public key. The first call creates the key pair. Fails with
/// `notifications_off` if this deployment sends no notifications.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let profile = call.caller.profile();
    if !deps.sends_notifications {
        deps.chat.record_profile(&profile).await?;
        return Err(Problem::notifications_off().into());
    }
    let (public_key, ()) = tokio::try_join!(public_key(&deps.keys), async {
        deps.chat.record_profile(&profile).await.map_err(ApiError::from)
    })?;
    json(StatusCode::OK, &PushKey { public_key }, &[])
}

async fn public_key(keys: &PushKeys) -> Result<String, ApiError> {
    if let Some(key) = keys.public_key().await? {
        return Ok(key);
    }
    let (public_key, private_key) = VapidKey::generate().map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(keys.create(public_key, private_key).await?)
}

#[cfg(test)]
mod tests {
    use contract::PeopleQuery;
    use futures::future::join_all;
    use testkit::{Fault, Tables, body, call, caller, links, once, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/push-key.json");

    fn deps(tables: &Tables) -> Deps {
        Deps { chat: tables.chat(), keys: tables.push_keys(), sends_notifications: true }
    }

    async fn get(deps: &Deps, user: &str) -> String {
        let answer = handle(deps, call(EVENT, &caller(user), |_| {})).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        body(&answer)["publicKey"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn concurrent_first_calls_get_the_one_key_whose_private_key_is_stored() {
        let tables = Tables::create().await;
        let instances: Vec<_> = (0..8).map(|_| deps(&tables)).collect();
        let keys = join_all(instances.iter().map(|deps| get(deps, "user-sarah"))).await;
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        let private = tables.push_keys().private_key().await.unwrap().unwrap();
        assert_eq!(VapidKey::from_pkcs8(&private).unwrap().public_key(), keys[0]);
        assert_eq!(get(&deps(&tables), "user-dad").await, keys[0]);
    }

    #[tokio::test]
    async fn lost_answer_of_the_creation_does_not_create_a_second_pair() {
        let tables = Tables::create().await;
        let failing = tables.through(once(|call| call.operation == "TransactWriteItems", |_| Fault::LoseAnswer)).await;
        let key = get(&deps(&failing), "user-sarah").await;
        assert_eq!(get(&deps(&tables), "user-sarah").await, key);
    }

    #[tokio::test]
    async fn deployment_without_a_page_has_no_key_and_still_records_its_callers() {
        let tables = Tables::create().await;
        let deps = Deps { sends_notifications: false, ..deps(&tables) };
        let refused = problem(handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await);
        assert_eq!((&refused["status"], &refused["code"]), (&404.into(), &"notifications_off".into()));
        assert_eq!(tables.push_keys().public_key().await.unwrap(), None);
        let query = PeopleQuery { limit: 10, cursor: None };
        let people = tables.chat().directory(&query, &links()).await.unwrap().people;
        assert_eq!(people.len(), 1);
    }
}

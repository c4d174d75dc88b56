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

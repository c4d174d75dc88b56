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

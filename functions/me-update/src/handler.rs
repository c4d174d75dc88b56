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

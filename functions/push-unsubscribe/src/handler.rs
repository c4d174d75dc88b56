//! Removes a device, so that it receives no more notifications.

use contract::{ApiError, Problem};
use runtime::{Answer, Call, no_content};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores push subscriptions.
    pub chat: Chat,
}

/// Handles `DELETE /api/push-subscriptions/{id}`. Answers 204 without a body. Fails with `subscription_not_found` if the caller
/// has no such device.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let id = call.push_id()?;
    let profile = call.caller.profile();
    let (existed, ()) =
        tokio::try_join!(deps.chat.delete_push_subscription(&call.caller.id, &id), deps.chat.record_profile(&profile))?;
    if existed { no_content() } else { Err(Problem::subscription_not_found().into()) }
}

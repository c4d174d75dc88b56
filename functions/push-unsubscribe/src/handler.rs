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

#[cfg(test)]
mod tests {
    use contract::{PutSubscription, SubscriptionKeys};
    use runtime::StatusCode;
    use store::Registered;
    use testkit::{Tables, call, caller, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/push-unsubscribe.json");

    async fn unsubscribe(deps: &Deps, user: &str, id: &str) -> Result<Answer, ApiError> {
        handle(deps, call(EVENT, &caller(user), |event| event["pathParameters"]["id"] = id.into())).await
    }

    /// Registers a device of Sarah's. Returns its ID.
    async fn register(deps: &Deps) -> String {
        let keys = SubscriptionKeys { p256dh: "a".into(), auth: "b".into() };
        let device = PutSubscription { endpoint: "https://push.example/1".into(), keys };
        let registered = deps.chat.put_push_subscription(&caller("user-sarah").id, device).await.unwrap();
        let Registered::Done(id) = registered else { panic!("the device was not registered: {registered:?}") };
        id.to_string()
    }

    #[tokio::test]
    async fn own_device_is_removed_once() {
        let deps = Deps { chat: Tables::create().await.chat() };
        let id = register(&deps).await;
        let removed = unsubscribe(&deps, "user-sarah", &id).await.unwrap();
        assert_eq!((removed.status(), removed.body().as_ref()), (StatusCode::NO_CONTENT, &b""[..]));
        assert_eq!(problem(unsubscribe(&deps, "user-sarah", &id).await)["code"], "subscription_not_found");
    }

    #[tokio::test]
    async fn device_of_another_user_looks_like_a_missing_one_and_stays() {
        let deps = Deps { chat: Tables::create().await.chat() };
        let id = register(&deps).await;
        let of_another = problem(unsubscribe(&deps, "user-dad", &id).await);
        assert_eq!((&of_another["status"], &of_another["code"]), (&404.into(), &"subscription_not_found".into()));
        for missing in ["push_0", "nonsense", "", "thread_1", "push_%23"] {
            assert_eq!(problem(unsubscribe(&deps, "user-dad", missing).await), of_another, "{missing}");
        }
        assert_eq!(problem(handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await), of_another);
        assert!(unsubscribe(&deps, "user-sarah", &id).await.is_ok());
    }
}

//! Registers a device for the caller's notifications, or renews it.

use contract::{ApiError, ErrorCode, FieldError, Problem, PushSubscription, PutSubscription, limits};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Registered};
use webpush::{PushHosts, SubscriptionKeys};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores push subscriptions.
    pub chat: Chat,
    /// The hosts that endpoints may have.
    pub hosts: PushHosts,
}

/// Handles `PUT /api/push-subscriptions`. Answers 200 with the subscription's ID. The device then belongs to the caller, also
/// if another user has registered the same browser before. It expires after 60 days, unless it is registered again.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let request = PutSubscription::parse(call.body())?;
    check(&deps.hosts, &request)?;
    let profile = call.caller.profile();
    let (registered, ()) = tokio::try_join!(
        deps.chat.put_push_subscription(&call.caller.id, request),
        deps.chat.record_profile(&profile)
    )?;
    match registered {
        Registered::Done(id) => json(StatusCode::OK, &PushSubscription { id }, &[]),
        Registered::Taken => {
            let detail = "Another user has registered this endpoint, with other keys. Unsubscribe in the browser and \
                          subscribe again.";
            Err(Problem::new(ErrorCode::EndpointTaken, detail).into())
        }
        Registered::TooMany => {
            let detail = format!("You have {} devices with notifications. Remove one of them first.", limits::DEVICES);
            Err(Problem::new(ErrorCode::TooManyDevices, detail).into())
        }
    }
}

/// Checks what the contract's types do not know: the endpoint's host and the keys. The problem names every invalid field.
fn check(hosts: &PushHosts, request: &PutSubscription) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut refuse = |field: &str, message: &str| {
        errors.push(FieldError { field: field.into(), message: message.into() });
    };
    if hosts.endpoint(&request.endpoint).is_none() {
        refuse("endpoint", "must be the https URL of a push service that this deployment allows");
    }
    if SubscriptionKeys::parse(&request.keys.p256dh, &request.keys.auth).is_none() {
        refuse("keys", "must be a point of P-256 (65 bytes) and a secret of 16 bytes, both in base64url");
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(ErrorCode::InvalidRequest, errors)) }
}

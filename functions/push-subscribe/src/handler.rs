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

/// Checks the endpoint's host and the keys, which the contract's types do not check. The problem names every invalid
/// field.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/push-subscribe.json");

    /// Returns the push subscription of the sample event, with an endpoint that ends with `endpoint`.
    fn browser(endpoint: &str) -> Value {
        let event: Value = serde_json::from_str(EVENT).unwrap();
        let mut browser: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        browser["endpoint"] = format!("https://fcm.googleapis.com/fcm/send/{endpoint}").into();
        browser
    }

    async fn deps() -> Deps {
        Deps { chat: Tables::create().await.chat(), hosts: PushHosts::parse("fcm.googleapis.com").unwrap() }
    }

    async fn register(deps: &Deps, user: &str, browser: &Value) -> Result<Answer, ApiError> {
        let browser = browser.to_string();
        handle(deps, call(EVENT, &caller(user), |event| event["body"] = browser.into())).await
    }

    async fn refusal(deps: &Deps, user: &str, browser: &Value) -> (Value, Value) {
        let mut refused = problem(register(deps, user, browser).await);
        (refused["status"].take(), refused["code"].take())
    }

    async fn owns(deps: &Deps, user: &str, id: &Value) -> bool {
        let id = serde_json::from_value(id.clone()).unwrap();
        deps.chat.delete_push_subscription(&caller(user).id, &id).await.unwrap()
    }

    #[tokio::test]
    async fn repeated_registration_has_the_same_id_and_is_one_device() {
        let deps = deps().await;
        let sample = handle(&deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        assert_eq!(sample.status(), StatusCode::OK);
        let id = body(&sample)["id"].take();
        let again = register(&deps, "user-sarah", &browser("abc")).await.unwrap();
        assert_eq!(body(&again), json!({"id": id}));
        assert!(owns(&deps, "user-sarah", &id).await);
        assert!(!owns(&deps, "user-sarah", &id).await);
    }

    #[tokio::test]
    async fn browser_moves_to_the_user_who_registers_it_last_but_not_with_other_keys() {
        let deps = deps().await;
        let id = body(&register(&deps, "user-sarah", &browser("abc")).await.unwrap())["id"].take();
        let mut other = browser("abc");
        other["keys"]["auth"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
        assert_eq!(refusal(&deps, "user-dad", &other).await, (json!(409), json!("endpoint_taken")));
        assert_eq!(body(&register(&deps, "user-dad", &browser("abc")).await.unwrap())["id"], id);
        assert!(!owns(&deps, "user-sarah", &id).await);
        assert!(owns(&deps, "user-dad", &id).await);
    }

    #[tokio::test]
    async fn eleventh_device_is_refused_and_a_known_one_is_still_renewed() {
        let deps = deps().await;
        for n in 0..limits::DEVICES {
            register(&deps, "user-sarah", &browser(&n.to_string())).await.unwrap();
        }
        assert_eq!(refusal(&deps, "user-sarah", &browser("more")).await, (json!(409), json!("too_many_devices")));
        register(&deps, "user-sarah", &browser("0")).await.unwrap();
        register(&deps, "user-dad", &browser("more")).await.unwrap();
    }

    #[tokio::test]
    async fn invalid_subscription_is_refused_with_every_invalid_field_and_not_stored() {
        let deps = deps().await;
        let with = |endpoint: &str, p256dh: Value, auth: Value| {
            let mut changed = browser("abc");
            if !endpoint.is_empty() {
                changed["endpoint"] = endpoint.into();
            }
            let keys = [("p256dh", p256dh), ("auth", auth)];
            keys.into_iter().filter(|(_, key)| !key.is_null()).for_each(|(name, key)| changed["keys"][name] = key);
            changed
        };
        let long = format!("https://fcm.googleapis.com/{}", "x".repeat(8 * 1_024));
        let key = browser("abc")["keys"]["p256dh"].as_str().unwrap().to_owned();
        let (short, compressed, off_the_curve) =
            (&key[..84], format!("A{}", &key[1..]), key.replace("xaOzi6", "xaOzi7"));
        for (request, fields) in [
            (json!({}), vec!["endpoint", "keys"]),
            (json!({"endpoint": browser("abc")["endpoint"]}), vec!["keys"]),
            (with("https://evil.example/a", Value::Null, Value::Null), vec!["endpoint"]),
            (with("https://fcm.googleapis.com.evil.example/a", Value::Null, Value::Null), vec!["endpoint"]),
            (with("https://142.250.1.1/a", Value::Null, Value::Null), vec!["endpoint"]),
            (with("http://127.0.0.1:4000/a", Value::Null, Value::Null), vec!["endpoint"]),
            (with("http://fcm.googleapis.com/a", Value::Null, Value::Null), vec!["endpoint"]),
            (with("file:///etc/passwd", Value::Null, Value::Null), vec!["endpoint"]),
            (with(&long, Value::Null, Value::Null), vec!["endpoint"]),
            (with("", json!(short), Value::Null), vec!["keys"]),
            (with("", Value::Null, json!("AAAA")), vec!["keys"]),
            (with("", json!(off_the_curve), Value::Null), vec!["keys"]),
            (with("", json!(compressed), Value::Null), vec!["keys"]),
            (with("", json!("not base64url!"), Value::Null), vec!["keys"]),
            (with("https://evil.example/a", json!(""), json!("")), vec!["endpoint", "keys"]),
        ] {
            let refused = problem(register(&deps, "user-sarah", &request).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")), "{request}");
            let named: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
            assert_eq!(named, fields, "{request}");
        }
        let id = body(&register(&deps, "user-dad", &browser("abc")).await.unwrap())["id"].take();
        assert!(!owns(&deps, "user-sarah", &id).await);
    }
}

use serde::Serialize;
use serde_json::Value;

use crate::{Problem, PushId, fields::Fields, limits};

/// Response body of `GET /api/push-key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PushKey {
    /// The deployment's VAPID public key (RFC 8292) in base64url without padding, for `applicationServerKey` of
    /// `PushManager.subscribe()`. It never changes.
    pub public_key: String,
}

/// Request body of `PUT /api/push-subscriptions`: what `PushSubscription.toJSON()` returns in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutSubscription {
    /// The push service's URL of the subscription, at most [`limits::ENDPOINT_CHARS`] characters.
    #[cfg_attr(feature = "schema", schemars(length(max = limits::ENDPOINT_CHARS)))]
    pub endpoint: String,
    /// The subscription's keys.
    pub keys: SubscriptionKeys,
}

/// The keys of a push subscription, in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionKeys {
    /// The browser's public key: an uncompressed point of P-256, 65 bytes.
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub p256dh: String,
    /// The authentication secret, 16 bytes.
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub auth: String,
}

impl PutSubscription {
    /// Parses a request body. Fails with a problem that names every invalid field. Does not check whether the
    /// deployment allows the endpoint's host, and whether the keys are valid points and secrets.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let endpoint = fields.required_string("endpoint", limits::ENDPOINT_CHARS).unwrap_or_default();
        let keys = fields.required_object("keys");
        let mut key = |name: &str| match keys.as_ref().and_then(|keys| keys.get(name)) {
            Some(Value::String(text)) if text.len() <= 100 => text.clone(),
            _ if keys.is_none() => String::new(),
            _ => {
                fields.refuse(format!("keys.{name}"), "must be a key in base64url");
                String::new()
            }
        };
        let keys = SubscriptionKeys { p256dh: key("p256dh"), auth: key("auth") };
        fields.finish(Self { endpoint, keys })
    }
}

/// Response body of `PUT /api/push-subscriptions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PushSubscription {
    /// ID of the subscription, for `DELETE /api/push-subscriptions/{id}`. The same endpoint always has the same ID.
    pub id: PushId,
}

/// The content of a push message: a Declarative Web Push message
/// (<https://www.w3.org/TR/push-api/#declarative-push-message>). Browsers that do not support this format pass the
/// content to the page's service worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushMessage {
    web_push: u32,
    /// The notification that the device shows.
    pub notification: Notification,
    /// Number of threads that the user was notified of and has not read to the end.
    pub app_badge: u64,
}

impl PushMessage {
    /// Creates the content of a push message that shows `notification` and sets the app's badge to the number
    /// `app_badge`.
    #[must_use]
    pub fn new(notification: Notification, app_badge: u64) -> Self {
        Self { web_push: 8030, notification, app_badge }
    }
}

/// A notification as a device shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// The first line of the notification.
    pub title: String,
    /// The text below the title.
    pub body: String,
    /// URL that a click opens.
    pub navigate: String,
    /// A notification replaces an earlier one with the same tag.
    pub tag: String,
    /// When the message was committed, in milliseconds since 1970. A client that receives the same notification again
    /// recognizes it by this time.
    pub timestamp: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subscription_of_a_browser_is_read() {
        let body = json!({
            "endpoint": "https://fcm.googleapis.com/fcm/send/a", "expirationTime": null,
            "keys": {"p256dh": "BCVx", "auth": "BTBZ"},
        });
        let parsed = PutSubscription::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!((parsed.keys.p256dh.as_str(), parsed.keys.auth.as_str()), ("BCVx", "BTBZ"));
    }

    #[test]
    fn error_names_every_invalid_field() {
        let long = "x".repeat(limits::ENDPOINT_CHARS + 1);
        for (body, expected) in [
            (json!({}), vec!["endpoint", "keys"]),
            (json!({"endpoint": 7, "keys": "a"}), vec!["endpoint", "keys"]),
            (json!({"endpoint": long, "keys": {}}), vec!["endpoint", "keys.p256dh", "keys.auth"]),
            (json!({"endpoint": "a", "keys": {"p256dh": "a", "auth": null}}), vec!["keys.auth"]),
            (json!({"endpoint": "a", "keys": {"p256dh": "x".repeat(101), "auth": "a"}}), vec!["keys.p256dh"]),
        ] {
            let problem = PutSubscription::parse(body.to_string().as_bytes()).unwrap_err();
            let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(fields, expected, "{body}");
        }
    }

    #[test]
    fn message_is_declarative_web_push() {
        let notification = Notification {
            title: "Sarah".into(),
            body: "Dinner?".into(),
            navigate: "https://chat.example/#thread_1".into(),
            tag: "thread_1".into(),
            timestamp: 1_757_034_300_000,
        };
        let expected = json!({
            "web_push": 8030,
            "notification": {
                "title": "Sarah",
                "body": "Dinner?",
                "navigate": "https://chat.example/#thread_1",
                "tag": "thread_1",
                "timestamp": 1_757_034_300_000_i64,
            },
            "app_badge": 2,
        });
        assert_eq!(serde_json::to_value(PushMessage::new(notification, 2)).unwrap(), expected);
    }
}

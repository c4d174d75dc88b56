use std::collections::BTreeSet;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::document::{Document, validate};

/// The document `docs/asyncapi.yaml`, with validators of its frames.
#[derive(Debug)]
pub struct AsyncApi {
    /// The parsed YAML.
    pub document: Document,
    events: Validator,
    actions: Validator,
}

impl AsyncApi {
    /// Returns the document of this checkout. It is read only once per process.
    pub fn get() -> Result<&'static Self, &'static str> {
        static DOCUMENT: OnceLock<Result<AsyncApi, String>> = OnceLock::new();
        DOCUMENT.get_or_init(Self::read).as_ref().map_err(String::as_str)
    }

    fn read() -> Result<Self, String> {
        let document = Document::read("asyncapi.yaml")?;
        let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let events = document.closed_validator(&reference("Event"))?;
        let actions = document.validator(&reference("Action"))?;
        Ok(Self { document, events, actions })
    }

    /// Returns the names of all actions that clients send, such as `subscribe`.
    pub fn actions(&self) -> Result<BTreeSet<String>, String> {
        self.constants("receive", "action")
    }

    /// Returns the names of all events that the server pushes, such as `message:new`. The events that answer an action
    /// are not among them, nor is `error`: without an action, it goes only to a connection that the server closes.
    pub fn pushed_events(&self) -> Result<BTreeSet<String>, String> {
        let mut events = self.constants("send", "event")?;
        events.remove("error");
        Ok(events)
    }

    /// Returns the values of `property` in the messages of all operations with this direction. In an `AsyncAPI` document,
    /// the direction says what the server does.
    fn constants(&self, direction: &str, property: &str) -> Result<BTreeSet<String>, String> {
        let operations = self.document.root["operations"].as_object().into_iter().flatten();
        let operations = operations.filter(|(_, operation)| operation["action"] == direction);
        let messages = operations.flat_map(|(_, operation)| operation["messages"].as_array().into_iter().flatten());
        let constants = messages.map(|message| {
            let message = self.document.resolve(self.document.resolve(message)?)?;
            let schema = self.document.resolve(&message["payload"])?;
            let constant = schema["properties"][property]["const"].as_str();
            constant.map(str::to_owned).ok_or_else(|| format!("a message has no constant {property}: {schema}"))
        });
        constants.collect()
    }

    /// Checks a frame from the server against the schema `Event`. Refuses fields that the schema does not list.
    pub fn check_event(&self, frame: &Value) -> Result<(), String> {
        validate(&self.events, frame).map_err(|errors| format!("{errors}: {frame}"))
    }

    /// Checks a frame from a client against the schema `Action`. Accepts fields that the schema does not list.
    pub fn check_action(&self, frame: &Value) -> Result<(), String> {
        validate(&self.actions, frame).map_err(|errors| format!("{errors}: {frame}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_with_wrong_or_unknown_fields_is_refused() {
        let asyncapi = AsyncApi::get().unwrap();
        let subscribed = json!({ "event": "subscribed", "data": { "channel": "thread:thread_1", "seq": 0 } });
        assert_eq!(asyncapi.check_event(&subscribed), Ok(()));
        for (pointer, value) in [
            ("/event", json!("pong")),
            ("/event", json!("subscribe")),
            ("/data", json!({ "seq": 0 })),
            ("/data/seq", json!("0")),
            ("/data/channel", json!("user:me")),
            ("/data", json!({ "channel": "thread:thread_1", "seq": 0, "more": 1 })),
        ] {
            let mut other = subscribed.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(asyncapi.check_event(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn actions_and_pushed_events_have_their_names() {
        let asyncapi = AsyncApi::get().unwrap();
        assert!(asyncapi.actions().unwrap().contains("subscribe"));
        let events = asyncapi.pushed_events().unwrap();
        assert!(events.contains("message:new") && !events.contains("subscribed"), "{events:?}");
    }

    #[test]
    fn action_may_have_unknown_fields() {
        let asyncapi = AsyncApi::get().unwrap();
        assert_eq!(asyncapi.check_action(&json!({ "action": "ping", "more": 1 })), Ok(()));
        assert!(asyncapi.check_action(&json!({ "action": "dance" })).is_err());
    }
}

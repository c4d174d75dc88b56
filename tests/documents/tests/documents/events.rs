//! Tests that `docs/asyncapi.yaml` has a message for every event and action of `contract`, and no other messages.

use std::collections::{BTreeMap, BTreeSet};

use documents::AsyncApi;
use serde_json::{Map, Value};

use crate::difference::{EntryList, assert_no_errors, assert_same};
use crate::generated::schemas;
use crate::template::text;

/// Returns the names of the schemas of all variants of `contract::Event` and `contract::Action`.
fn variants() -> BTreeSet<String> {
    let schemas = schemas::of_asyncapi();
    let variants =
        ["Event", "Action"].map(|name| schemas[name]["oneOf"].as_array().expect("the schema has no variants").clone());
    variants.iter().flatten().map(reference).collect()
}

/// Returns the last part of a `$ref`: the name of the schema or message that it refers to.
fn reference(value: &Value) -> String {
    let path = text(&value["$ref"]);
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn object<'a>(value: &'a Value, pointer: &str) -> &'a Map<String, Value> {
    value.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("docs/asyncapi.yaml has no {pointer}"))
}

#[test]
fn every_event_and_action_has_a_message() {
    let root = &AsyncApi::get().unwrap().document.root;
    let messages = object(root, "/components/messages");
    assert_same(
        &EntryList {
            file: "Event and Action of shared/contract/src/socket.rs",
            add: "add a variant there, or remove the message from docs/asyncapi.yaml",
            entries: variants(),
        },
        &EntryList {
            file: "docs/asyncapi.yaml",
            add: "add a message with this payload under `components.messages`",
            entries: messages.values().map(|message| reference(&message["payload"])).collect(),
        },
    );
}

#[test]
fn every_message_is_in_the_channel_and_in_an_operation() {
    let root = &AsyncApi::get().unwrap().document.root;
    let messages: BTreeSet<_> = object(root, "/components/messages").keys().cloned().collect();
    assert_same(
        &EntryList {
            file: "`components.messages` of docs/asyncapi.yaml",
            add: "add the message there",
            entries: messages.clone(),
        },
        &EntryList {
            file: "`channels.socket.messages` of docs/asyncapi.yaml",
            add: "add a reference to the message",
            entries: object(root, "/channels/socket/messages").keys().cloned().collect(),
        },
    );
    // Maps the name of each message in `operations` to its direction: `receive` if clients send the message, `send` if
    // the server sends it.
    let mut directions: BTreeMap<String, &str> = BTreeMap::new();
    for operation in object(root, "/operations").values() {
        let own = operation["messages"].as_array().expect("the operation has no messages");
        let direction = operation["action"].as_str().expect("the operation has no action");
        directions.extend(own.iter().map(|message| (reference(message), direction)));
        let replies = operation["reply"]["messages"].as_array().into_iter().flatten();
        directions.extend(replies.map(|message| (reference(message), "send")));
    }
    let mut errors = Vec::new();
    for message in &messages {
        let payload = reference(&root["components"]["messages"][message]["payload"]);
        let expected = if payload.ends_with("Action") { "receive" } else { "send" };
        match directions.get(message) {
            Some(direction) if *direction == expected => {}
            Some(_) => errors.push(format!("{message}: its operation in docs/asyncapi.yaml must be `{expected}`")),
            None => errors.push(format!("{message} has no operation: add one to `operations` of docs/asyncapi.yaml")),
        }
    }
    assert_no_errors(&errors);
}

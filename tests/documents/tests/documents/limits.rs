//! The limits that the documents name are those of `contract::limits`.

use contract::limits;
use documents::{AsyncApi, OpenApi};
use serde_json::{Value, json};

use crate::template;

const NUMBERS: [(&str, u64); 9] = [
    ("BODY_CHARS", limits::BODY_CHARS as u64),
    ("ERRORS", limits::ERRORS as u64),
    ("FILES", limits::FILES as u64),
    ("FILE_BYTES", limits::FILE_BYTES),
    ("FILE_NAME_CHARS", limits::FILE_NAME_CHARS as u64),
    ("FRAME_ID_CHARS", limits::FRAME_ID_CHARS as u64),
    ("MEMBERS", limits::MEMBERS as u64),
    ("TITLE_CHARS", limits::TITLE_CHARS as u64),
    ("USER_ID_BYTES", limits::USER_ID_BYTES as u64),
];

/// Limits of which doc comments speak, but descriptions of the documents by a unit.
const UNITS: [(&str, usize, &str); 3] = [
    ("REQUEST_BYTES", limits::REQUEST_BYTES, "KiB"),
    ("FRAME_BYTES", limits::FRAME_BYTES, "KiB"),
    ("SUBSCRIPTIONS", limits::SUBSCRIPTIONS, ""),
];

/// A doc comment with the limits themselves instead of links to them.
pub(crate) fn in_numbers(text: &str) -> String {
    let mut text = text.to_owned();
    let numbers = NUMBERS.iter().map(|(name, number)| (*name, number.to_string()));
    let units = UNITS.iter().map(|(name, number, unit)| match *unit {
        "KiB" => (*name, format!("{} KiB", number / 1024)),
        _ => (*name, number.to_string()),
    });
    for (name, number) in numbers.chain(units) {
        text = text.replace(&format!("[`limits::{name}`](crate::limits::{name})"), &number);
        text = text.replace(&format!("[`limits::{name}`]"), &number);
    }
    assert!(!text.contains("[`"), "a description with a link that only rustdoc knows: {text}");
    text
}

fn parameter(name: &str) -> Value {
    let openapi = OpenApi::get().unwrap();
    openapi.document.root["components"]["parameters"][name]["schema"].clone()
}

#[test]
fn pages_are_as_long_as_they_may_be() {
    let expected = json!({ "type": "integer", "minimum": 1, "maximum": limits::PAGE, "default": limits::PAGE_DEFAULT });
    assert_eq!(parameter("Limit"), expected);
}

#[test]
fn an_idempotency_key_is_as_long_as_it_may_be() {
    assert_eq!(parameter("IdempotencyKey")["maxLength"], limits::IDEMPOTENCY_KEY_CHARS);
}

#[test]
fn a_file_is_as_large_as_the_template_allows_by_default() {
    let openapi = OpenApi::get().unwrap();
    let size = &openapi.document.root["components"]["schemas"]["CreateFile"]["properties"]["size"];
    assert_eq!(template::read()["Parameters"]["MaxFileBytes"]["Default"], size["maximum"]);
}

#[test]
fn prose_names_the_limits() {
    let openapi = OpenApi::get().unwrap().document.root.to_string();
    let asyncapi = AsyncApi::get().unwrap().document.root["info"]["description"].to_string();
    let too_large = format!("more than {} KiB", limits::REQUEST_BYTES / 1024);
    assert!(openapi.contains(&too_large), "{too_large}");
    for sentence in [
        format!("at most {} KiB", limits::FRAME_BYTES / 1024),
        format!("within {} seconds", limits::TICKET_SECONDS),
        format!("after {}\\nhours", limits::CONNECTION_SECONDS / 60 / 60),
        format!("subscribe to {} channels", limits::SUBSCRIPTIONS),
    ] {
        assert!(asyncapi.contains(&sentence), "{sentence}: {asyncapi}");
    }
}

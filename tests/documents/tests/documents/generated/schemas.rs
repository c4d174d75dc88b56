//! The schemas at the end of both documents are made from the types of `contract`: `make docs` writes them.

use std::env;
use std::fs;

use contract::{
    Action, Answer, CreateFile, CreateThread, ErrorCode, Event, FileDetails, Message, MessagePage, Problem,
    SendMessage, Thread, ThreadDetails, ThreadPage, Upload, WsTicket,
};
use documents::Document;
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::limits::in_numbers;

/// Everything behind this line of a document is written by [`write_or_compare`].
const MARK: &str = "  schemas:";
const NOTICE: &str = "# From here on made from shared/contract by `make docs`; not for editing.";

/// The events that answer a frame, and so carry its `id`.
const ANSWERS: [&str; 4] = ["subscribed", "unsubscribed", "pong", "error"];

/// What API Gateway answers by itself.
#[derive(JsonSchema)]
struct GatewayError {
    /// What is wrong, for a person.
    #[expect(dead_code, reason = "only its schema counts")]
    message: String,
}

#[test]
fn openapi_has_the_schemas_of_the_code() {
    let mut asked = generator(SchemaSettings::for_deserialize);
    asked.subschema_for::<CreateFile>();
    asked.subschema_for::<CreateThread>();
    asked.subschema_for::<SendMessage>();
    let mut answered = generator(SchemaSettings::for_serialize);
    answered.subschema_for::<FileDetails>();
    answered.subschema_for::<GatewayError>();
    answered.subschema_for::<MessagePage>();
    answered.subschema_for::<Problem>();
    answered.subschema_for::<Thread>();
    answered.subschema_for::<ThreadDetails>();
    answered.subschema_for::<ThreadPage>();
    answered.subschema_for::<Upload>();
    answered.subschema_for::<WsTicket>();
    write_or_compare("openapi.yaml", &merged(requests(asked), answers(answered)));
}

#[test]
fn asyncapi_has_the_schemas_of_the_code() {
    let mut received = generator(SchemaSettings::for_deserialize);
    received.subschema_for::<Action>();
    let mut sent = generator(SchemaSettings::for_serialize);
    sent.subschema_for::<Answer>();
    sent.subschema_for::<ErrorCode>();
    sent.subschema_for::<Event>();
    sent.subschema_for::<Message>();
    let mut schemas = merged(requests(received), answers(sent));
    let mut answer = schemas.remove("Answer").expect("Answer has a schema");
    let id = answer["properties"]["id"].take();
    let given =
        json!({ "anyOf": [{ "$ref": id["$ref"] }, { "type": "null" }], "description": "Comes back in the answer." });
    split(&mut schemas, "Action", "action", |_| Some(given.clone()));
    split(&mut schemas, "Event", "event", |event| ANSWERS.contains(&event).then(|| id.clone()));
    write_or_compare("asyncapi.yaml", &schemas);
}

fn generator(contract: fn(SchemaSettings) -> SchemaSettings) -> SchemaGenerator {
    let mut settings = contract(SchemaSettings::draft2020_12());
    settings.definitions_path = "/components/schemas".into();
    settings.into_generator()
}

fn requests(mut generator: SchemaGenerator) -> Map<String, Value> {
    let mut schemas = generator.take_definitions(true);
    schemas.values_mut().for_each(tidy);
    schemas
}

fn answers(generator: SchemaGenerator) -> Map<String, Value> {
    let mut schemas = requests(generator);
    schemas.values_mut().for_each(never_null_where_optional);
    schemas
}

fn merged(mut schemas: Map<String, Value>, more: Map<String, Value>) -> Map<String, Value> {
    for (name, schema) in more {
        if let Some(other) = schemas.insert(name.clone(), schema.clone()) {
            assert_eq!(other, schema, "{name} is not the same in requests and in answers");
        }
    }
    schemas
}

/// Goes through a schema and those within, from the inside out.
fn walk(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Object(keywords) => {
            keywords.values_mut().for_each(|value| walk(value, visit));
            visit(keywords);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

/// Writes descriptions for readers of a document, and enumerations in one piece.
fn tidy(schema: &mut Value) {
    walk(schema, &mut |keywords| {
        if let Some(Value::String(description)) = keywords.get_mut("description") {
            *description = in_numbers(&unwrapped(description));
        }
        let Some(Value::Array(variants)) = keywords.get("oneOf") else { return };
        let named: Option<Vec<_>> = variants.iter().map(|variant| Some((variant.get("const")?, variant))).collect();
        let Some(named) = named else { return };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let meanings =
            named.iter().map(|(name, variant)| format!("- `{}`: {}", text(name), text(&variant["description"])));
        let list = meanings.collect::<Vec<_>>().join("\n");
        let description = format!("{}\n\n{list}", text(&keywords["description"]));
        let values = named.into_iter().map(|(name, _)| name.clone()).collect();
        keywords.insert("enum".to_owned(), Value::Array(values));
        keywords.insert("type".to_owned(), "string".into());
        keywords.insert("description".to_owned(), description.into());
        keywords.remove("oneOf");
    });
}

/// A doc comment without the line breaks that its source has.
fn unwrapped(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// A field that an answer may lack is left out where it would be null, or false.
fn never_null_where_optional(schema: &mut Value) {
    walk(schema, &mut |keywords| {
        let required = keywords.get("required").cloned().unwrap_or_else(|| json!([]));
        let Some(Value::Object(properties)) = keywords.get_mut("properties") else { return };
        for (name, property) in properties {
            if required.as_array().is_some_and(|required| required.contains(&json!(name))) {
                continue;
            }
            if let Some(Value::Array(kinds)) = property.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = &kinds[..] {
                    property["type"] = kind.clone();
                }
            }
            if let Some(Value::Array(branches)) = property.get_mut("anyOf") {
                branches.retain(|branch| branch["type"] != "null");
            }
        }
    });
}

/// Makes of each variant of the enumeration `name` a schema of its own, called after its `tag`, with what `id` gives.
fn split(schemas: &mut Map<String, Value>, name: &str, tag: &str, id: impl Fn(&str) -> Option<Value>) {
    let mut whole = schemas.remove(name).expect("the enumeration has a schema");
    let Value::Array(variants) = whole["oneOf"].take() else { panic!("{name} has no variants: {whole}") };
    let mut references = Vec::new();
    for mut variant in variants {
        let value = variant["properties"][tag]["const"].as_str().expect("a variant has a name").to_owned();
        if let Some(id) = id(&value) {
            variant["properties"]["id"] = id;
        }
        let words = value.split(':').map(|word| word[..1].to_uppercase() + &word[1..]);
        let own = words.collect::<String>() + name;
        references.push(json!({ "$ref": format!("#/components/schemas/{own}") }));
        schemas.insert(own, variant);
    }
    whole["oneOf"] = references.into();
    schemas.insert(name.to_owned(), whole);
}

fn write_or_compare(name: &str, schemas: &Map<String, Value>) {
    let document = Document::read(name).unwrap_or_else(|error| panic!("{error}"));
    let text = fs::read_to_string(&document.path).expect("a document that was just read");
    let (by_hand, _) = text.split_once(MARK).unwrap_or_else(|| panic!("{name} has no {MARK}"));
    let options = serde_saphyr::ser_options! { compact_list_indent: false, folded_wrap_chars: usize::MAX };
    let yaml = serde_saphyr::to_string_with_options(schemas, options).expect("schemas are YAML");
    let indented = yaml.lines().map(|line| if line.is_empty() { String::new() } else { format!("    {line}") });
    let made = indented.collect::<Vec<_>>().join("\n");
    let wanted = format!("{by_hand}{MARK}\n    {NOTICE}\n{made}\n");
    if env::var_os("UPDATE").is_some() {
        fs::write(&document.path, wanted).expect("the document can be written");
    } else {
        assert!(text == wanted, "docs/{name} is not what the code says any more: `make docs` brings it up to date");
    }
}

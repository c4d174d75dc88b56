//! Generates the schemas at the end of both API documents from the types of `contract`.

use contract::{
    Action, Answer, Changes, CreateFile, CreateThread, EditMessage, ErrorCode, Event, FileDetails, MarkRead,
    MarkedRead, Me, Message, MessagePage, PeoplePage, Problem, PushKey, PushSubscription, PutSubscription, React,
    SendMessage, Thread, ThreadDetails, ThreadPage, ThreadSettings, UpdateMe, UpdateSettings, Upload, WsTicket,
};
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::write_or_compare;
use crate::limits::resolve_limits;
use crate::template::{read_text, text};

/// The lines of a document after this one are generated.
const GENERATED_AFTER: &str = "  schemas:";
const NOTICE: &str = "# Generated from shared/contract by `make docs`. Do not edit the lines below.";

/// Events that answer a client's frame and therefore repeat its `id`.
const ANSWERS: [&str; 5] = ["subscribed", "unsubscribed", "accepted", "pong", "error"];

/// An error that API Gateway sends itself.
#[derive(JsonSchema)]
struct GatewayError {
    /// What is wrong, as a text for developers.
    #[expect(dead_code, reason = "used only for its schema")]
    message: String,
}

/// An error from the server (`application/problem+json`) or from API Gateway (`application/json`).
// Both media types have this schema, because generated clients read only the schema of the first media type.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "used only for its schema")]
enum ErrorBody {
    Problem(Problem),
    Gateway(GatewayError),
}

/// Returns the schemas of docs/openapi.yaml by name.
pub(crate) fn of_openapi() -> Map<String, Value> {
    let mut asked = generator(SchemaSettings::for_deserialize);
    asked.subschema_for::<CreateFile>();
    asked.subschema_for::<CreateThread>();
    asked.subschema_for::<EditMessage>();
    asked.subschema_for::<MarkRead>();
    asked.subschema_for::<PutSubscription>();
    asked.subschema_for::<React>();
    asked.subschema_for::<SendMessage>();
    asked.subschema_for::<UpdateMe>();
    asked.subschema_for::<UpdateSettings>();
    let mut answered = generator(SchemaSettings::for_serialize);
    answered.subschema_for::<Changes>();
    answered.subschema_for::<ErrorBody>();
    answered.subschema_for::<FileDetails>();
    answered.subschema_for::<GatewayError>();
    answered.subschema_for::<MarkedRead>();
    answered.subschema_for::<Me>();
    answered.subschema_for::<MessagePage>();
    answered.subschema_for::<PeoplePage>();
    answered.subschema_for::<Problem>();
    answered.subschema_for::<PushKey>();
    answered.subschema_for::<PushSubscription>();
    answered.subschema_for::<Thread>();
    answered.subschema_for::<ThreadDetails>();
    answered.subschema_for::<ThreadPage>();
    answered.subschema_for::<ThreadSettings>();
    answered.subschema_for::<Upload>();
    answered.subschema_for::<WsTicket>();
    merged(requests(asked), responses(answered))
}

/// Returns the schemas of docs/asyncapi.yaml by name. Each variant of `Action` and `Event` has its own schema, such as
/// `PongEvent`.
pub(crate) fn of_asyncapi() -> Map<String, Value> {
    let mut received = generator(SchemaSettings::for_deserialize);
    received.subschema_for::<Action>();
    let mut sent = generator(SchemaSettings::for_serialize);
    sent.subschema_for::<Answer>();
    sent.subschema_for::<ErrorCode>();
    sent.subschema_for::<Event>();
    sent.subschema_for::<Message>();
    let mut schemas = merged(requests(received), responses(sent));
    let mut answer = schemas.remove("Answer").expect("contract::Answer has no schema");
    let id = answer["properties"]["id"].take();
    let given = json!({
        "anyOf": [{ "$ref": id["$ref"] }, { "type": "null" }],
        "description": "The answer to this frame repeats this ID.",
    });
    split(&mut schemas, "Action", "action", |_| Some(given.clone()));
    split(&mut schemas, "Event", "event", |event| ANSWERS.contains(&event).then(|| id.clone()));
    schemas
}

#[test]
fn openapi_document_has_the_schemas_of_contract() {
    check_document("docs/openapi.yaml", &of_openapi());
}

#[test]
fn asyncapi_document_has_the_schemas_of_contract() {
    check_document("docs/asyncapi.yaml", &of_asyncapi());
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

fn responses(generator: SchemaGenerator) -> Map<String, Value> {
    let mut schemas = requests(generator);
    schemas.values_mut().for_each(forbid_null_in_optional_fields);
    schemas
}

fn merged(mut schemas: Map<String, Value>, more: Map<String, Value>) -> Map<String, Value> {
    for (name, schema) in more {
        if let Some(other) = schemas.insert(name.clone(), schema.clone()) {
            assert_eq!(other, schema, "{name} differs between requests and responses");
        }
    }
    schemas
}

/// Calls `visit` with a schema and with all schemas inside it, the inner ones first.
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

/// Replaces rustdoc links in descriptions with the limits' values. Turns a `oneOf` of constants into one `enum` whose
/// description lists the constants and their meanings.
fn tidy(schema: &mut Value) {
    walk(schema, &mut |keywords| {
        if let Some(Value::String(description)) = keywords.get_mut("description") {
            *description = resolve_limits(&unwrapped(description));
        }
        let Some(Value::Array(variants)) = keywords.get("oneOf") else { return };
        let named: Option<Vec<_>> = variants.iter().map(|variant| Some((variant.get("const")?, variant))).collect();
        let Some(named) = named else { return };
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

/// Joins the lines of each paragraph of a doc comment.
fn unwrapped(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// Removes `null` from the types of optional fields: the server omits such a field instead of sending `null`.
fn forbid_null_in_optional_fields(schema: &mut Value) {
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
            let Some(Value::Array(branches)) = property.get_mut("anyOf") else { continue };
            branches.retain(|branch| branch["type"] != "null");
            if let [Value::Object(branch)] = &branches[..] {
                let branch = branch.clone();
                let property = property.as_object_mut().expect("a property's schema is an object");
                property.remove("anyOf");
                property.extend(branch);
            }
        }
    });
}

/// Gives each variant of the enumeration `name` a schema of its own, named after the value of its `tag`. If `id`
/// returns a schema for that value, the variant gets it as the field `id`.
fn split(schemas: &mut Map<String, Value>, name: &str, tag: &str, id: impl Fn(&str) -> Option<Value>) {
    let mut whole = schemas.remove(name).expect("the enumeration has no schema");
    let Value::Array(variants) = whole["oneOf"].take() else { panic!("{name} has no variants: {whole}") };
    let mut references = Vec::new();
    for mut variant in variants {
        let value = variant["properties"][tag]["const"].as_str().expect("the variant has no constant tag").to_owned();
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

fn check_document(path: &str, schemas: &Map<String, Value>) {
    let current = read_text(path);
    let (by_hand, _) =
        current.split_once(GENERATED_AFTER).unwrap_or_else(|| panic!("{path} has no line `{GENERATED_AFTER}`"));
    let options = serde_saphyr::ser_options! { compact_list_indent: false, folded_wrap_chars: usize::MAX };
    let yaml = serde_saphyr::to_string_with_options(schemas, options).expect("cannot serialize the schemas");
    let indented = yaml.lines().map(|line| if line.is_empty() { String::new() } else { format!("    {line}") });
    let generated = indented.collect::<Vec<_>>().join("\n");
    write_or_compare(path, &format!("{by_hand}{GENERATED_AFTER}\n    {NOTICE}\n{generated}\n"));
}

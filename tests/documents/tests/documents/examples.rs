//! Everything has an example, and every example is valid.

use documents::{AsyncApi, Document, OpenApi};
use serde_json::{Value, json};

/// The examples of a request's or an answer's content, of a parameter or of a header.
fn examples(document: &Document, holder: &Value) -> Vec<Value> {
    let named = holder["examples"].as_object().into_iter().flat_map(|examples| examples.values());
    let named = named.map(|example| document.resolve(example).unwrap()["value"].clone());
    holder.get("example").cloned().into_iter().chain(named).collect()
}

#[track_caller]
fn assert_examples(document: &Document, holder: &Value, what: &str) {
    let validator = document.closed_validator(&holder["schema"]).unwrap_or_else(|error| panic!("{what}: {error}"));
    for example in examples(document, holder) {
        let errors: Vec<_> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}: {example}");
    }
}

#[test]
fn every_body_of_the_http_api_has_an_example_that_is_valid() {
    let openapi = OpenApi::get().unwrap();
    let document = &openapi.document;
    for operation in &openapi.operations {
        let shown = format!("{} {}", operation.method, operation.path);
        let answers = operation.value["responses"].as_object().expect("responses");
        let bodies = answers.values().map(|answer| document.resolve(answer).unwrap());
        for body in bodies.chain(operation.value.get("requestBody")) {
            for (kind, content) in body["content"].as_object().into_iter().flatten() {
                assert!(!examples(document, content).is_empty(), "{shown}: {kind} has no example: {content}");
                assert_examples(document, content, &shown);
                for example in examples(document, content) {
                    assert_status(answers, document, body, &example);
                }
            }
            for (name, header) in body["headers"].as_object().into_iter().flatten() {
                assert_examples(document, document.resolve(header).unwrap(), name);
            }
        }
    }
}

/// A problem document has the status of the answer that it is an example of.
fn assert_status(answers: &serde_json::Map<String, Value>, document: &Document, body: &Value, example: &Value) {
    let Some(documented) = example.get("code").and(example.get("status")) else { return };
    let answer = answers.iter().find(|(_, answer)| document.resolve(answer).unwrap() == body);
    let (status, _) = answer.expect("a problem document is an answer");
    assert_eq!(documented.to_string(), *status, "{example}");
}

#[test]
fn examples_of_parameters_are_valid() {
    let document = &OpenApi::get().unwrap().document;
    let parameters = document.root["components"]["parameters"].as_object().expect("parameters");
    for (name, parameter) in parameters {
        assert_examples(document, parameter, name);
    }
}

#[test]
fn every_frame_has_an_example_that_is_valid() {
    let asyncapi = AsyncApi::get().unwrap();
    let root = &asyncapi.document.root;
    let messages = root["components"]["messages"].as_object().expect("messages");
    let mut payloads = Vec::new();
    for (name, message) in messages {
        payloads.push(message["payload"].clone());
        let examples = message["examples"].as_array().unwrap_or_else(|| panic!("{name} has no example"));
        for example in examples {
            let holder = json!({ "schema": message["payload"], "example": example["payload"] });
            assert_examples(&asyncapi.document, &holder, name);
        }
    }
    // No event or action is without a message.
    let frames = ["Action", "Event"].map(|name| root["components"]["schemas"][name]["oneOf"].clone());
    for frame in frames.iter().flat_map(|frames| frames.as_array().expect("a list")) {
        assert!(payloads.contains(frame), "{frame} has no message");
    }
}

#[test]
fn what_the_documents_share_says_the_same() {
    let (http, live) = (OpenApi::get().unwrap(), AsyncApi::get().unwrap());
    let schemas = |document: &Document| document.root["components"]["schemas"].as_object().expect("schemas").clone();
    let (http, live) = (schemas(&http.document), schemas(&live.document));
    let shared: Vec<_> = http.keys().filter(|name| live.contains_key(*name)).collect();
    assert!(shared.iter().any(|name| *name == "Message"));
    for name in shared {
        assert_eq!(http[name], live[name], "{name}");
    }
}

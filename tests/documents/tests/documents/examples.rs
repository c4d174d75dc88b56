//! Tests that every request, response and frame in the API documents has an example, and that every example is valid.

use documents::{AsyncApi, Document, OpenApi};
use serde_json::{Value, json};

/// Returns the examples of a request or response body, of a parameter or of a header.
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
fn every_http_body_has_valid_examples() {
    let openapi = OpenApi::get().unwrap();
    let document = &openapi.document;
    for operation in &openapi.operations {
        let shown = format!("{} {}", operation.method, operation.path);
        let responses = operation.value["responses"].as_object().expect("the operation has no responses");
        let bodies = responses.values().map(|response| document.resolve(response).unwrap());
        for body in bodies.chain(operation.value.get("requestBody")) {
            for (kind, content) in body["content"].as_object().into_iter().flatten() {
                assert!(
                    !examples(document, content).is_empty(),
                    "{shown}: add an example of {kind} to docs/openapi.yaml: {content}"
                );
                assert_examples(document, content, &shown);
                for example in examples(document, content) {
                    assert_status(responses, document, body, &example);
                }
            }
            for (name, header) in body["headers"].as_object().into_iter().flatten() {
                assert_examples(document, document.resolve(header).unwrap(), name);
            }
        }
    }
}

/// Checks that an example of a problem document has the status of the response that it belongs to. Ignores other
/// examples.
fn assert_status(responses: &serde_json::Map<String, Value>, document: &Document, body: &Value, example: &Value) {
    let Some(documented) = example.get("code").and(example.get("status")) else { return };
    let response = responses.iter().find(|(_, response)| document.resolve(response).unwrap() == body);
    let (status, _) = response.expect("the body is not in a response of the operation");
    assert_eq!(documented.to_string(), *status, "{example}");
}

#[test]
fn parameter_examples_are_valid() {
    let document = &OpenApi::get().unwrap().document;
    let parameters =
        document.root["components"]["parameters"].as_object().expect("docs/openapi.yaml has no parameters");
    for (name, parameter) in parameters {
        assert_examples(document, parameter, name);
    }
}

#[test]
fn every_frame_has_valid_examples() {
    let asyncapi = AsyncApi::get().unwrap();
    let root = &asyncapi.document.root;
    let messages = root["components"]["messages"].as_object().expect("docs/asyncapi.yaml has no messages");
    for (name, message) in messages {
        let examples = message["examples"]
            .as_array()
            .unwrap_or_else(|| panic!("the message {name} of docs/asyncapi.yaml has no example"));
        for example in examples {
            let holder = json!({ "schema": message["payload"], "example": example["payload"] });
            assert_examples(&asyncapi.document, &holder, name);
        }
    }
}

#[test]
fn shared_schemas_are_equal_in_both_documents() {
    let (http, live) = (OpenApi::get().unwrap(), AsyncApi::get().unwrap());
    let schemas = |document: &Document| {
        document.root["components"]["schemas"].as_object().expect("the document has no schemas").clone()
    };
    let (http, live) = (schemas(&http.document), schemas(&live.document));
    let shared: Vec<_> = http.keys().filter(|name| live.contains_key(*name)).collect();
    assert!(shared.iter().any(|name| *name == "Message"));
    for name in shared {
        assert_eq!(http[name], live[name], "the schema {name} differs: run `make docs`");
    }
}

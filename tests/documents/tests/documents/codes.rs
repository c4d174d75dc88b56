//! Tests that every error code is documented wherever it can occur, with its HTTP status.

use std::collections::{BTreeMap, BTreeSet};

use contract::ErrorCode;
use documents::{AsyncApi, OpenApi};
use serde_json::Value;

use crate::difference::{EntryList, assert_no_errors, assert_same};
use crate::generated::schemas;
use crate::template::text;

/// Returns all values of `contract::ErrorCode`, such as `thread_not_found`.
fn all() -> BTreeSet<String> {
    schemas::of_openapi()["ErrorCode"]["enum"]
        .as_array()
        .expect("the schema ErrorCode has no enum")
        .iter()
        .map(text)
        .collect()
}

fn status(code: &str) -> Option<u16> {
    serde_json::from_value::<ErrorCode>(code.into()).ok().map(ErrorCode::status)
}

/// Returns the status and content of all responses of the HTTP API, by name. The name of a shared response is its
/// `$ref`, the name of any other response is its operation and status.
fn responses() -> BTreeMap<String, (u16, &'static Value)> {
    let openapi = OpenApi::get().unwrap();
    let mut responses = BTreeMap::new();
    for operation in &openapi.operations {
        for (status, response) in operation.value["responses"].as_object().expect("the operation has no responses") {
            let name = match response["$ref"].as_str() {
                Some(reference) => reference.to_owned(),
                None => format!("{} {} → {status}", operation.method, operation.path),
            };
            let status = status.parse().expect("the key of a response is not a status");
            responses.insert(name, (status, openapi.document.resolve(response).unwrap()));
        }
    }
    responses
}

fn codes(response: &Value) -> BTreeSet<String> {
    response["x-codes"].as_array().into_iter().flatten().map(text).collect()
}

/// Returns the error codes that a text mentions in backticks.
fn mentioned(text: &Value) -> BTreeSet<String> {
    let words = text.as_str().unwrap_or_default().split('`').skip(1).step_by(2).map(str::to_owned).collect();
    all().intersection(&words).cloned().collect()
}

#[test]
fn every_problem_response_lists_its_codes() {
    let mut errors = Vec::new();
    for (name, (documented, response)) in responses() {
        let codes = codes(response);
        let is_problem = response["content"].get("application/problem+json").is_some();
        if is_problem && codes.is_empty() {
            errors.push(format!("{name} of docs/openapi.yaml is a problem document: list its codes in `x-codes`"));
        }
        if !is_problem && !codes.is_empty() {
            errors.push(format!("{name} of docs/openapi.yaml is not a problem document: remove `x-codes`"));
        }
        if codes != mentioned(&response["description"]) {
            errors.push(format!("{name} of docs/openapi.yaml: `x-codes` and the description must name the same codes"));
        }
        for code in codes {
            match status(&code) {
                Some(status) if status == documented => {}
                Some(status) => errors.push(format!(
                    "{name} of docs/openapi.yaml: {code} has the status {status} in shared/contract/src/problem.rs"
                )),
                None => errors.push(format!(
                    "{name} of docs/openapi.yaml: {code} is not an ErrorCode of shared/contract/src/problem.rs"
                )),
            }
        }
        for (media_type, content) in response["content"].as_object().into_iter().flatten() {
            let example = &content["example"]["code"];
            if example.as_str().is_some_and(|code| !mentioned(&response["description"]).contains(code)) {
                errors.push(format!("{name} of docs/openapi.yaml: the example of {media_type} has the code {example}"));
            }
        }
    }
    assert_no_errors(&errors);
}

#[test]
fn every_code_is_documented_where_it_can_occur() {
    let root = &AsyncApi::get().unwrap().document.root;
    let handshake = BTreeSet::from(["origin_not_allowed", "unauthorized"].map(str::to_owned));
    let connecting = mentioned(&root["info"]["description"]);
    assert!(handshake.is_subset(&connecting), "`info.description` of docs/asyncapi.yaml must name {handshake:?}");
    let frames = mentioned(&root["components"]["messages"]["error"]["summary"]);
    let http = responses().into_values().flat_map(|(_, response)| codes(response)).collect();
    assert_same(
        &EntryList {
            file: "ErrorCode of shared/contract/src/problem.rs",
            add: "add it there, or remove it from the document",
            entries: all(),
        },
        &EntryList {
            file: "the API documents",
            add: "add it to `x-codes` of a response in docs/openapi.yaml, or to `summary` of the message `error` in \
                  docs/asyncapi.yaml",
            entries: [http, frames, handshake].into_iter().flatten().collect(),
        },
    );
}

#[test]
fn comment_of_each_code_starts_with_its_status() {
    let schemas = schemas::of_openapi();
    let list = text(&schemas["ErrorCode"]["description"]);
    let mut errors = Vec::new();
    for code in all() {
        let comment = list.split_once(&format!("- `{code}`: ")).map(|(_, comment)| comment);
        let documented = comment.and_then(|comment| comment.split_once(':')).map(|(status, _)| status);
        let expected = status(&code).expect("the code is not an ErrorCode").to_string();
        if documented != Some("Socket") && documented != Some(expected.as_str()) {
            errors.push(format!(
                "the comment of {code} in shared/contract/src/problem.rs must start with `{expected}:` or `Socket:`"
            ));
        }
    }
    assert_no_errors(&errors);
}

//! Every error code is documented where it can come, with the status that it has.

use std::collections::BTreeSet;

use contract::ErrorCode;
use documents::{AsyncApi, OpenApi};
use serde_json::Value;

fn all() -> BTreeSet<String> {
    let codes = &OpenApi::get().unwrap().document.root["components"]["schemas"]["ErrorCode"]["enum"];
    codes.as_array().expect("a list").iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

fn status(code: &str) -> u16 {
    let code: ErrorCode = serde_json::from_value(code.into()).unwrap_or_else(|error| panic!("{code}: {error}"));
    code.status()
}

/// The codes that the schema of an answer allows, and its status.
fn allowed(status: &str, answer: &Value) -> Vec<(u16, String)> {
    let Some(problem) = answer["content"].get("application/problem+json") else { return Vec::new() };
    let code = &problem["schema"]["allOf"][1]["properties"]["code"];
    let codes = code["enum"].as_array().cloned().unwrap_or_else(|| vec![code["const"].clone()]);
    let status = status.parse().expect("a status");
    codes.iter().map(|code| (status, code.as_str().expect("a code").to_owned())).collect()
}

fn of_http() -> BTreeSet<(u16, String)> {
    let openapi = OpenApi::get().unwrap();
    let answers = openapi.operations.iter().flat_map(|operation| {
        let answers = operation.value["responses"].as_object().expect("responses");
        answers.iter().map(|(status, answer)| (status, openapi.document.resolve(answer).unwrap()))
    });
    answers.flat_map(|(status, answer)| allowed(status, answer)).collect()
}

/// The codes among the words that a text sets in backticks.
fn mentioned(text: &Value) -> BTreeSet<String> {
    let text = text.as_str().expect("a text");
    let words = text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    all().intersection(&words).cloned().collect()
}

#[test]
fn every_code_comes_with_its_status() {
    let codes = of_http();
    assert!(!codes.is_empty());
    for (documented, code) in codes {
        assert_eq!(documented, status(&code), "{code}");
    }
}

#[test]
fn every_code_is_documented_where_it_can_come() {
    let root = &AsyncApi::get().unwrap().document.root;
    let handshake = BTreeSet::from(["origin_not_allowed", "unauthorized"].map(str::to_owned));
    assert!(handshake.is_subset(&mentioned(&root["info"]["description"])));
    let frames = mentioned(&root["components"]["messages"]["error"]["summary"]);
    let http = of_http().into_iter().map(|(_, code)| code).collect();
    let everywhere: BTreeSet<_> = [http, frames, handshake].into_iter().flatten().collect();
    assert_eq!(everywhere, all());
}

#[test]
fn the_comment_of_a_code_names_its_status() {
    let list = &OpenApi::get().unwrap().document.root["components"]["schemas"]["ErrorCode"]["description"];
    for code in all() {
        let list = list.as_str().expect("a description");
        let (_, comment) = list.split_once(&format!("- `{code}`: ")).unwrap_or_else(|| panic!("{code} has no comment"));
        let (documented, _) = comment.split_once(':').expect("a status or `Socket`");
        assert!(documented == "Socket" || documented == status(&code).to_string(), "{code}: {documented}");
    }
}

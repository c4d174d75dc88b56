//! Reads `template.yaml`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// An HTTP route of the template.
pub(crate) struct Route {
    /// The HTTP method in capitals.
    pub(crate) method: String,
    /// The path as API Gateway knows it, such as `/thumbs/{name}`.
    pub(crate) path: String,
    /// The function that serves the route, such as `threads-list`.
    pub(crate) function: String,
    /// Whether API Gateway requires a token.
    pub(crate) needs_token: bool,
}

impl Route {
    /// Returns method and path as the API documents show them.
    ///
    /// The path of a thumbnail differs from the template: an API Gateway path cannot have a parameter that is only a
    /// part of a segment, so files-serve itself parses the segment.
    pub(crate) fn documented(&self) -> String {
        format!("{} {}", self.method, self.path.replace("/thumbs/{name}", "/thumbs/{fileId}.jpg"))
    }
}

/// Path of a file or folder of this checkout.
pub(crate) fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Reads a file of this checkout.
pub(crate) fn read_text(path: &str) -> String {
    fs::read_to_string(checkout(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads the template. Intrinsic functions such as `!Sub` are replaced by their arguments.
pub(crate) fn read() -> Value {
    serde_saphyr::from_str(&read_text("template.yaml")).unwrap_or_else(|error| panic!("template.yaml: {error}"))
}

/// Returns the resources of a type.
pub(crate) fn resources(kind: &str) -> Vec<Value> {
    let template = read();
    let resources = template["Resources"].as_object().expect("a template has resources");
    resources.values().filter(|resource| resource["Type"] == kind).cloned().collect()
}

/// Returns the name of a function's binary, which is also the name of its package and folder.
fn function_name(function: &Value) -> String {
    text(&function["Metadata"]["BuildProperties"]["Binary"])
}

/// Returns the names of all functions.
pub(crate) fn functions() -> Vec<String> {
    resources("AWS::Serverless::Function").iter().map(function_name).collect()
}

/// Returns all routes of the HTTP API.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for function in resources("AWS::Serverless::Function") {
        for event in function["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values()) {
            if event["Type"] == "HttpApi" {
                let properties = &event["Properties"];
                routes.push(Route {
                    method: text(&properties["Method"]),
                    path: text(&properties["Path"]),
                    function: function_name(&function),
                    needs_token: properties["Auth"]["Authorizer"] != "NONE",
                });
            }
        }
    }
    assert!(!routes.is_empty(), "template.yaml has no HttpApi events, or this module does not find them");
    routes
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

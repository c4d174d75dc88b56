//! Reads `template.yaml`, the list of functions and routes, for all tests and the benchmark. A template that cannot be
//! read panics, so it fails the test.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a broken template fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// An HTTP route of `template.yaml`.
#[derive(Debug)]
pub struct Route {
    /// The HTTP method in capitals.
    pub method: String,
    /// The path as API Gateway knows it, such as `/thumbs/{name}`.
    pub path: String,
    /// The function that serves the route, such as `threads-list`.
    pub function: String,
    /// Whether API Gateway requires a bearer token on the route.
    pub needs_token: bool,
}

impl Route {
    /// Returns the route's method and path as the API documents show them.
    ///
    /// The path of a thumbnail differs from the template: an API Gateway path cannot have a parameter that is only a
    /// part of a segment, so files-serve itself parses the segment.
    #[must_use]
    pub fn documented(&self) -> String {
        format!("{} {}", self.method, self.path.replace("/thumbs/{name}", "/thumbs/{fileId}.jpg"))
    }
}

/// A route of the WebSocket API of `template.yaml`.
#[derive(Debug)]
pub struct SocketRoute {
    /// The route key, such as `$connect`.
    pub key: String,
    /// The function that serves the route, such as `ws-connect`.
    pub function: String,
}

/// What a function may do with a table: a statement of its policy in `template.yaml`.
#[derive(Debug)]
pub struct TableStatement {
    /// The function, such as `ws-ticket`.
    pub function: String,
    /// Logical ID of the table, such as `ChatTable`.
    pub table: String,
    /// The allowed operations of `DynamoDB`, such as `PutItem`.
    pub actions: Vec<String>,
    /// Patterns of the partition keys that the operations may name, such as `FILE#*`. `None` if all are allowed.
    pub partitions: Option<Vec<String>>,
}

impl TableStatement {
    /// Returns whether the statement allows an operation on a partition key. Of IAM's wildcards it knows only a `*` at
    /// the end of a pattern.
    #[must_use]
    pub fn allows(&self, table: &str, action: &str, partition: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => partition.starts_with(start),
            None => partition == pattern,
        };
        self.table == table
            && self.actions.iter().any(|allowed| allowed == action)
            && self.partitions.as_ref().is_none_or(|patterns| patterns.iter().any(fits))
    }
}

/// Returns the absolute path of a file or folder. `path` is relative to the root of this checkout.
#[must_use]
pub fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Reads a text file. `path` is relative to the root of this checkout.
#[must_use]
pub fn read_text(path: &str) -> String {
    fs::read_to_string(checkout(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// Reads `template.yaml`. Intrinsic functions such as `!Sub` are replaced by their arguments.
#[must_use]
pub fn read() -> Value {
    serde_saphyr::from_str(&read_text("template.yaml"))
        .unwrap_or_else(|error| panic!("cannot parse template.yaml: {error}"))
}

/// Returns the resources of a type, such as `AWS::Serverless::Function`.
#[must_use]
pub fn resources(kind: &str) -> Vec<Value> {
    resources_of(&read(), kind).map(|(_, resource)| resource.clone()).collect()
}

/// Returns the resources of a type in a template, with their logical IDs.
pub fn resources_of<'a>(template: &'a Value, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let resources = template["Resources"].as_object().expect("template.yaml has no resources");
    resources.iter().filter(move |(_, resource)| resource["Type"] == kind)
}

/// Returns the name of a function's binary, which is also the name of its package and folder.
#[must_use]
pub fn function_name(function: &Value) -> String {
    text(&function["Metadata"]["BuildProperties"]["Binary"])
}

/// Returns the names of all functions of `template.yaml`.
#[must_use]
pub fn functions() -> Vec<String> {
    resources("AWS::Serverless::Function").iter().map(function_name).collect()
}

/// Returns all routes of the HTTP API in `template.yaml`.
#[must_use]
pub fn routes() -> Vec<Route> {
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

/// Returns all routes of the WebSocket API in `template.yaml`.
#[must_use]
pub fn socket_routes() -> Vec<SocketRoute> {
    let template = read();
    let resources = &template["Resources"];
    let routes = resources_of(&template, "AWS::ApiGatewayV2::Route");
    let routes: Vec<_> = routes
        .map(|(_, route)| {
            let integration = between(&route["Properties"]["Target"], "integrations/${", "}");
            let uri = &resources[integration]["Properties"]["IntegrationUri"];
            let function = &resources[between(uri, "functions/${", ".Arn}")];
            SocketRoute { key: text(&route["Properties"]["RouteKey"]), function: function_name(function) }
        })
        .collect();
    assert!(!routes.is_empty(), "template.yaml has no routes of a WebSocket API, or this module does not find them");
    routes
}

/// Returns what all functions of `template.yaml` may do with the tables.
#[must_use]
pub fn table_statements() -> Vec<TableStatement> {
    let mut found = Vec::new();
    for function in resources("AWS::Serverless::Function") {
        let policies = function["Properties"]["Policies"].as_array().into_iter().flatten();
        for statement in policies.flat_map(|policy| policy["Statement"].as_array().into_iter().flatten()) {
            let actions = statement["Action"].as_array().expect("the actions of a statement are not a list");
            let actions: Vec<_> = actions
                .iter()
                .filter_map(|action| action.as_str()?.strip_prefix("dynamodb:"))
                .map(str::to_owned)
                .collect();
            if !actions.is_empty() {
                let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
                found.push(TableStatement {
                    function: function_name(&function),
                    table: text(&statement["Resource"]).trim_end_matches(".Arn").to_owned(),
                    actions,
                    partitions: keys.as_array().map(|keys| keys.iter().map(text).collect()),
                });
            }
        }
    }
    assert!(!found.is_empty(), "template.yaml has no statements about tables, or this module does not find them");
    found
}

/// Returns the part of a text between `start` and `end`. Panics if the text does not contain `start`, and `end` after
/// it.
fn between<'a>(value: &'a Value, start: &str, end: &str) -> &'a str {
    let part = value.as_str().and_then(|text| text.split_once(start)?.1.split_once(end));
    part.unwrap_or_else(|| panic!("{value} does not contain {start}…{end}")).0
}

/// Returns the value as text. Panics if it is not a string.
#[must_use]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("the value is not a string: {value}")).to_owned()
}

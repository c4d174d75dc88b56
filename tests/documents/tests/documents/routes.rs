//! Tests that the API documents have exactly the routes of `template.yaml` and require a token on the same routes, and
//! that the template's CORS configuration allows their methods and exposes their response headers.

use std::collections::BTreeSet;

use documents::{AsyncApi, OpenApi, Operation};
use serde_json::{Value, json};

use crate::difference::{EntryList, assert_no_errors, assert_same};
use crate::template::{self, text};

fn name(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

fn needs_token(operation: &Operation) -> bool {
    operation.value["security"] != json!([])
}

/// Returns the CORS configuration of the HTTP API in `template.yaml`.
fn cors() -> Value {
    let apis = template::resources("AWS::Serverless::HttpApi");
    let [api] = &apis[..] else { panic!("the number of HTTP APIs in template.yaml is {}, not 1", apis.len()) };
    // The value is `!If [HasOrigins, configuration, none]`. `template::read` returns only the list, so index 1 is the
    // configuration.
    api["Properties"]["CorsConfiguration"][1].clone()
}

#[test]
fn openapi_has_every_route_of_the_template() {
    let operations = &OpenApi::get().unwrap().operations;
    assert_same(
        &EntryList {
            file: "template.yaml",
            add: "add it to the `Events` of its function, or remove it from docs/openapi.yaml",
            entries: template::routes().iter().map(template::Route::documented).collect(),
        },
        &EntryList {
            file: "docs/openapi.yaml",
            add: "add it under `paths`",
            entries: operations.iter().map(name).collect(),
        },
    );
}

#[test]
fn openapi_says_which_routes_need_a_token() {
    let openapi = OpenApi::get().unwrap();
    assert_eq!(openapi.document.root["security"], json!([{ "token": [] }]), "`security` of docs/openapi.yaml");
    let mut errors = Vec::new();
    for operation in &openapi.operations {
        let shown = name(operation);
        let Some(route) = template::routes().into_iter().find(|route| route.documented() == shown) else { continue };
        match (route.needs_token, needs_token(operation)) {
            (true, false) => errors.push(format!("{shown} needs a token: remove `security: []` in docs/openapi.yaml")),
            (false, true) => errors.push(format!("{shown} needs no token: add `security: []` in docs/openapi.yaml")),
            _ => {}
        }
        match (route.needs_token, operation.value["responses"].get("401").is_some()) {
            (true, false) => errors.push(format!("{shown} needs a token: add the response 401 in docs/openapi.yaml")),
            (false, true) => errors.push(format!("{shown} needs no token: remove its 401 in docs/openapi.yaml")),
            _ => {}
        }
    }
    assert_no_errors(&errors);
}

#[test]
fn cors_allows_every_method() {
    let allowed =
        cors()["AllowMethods"].as_array().expect("the HTTP API has no AllowMethods").iter().map(text).collect();
    assert_same(
        &EntryList {
            file: "the routes of template.yaml",
            add: "no route uses it, remove it from AllowMethods",
            entries: template::routes().into_iter().map(|route| route.method).collect(),
        },
        &EntryList {
            file: "AllowMethods of the HTTP API in template.yaml",
            add: "add it, so that browsers may send it",
            entries: allowed,
        },
    );
}

#[test]
fn cors_exposes_every_documented_header() {
    let exposed = cors()["ExposeHeaders"].as_array().expect("the HTTP API has no ExposeHeaders").clone();
    let document = &OpenApi::get().unwrap().document;
    let description = text(&document.root["info"]["description"]).to_lowercase();
    let mut errors = Vec::new();
    for header in exposed.iter().map(text) {
        if !description.contains(&format!("`{header}`")) {
            errors.push(format!("{header} is exposed: add it to `info.description` of docs/openapi.yaml"));
        }
    }
    let shared =
        document.root["components"]["responses"].as_object().expect("docs/openapi.yaml has no shared responses");
    let operations = OpenApi::get().unwrap().operations.iter().flat_map(|operation| {
        operation.value["responses"].as_object().expect("the operation has no responses").values()
    });
    for response in operations.chain(shared.values()).filter_map(|response| response["headers"].as_object()) {
        for header in response.keys().map(|header| header.to_lowercase()) {
            // Web pages can read `Cache-Control` even if it is not exposed:
            // https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
            if header != "cache-control" && !exposed.contains(&json!(header)) {
                errors.push(format!("{header} is in docs/openapi.yaml: add it to ExposeHeaders in template.yaml"));
            }
        }
    }
    assert_no_errors(&errors);
}

#[test]
fn operation_ids_are_unique_and_links_refer_to_them() {
    let openapi = OpenApi::get().unwrap();
    let ids: BTreeSet<_> = openapi.operations.iter().map(|operation| text(&operation.value["operationId"])).collect();
    assert_eq!(ids.len(), openapi.operations.len(), "two operations of docs/openapi.yaml have the same operationId");
    let mut links = 0;
    for operation in &openapi.operations {
        for response in operation.value["responses"].as_object().expect("the operation has no responses").values() {
            let response = openapi.document.resolve(response).unwrap();
            for link in response["links"].as_object().into_iter().flat_map(|links| links.values()) {
                let link = openapi.document.resolve(link).unwrap();
                assert!(ids.contains(link["operationId"].as_str().expect("the link has no operationId")), "{link}");
                links += 1;
            }
        }
    }
    assert!(links > 0, "docs/openapi.yaml has no links, or this test does not find them");
}

#[test]
fn asyncapi_has_the_path_and_actions_of_the_websocket_api() {
    let template = template::read();
    let apis: Vec<_> = template::resources_of(&template, "AWS::ApiGatewayV2::Api").collect();
    let [(_, api)] = &apis[..] else {
        panic!("the number of WebSocket APIs in template.yaml is {}, not 1", apis.len())
    };
    let stages: Vec<_> = template::resources_of(&template, "AWS::ApiGatewayV2::Stage").collect();
    let [(_, stage)] = &stages[..] else { panic!("the number of stages in template.yaml is {}, not 1", stages.len()) };
    let root = &AsyncApi::get().unwrap().document.root;
    assert_eq!(root["servers"]["aws"]["pathname"], format!("/{}", text(&stage["Properties"]["StageName"])));
    // API Gateway selects the route by the frame's `action`. No action has a route of its own, so all go to $default.
    assert_eq!(api["Properties"]["RouteSelectionExpression"], "$request.body.action");
    let routes: BTreeSet<_> = template::socket_routes().into_iter().map(|route| route.key).collect();
    assert_eq!(routes, BTreeSet::from(["$connect", "$default", "$disconnect"].map(str::to_owned)));
    for action in
        root["components"]["schemas"]["Action"]["oneOf"].as_array().expect("the schema Action has no variants")
    {
        let schema = AsyncApi::get().unwrap().document.resolve(action).unwrap();
        assert!(schema["properties"]["action"]["const"].is_string(), "{schema}");
    }
}

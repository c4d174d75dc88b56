//! Every route is documented, and nothing else.

use std::collections::BTreeSet;

use documents::{AsyncApi, OpenApi};
use serde_json::{Value, json};

use crate::template;

/// Method, path, and whether it takes a token.
type Route = (String, String, bool);

fn deployed() -> BTreeSet<Route> {
    let functions = template::resources("AWS::Serverless::Function");
    let events = functions.iter().filter_map(|function| function["Properties"]["Events"].as_object());
    let routes = events.flat_map(|events| events.values()).filter(|event| event["Type"] == "HttpApi");
    let routes = routes.map(|event| &event["Properties"]);
    routes.map(|route| (text(&route["Method"]), text(&route["Path"]), route["Auth"]["Authorizer"] != "NONE")).collect()
}

fn documented() -> BTreeSet<Route> {
    let openapi = OpenApi::get().unwrap();
    assert_eq!(openapi.document.root["security"], json!([{ "token": [] }]));
    let route = |operation: &documents::Operation| {
        // API Gateway has no parameter within a segment of a path; files-serve takes the segment apart.
        let path = operation.path.replace("{fileId}.jpg", "{name}");
        (operation.method.clone(), path, operation.value["security"] != json!([]))
    };
    openapi.operations.iter().map(route).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

#[test]
fn every_route_is_documented_and_nothing_else() {
    assert_eq!(documented(), deployed());
    assert_eq!(deployed().len(), 10);
}

#[test]
fn who_needs_a_token_is_told_so() {
    for operation in &OpenApi::get().unwrap().operations {
        let needs = operation.value["security"] != json!([]);
        assert_eq!(operation.value["responses"].get("401").is_some(), needs, "{} {}", operation.method, operation.path);
    }
}

#[test]
fn pages_of_other_origins_see_every_header_that_is_documented_for_them() {
    let apis = template::resources("AWS::Serverless::HttpApi");
    let [api] = &apis[..] else { panic!("one HTTP API: {apis:?}") };
    let exposed = api["Properties"]["CorsConfiguration"][1]["ExposeHeaders"].as_array().expect("headers").clone();
    let document = &OpenApi::get().unwrap().document;
    let description = text(&document.root["info"]["description"]).to_lowercase();
    for header in &exposed {
        assert!(description.contains(&format!("`{}`", text(header))), "{header} is not documented");
    }
    let answers = document.root["components"]["responses"].as_object().expect("responses");
    let operations = OpenApi::get()
        .unwrap()
        .operations
        .iter()
        .flat_map(|operation| operation.value["responses"].as_object().expect("responses").values());
    for answer in operations.chain(answers.values()).filter_map(|answer| answer["headers"].as_object()) {
        for header in answer.keys().map(|header| header.to_lowercase()) {
            // Any page sees `Cache-Control`: https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
            assert!(header == "cache-control" || exposed.contains(&json!(header)), "{header} is not exposed");
        }
    }
}

#[test]
fn operations_have_names_of_their_own_and_links_that_lead_to_them() {
    let openapi = OpenApi::get().unwrap();
    let names: BTreeSet<_> = openapi.operations.iter().map(|operation| text(&operation.value["operationId"])).collect();
    assert_eq!(names.len(), openapi.operations.len());
    let mut links = 0;
    for operation in &openapi.operations {
        for answer in operation.value["responses"].as_object().expect("responses").values() {
            let answer = openapi.document.resolve(answer).unwrap();
            for link in answer["links"].as_object().into_iter().flat_map(|links| links.values()) {
                let link = openapi.document.resolve(link).unwrap();
                assert!(names.contains(link["operationId"].as_str().expect("a name")), "{link}");
                links += 1;
            }
        }
    }
    assert!(links > 0);
}

#[test]
fn the_socket_is_where_the_template_puts_it() {
    let apis = template::resources("AWS::Serverless::WebSocketApi");
    let [api] = &apis[..] else { panic!("one WebSocket API: {apis:?}") };
    let root = &AsyncApi::get().unwrap().document.root;
    assert_eq!(root["servers"]["aws"]["pathname"], format!("/{}", text(&api["Properties"]["StageName"])));
    // Frames are told apart by one field, of which no route takes any value for its own.
    assert_eq!(api["Properties"]["RouteSelectionExpression"], "$request.body.action");
    let routes: Vec<_> = api["Properties"]["Routes"].as_object().expect("routes").keys().map(String::as_str).collect();
    assert_eq!(routes, ["$connect", "$default", "$disconnect"]);
    for action in root["components"]["schemas"]["Action"]["oneOf"].as_array().expect("actions") {
        let schema = AsyncApi::get().unwrap().document.resolve(action).unwrap();
        assert!(schema["properties"]["action"]["const"].is_string(), "{schema}");
    }
}

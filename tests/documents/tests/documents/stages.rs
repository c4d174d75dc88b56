//! Tests that the stages of both APIs in `template.yaml` serve and throttle the routes that the template has, and that
//! the WebSocket API has a new deployment after each change of its routes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::difference::assert_no_errors;
use crate::template::{self, resources_of, text};

/// The types of the resources that a deployment of the WebSocket API contains.
const DEPLOYED: [&str; 4] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::RouteResponse",
];

/// The start of the logical ID of the deployment. A hash of the resources in the deployment follows.
const DEPLOYMENT: &str = "WebSocketApiDeployment";

/// Returns the deployment that the stage of the WebSocket API serves: its logical ID and the resource.
fn deployment(template: &Value) -> (String, &Value) {
    let stages: Vec<_> = resources_of(template, "AWS::ApiGatewayV2::Stage").collect();
    let [(_, stage)] = &stages[..] else { panic!("the number of stages in template.yaml is {}, not 1", stages.len()) };
    let name = text(&stage["Properties"]["DeploymentId"]);
    (name.clone(), &template["Resources"][&name])
}

/// Returns the logical ID that the deployment of a template must have.
fn expected_name(template: &Value) -> String {
    let mut values = BTreeMap::new();
    for kind in DEPLOYED {
        for (name, resource) in resources_of(template, kind) {
            add_values(&format!("{name} {kind}"), &resource["Properties"], &mut values);
        }
    }
    // FNV-1a with 32 bits. It is enough to notice a change, and needs no dependency.
    let hash = values
        .iter()
        .flat_map(|(path, value)| format!("{path}={value}\n").into_bytes())
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{DEPLOYMENT}{hash:08x}")
}

/// Adds all values inside `value` by their path, so that the order of the properties does not matter.
fn add_values(path: &str, value: &Value, values: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(properties) => {
            properties.iter().for_each(|(name, value)| add_values(&format!("{path}/{name}"), value, values));
        }
        value => _ = values.insert(path.to_owned(), value.to_string()),
    }
}

#[test]
fn deployment_has_the_name_of_its_routes() {
    let template = template::read();
    let ((name, _), expected) = (deployment(&template), expected_name(&template));
    assert_eq!(
        name, expected,
        "the routes, integrations or route responses of the WebSocket API have changed, and API Gateway serves them only \
         with a new deployment: in template.yaml, rename {name} to {expected}, in both places"
    );
}

#[test]
fn every_change_of_a_route_changes_the_name_of_the_deployment() {
    let template = template::read();
    let cases: [(&str, &str, Value); 5] = [
        ("WebSocketApi", "RouteSelectionExpression", "$request.body.event".into()),
        ("WebSocketApiConnectRoute", "AuthorizationType", "AWS_IAM".into()),
        ("WebSocketApiDefaultRoute", "RouteResponseSelectionExpression", Value::Null),
        ("WebSocketApiDefaultIntegration", "IntegrationUri", "arn:other".into()),
        ("WsAnswer", "RouteResponseKey", "other".into()),
    ];
    for (resource, property, value) in cases {
        let mut other = template.clone();
        let current = &mut other["Resources"][resource]["Properties"][property];
        assert!(!current.is_null(), "{resource} has no {property}");
        *current = value;
        assert_ne!(expected_name(&other), expected_name(&template), "{resource} {property}");
    }
    let mut without = template.clone();
    without["Resources"].as_object_mut().unwrap().remove("WsAnswer").expect("template.yaml has no WsAnswer");
    assert_ne!(expected_name(&without), expected_name(&template));
}

#[test]
fn deployment_is_created_after_everything_that_it_contains() {
    let template = template::read();
    let (name, deployment) = deployment(&template);
    assert_eq!(deployment["Type"], "AWS::ApiGatewayV2::Deployment", "the stage's deployment, {name}");
    let waits = deployment["DependsOn"].as_array().expect("the deployment depends on nothing");
    let mut errors = Vec::new();
    // Integrations need no entry in `DependsOn`: a route refers to its integration, so CloudFormation creates the
    // integration before the route.
    for kind in ["AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::RouteResponse"] {
        for (resource, _) in resources_of(&template, kind) {
            if !waits.iter().any(|wait| wait == resource) {
                errors.push(format!("add {resource} to DependsOn of {name} in template.yaml"));
            }
        }
    }
    assert_no_errors(&errors);
}

#[test]
fn every_route_may_invoke_its_function() {
    let template = template::read();
    let sources: Vec<_> = resources_of(&template, "AWS::Lambda::Permission")
        .map(|(_, permission)| {
            let function = text(&permission["Properties"]["FunctionName"]);
            let function = &template["Resources"][function.trim_end_matches(".Arn")];
            (template::function_name(function), text(&permission["Properties"]["SourceArn"]))
        })
        .collect();
    let mut errors = Vec::new();
    for route in template::socket_routes() {
        let end = format!(":${{WebSocketApi}}/live/{}", route.key);
        if !sources.iter().any(|(function, source)| *function == route.function && source.ends_with(&end)) {
            errors.push(format!("{} has no AWS::Lambda::Permission for {}: add it", route.key, route.function));
        }
    }
    assert_no_errors(&errors);
}

/// `CloudFormation` refuses settings of a route that does not exist, but only during the deployment. It passes a `!Ref`
/// to a number in these settings as a string, because the type of the settings is unspecified JSON.
#[test]
fn stages_throttle_routes_that_exist_with_numbers() {
    let template = template::read();
    let http: Vec<_> = template::routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let sockets: Vec<_> = template::socket_routes().into_iter().map(|route| route.key).collect();
    let mut errors = Vec::new();
    for (kind, routes) in [("AWS::Serverless::HttpApi", http), ("AWS::ApiGatewayV2::Stage", sockets)] {
        let (name, resource) = resources_of(&template, kind).next().unwrap_or_else(|| panic!("there is no {kind}"));
        let settings = resource["Properties"]["RouteSettings"].as_object();
        for (route, values) in settings.unwrap_or_else(|| panic!("{name} has no RouteSettings")) {
            if !routes.contains(route) {
                errors.push(format!("RouteSettings of {name} has {route}, which is not a route: rename or remove it"));
            }
            let throttles = ["ThrottlingRateLimit", "ThrottlingBurstLimit"];
            if !throttles.iter().all(|throttle| values[throttle].is_u64()) {
                errors.push(format!("RouteSettings of {name} must have numbers for {route}: {throttles:?}"));
            }
        }
    }
    assert_no_errors(&errors);
}

/// A gallery requests many thumbnails at once. API Gateway refuses requests above the burst, and an `<img>` does not
/// try again, so its picture would be missing.
#[test]
fn routes_without_a_token_have_a_burst_of_at_least_500() {
    let template = template::read();
    let (_, api) = resources_of(&template, "AWS::Serverless::HttpApi").next().expect("there is no HTTP API");
    let public = template::routes().into_iter().filter(|route| !route.needs_token);
    for route in public.map(|route| format!("{} {}", route.method, route.path)) {
        let burst = &api["Properties"]["RouteSettings"][&route]["ThrottlingBurstLimit"];
        assert!(burst.as_u64().is_some_and(|burst| burst >= 500), "{route} has a burst of {burst}");
    }
}

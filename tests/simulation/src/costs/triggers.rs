//! Reads the triggers of all functions from `template.yaml`. Each trigger needs a line in `docs/costs.md`.

use documents::template::{self, function_name};
use serde_json::{Value, json};

/// A route or event source that invokes a function.
pub(super) struct Trigger {
    /// Name of the function, such as `threads-create`.
    pub(super) function: String,
    /// Name of the trigger: `POST /api/threads` for an HTTP route, `$connect` for a WebSocket route, `Invoke` and the
    /// function's resource for an invocation by another function, and otherwise the type and name of the function's
    /// event in the template, such as `SQS Reminders`.
    pub(super) name: String,
}

/// Reads the triggers of all functions from template.yaml.
pub(super) fn read() -> Vec<Trigger> {
    let routes = template::socket_routes().into_iter();
    let mut triggers: Vec<_> = routes.map(|route| Trigger { function: route.function, name: route.key }).collect();
    let template = template::read();
    for function in template::resources("AWS::Serverless::Function") {
        for invoked in invoked(&function["Properties"]) {
            let name = format!("Invoke {invoked}");
            triggers.push(Trigger { function: function_name(&template["Resources"][invoked]), name });
        }
        for (event, definition) in function["Properties"]["Events"].as_object().into_iter().flatten() {
            triggers.push(Trigger { function: function_name(&function), name: event_name(event, definition) });
        }
    }
    triggers
}

fn event_name(event: &str, definition: &Value) -> String {
    let kind = definition["Type"].as_str().unwrap_or_default();
    let text = |name: &str| definition["Properties"][name].as_str().unwrap_or_default();
    match kind {
        "HttpApi" => format!("{} {}", text("Method"), text("Path")),
        _ => format!("{kind} {event}"),
    }
}

/// Returns the resources of the functions that a function with these properties may invoke.
fn invoked(properties: &Value) -> impl Iterator<Item = &str> {
    let policies = properties["Policies"].as_array().into_iter().flatten();
    let statements = policies.flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
    statements
        .filter(|statement| statement["Action"] == json!(["lambda:InvokeFunction"]))
        .filter_map(|statement| statement["Resource"].as_str()?.strip_suffix(".Arn"))
}

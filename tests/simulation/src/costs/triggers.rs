//! Reads the triggers of all functions from `template.yaml`. Each trigger needs a line in `docs/costs.md`.

use std::path::Path;

use serde_json::Value;

/// A route or event source that invokes a function.
pub(super) struct Trigger {
    /// Name of the function, such as `threads-create`.
    pub(super) function: String,
    /// Name of the trigger: `POST /api/threads` for an HTTP route, `$connect` for a WebSocket route, and otherwise the
    /// type and name of the function's event in the template, such as `SQS Reminders`.
    pub(super) name: String,
}

/// Reads the triggers of all functions from template.yaml.
pub(super) fn read() -> Vec<Trigger> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    // The tags of YAML values such as `!GetAtt` are ignored, so each value is read as the tag's argument.
    let template: Value =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("cannot parse {}: {error}", path.display()));
    let resources = template["Resources"].as_object().expect("template.yaml has no Resources");
    let mut triggers = Vec::new();
    for (name, resource) in resources {
        let properties = &resource["Properties"];
        match resource["Type"].as_str() {
            Some("AWS::Serverless::Function") => {
                for (event, definition) in properties["Events"].as_object().into_iter().flatten() {
                    triggers.push(Trigger { function: binary(&template, name), name: event_name(event, definition) });
                }
            }
            Some("AWS::Serverless::WebSocketApi") => {
                for (route, definition) in properties["Routes"].as_object().into_iter().flatten() {
                    let arn = definition["FunctionArn"].as_str().unwrap_or_default();
                    let function = binary(&template, arn.trim_end_matches(".Arn"));
                    triggers.push(Trigger { function, name: route.clone() });
                }
            }
            _ => {}
        }
    }
    triggers
}

/// Returns the name of the function that a template resource defines. Function and binary have the same name.
fn binary(template: &Value, resource: &str) -> String {
    let binary = &template["Resources"][resource]["Metadata"]["BuildProperties"]["Binary"];
    binary.as_str().unwrap_or_else(|| panic!("template.yaml: {resource} has no BuildProperties.Binary")).to_owned()
}

fn event_name(event: &str, definition: &Value) -> String {
    let kind = definition["Type"].as_str().unwrap_or_default();
    let text = |name: &str| definition["Properties"][name].as_str().unwrap_or_default();
    match kind {
        "HttpApi" => format!("{} {}", text("Method"), text("Path")),
        _ => format!("{kind} {event}"),
    }
}

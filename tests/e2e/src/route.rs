use std::fmt;
use std::panic::Location;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

/// A route of the HTTP API.
#[derive(Debug, Clone)]
pub struct Route {
    /// HTTP method of the route.
    pub method: Method,
    /// Path of the route with its parameters, such as `/api/threads/{threadId}`.
    pub path: String,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Route {
    /// Whether the contract requires a token for this route, as it does for all paths under `/api/`. This method does
    /// not read `Auth` in `template.yaml`, so tests notice a route that has lost its authorizer.
    #[must_use]
    pub fn needs_token(&self) -> bool {
        self.path.starts_with("/api/")
    }

    /// Returns the route's path with each parameter replaced by its value in `values`. If a value is missing, panics
    /// and names the test file in which to add it.
    #[track_caller]
    #[must_use]
    pub fn path_with(&self, values: &[(&str, &str)]) -> String {
        let file = Location::caller().file();
        let segments = self.path.split('/').map(|segment| {
            let Some(parameter) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return segment;
            };
            let value = values.iter().find(|(name, _)| *name == parameter);
            value.unwrap_or_else(|| panic!("{self}: add a value for the path parameter `{parameter}` in {file}")).1
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// Returns all routes of the HTTP API in `template.yaml`.
#[must_use]
pub fn routes() -> Vec<Route> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let shown = path.display();
    let template = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {shown}: {error}"));
    let template: Value =
        serde_saphyr::from_str(&template).unwrap_or_else(|error| panic!("{shown} is not valid YAML: {error}"));
    let resources = template["Resources"].as_object().into_iter().flat_map(|resources| resources.values());
    let functions = resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let events = functions.filter_map(|function| function["Properties"]["Events"].as_object());
    let routes = events.flat_map(|events| events.values()).filter(|event| event["Type"] == "HttpApi");
    let routes: Vec<Route> = routes.map(|event| Route::of_event(&event["Properties"])).collect();
    assert!(!routes.is_empty(), "{shown} has no routes");
    routes
}

impl Route {
    fn of_event(properties: &Value) -> Self {
        let text =
            |key: &str| properties[key].as_str().unwrap_or_else(|| panic!("the route has no {key}: {properties}"));
        let method = text("Method")
            .parse()
            .unwrap_or_else(|error| panic!("the route's Method is not valid: {error}: {properties}"));
        Self { method, path: text("Path").to_owned() }
    }
}

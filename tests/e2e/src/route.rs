use std::fmt;
use std::panic::Location;

use documents::template;
use reqwest::Method;

/// A route of the HTTP API.
#[derive(Debug, Clone)]
pub struct Route {
    /// HTTP method of the route.
    pub method: Method,
    /// Path of the route with its parameters, such as `/api/threads/{threadId}`.
    pub path: String,
    /// Method and path as the documents show them. The path of a thumbnail differs from `path`.
    pub documented: String,
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
    let routes = template::routes().into_iter().map(|route| {
        let method =
            route.method.parse().unwrap_or_else(|error| panic!("the method of {route:?} is not valid: {error}"));
        Route { method, documented: route.documented(), path: route.path }
    });
    routes.collect()
}

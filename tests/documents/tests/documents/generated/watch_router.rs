//! Generates the list of routes that `make watch` serves, in the root `Cargo.toml`.

use std::fmt::Write as _;

use super::write_or_compare_part;
use crate::template::{self, Route};

#[test]
fn watch_router_has_every_route_and_its_function() {
    let mut routes = String::new();
    for Route { method, path, function, needs_token: _ } in template::routes() {
        writeln!(routes, "  {{ path = \"{path}\", methods = [\"{method}\"], function = \"{function}\" }},").unwrap();
    }
    write_or_compare_part("Cargo.toml", "router = [\n", "]\n", &routes);
}

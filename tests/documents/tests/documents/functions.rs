//! Every list of functions and routes outside `template.yaml` is complete.

use std::fs;

use serde::Deserialize;

use crate::difference::{EntryList, assert_no_errors, assert_same};
use crate::template;

/// The part of `Cargo.toml` that `cargo lambda watch` reads.
#[derive(Deserialize)]
struct Manifest {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    lambda: Lambda,
}

#[derive(Deserialize)]
struct Lambda {
    watch: Watch,
}

#[derive(Deserialize)]
struct Watch {
    router: Vec<WatchRoute>,
}

#[derive(Deserialize)]
struct WatchRoute {
    path: String,
    methods: Vec<String>,
    function: String,
}

#[test]
fn watch_router_has_every_route_and_its_function() {
    let manifest: Manifest = toml::from_str(&template::read_text("Cargo.toml")).expect("Cargo.toml has a watch router");
    let watched = manifest.workspace.metadata.lambda.watch.router.into_iter().flat_map(|route| {
        let WatchRoute { path, methods, function } = route;
        methods.into_iter().map(move |method| format!("{method} {path} (function {function})"))
    });
    let deployed = template::routes().into_iter().map(|route| {
        let template::Route { method, path, function, needs_token: _ } = route;
        format!("{method} {path} (function {function})")
    });
    assert_same(
        &EntryList {
            file: "template.yaml",
            add: "add it to the `Events` of the function, or remove it from Cargo.toml",
            entries: deployed.collect(),
        },
        &EntryList {
            file: "Cargo.toml",
            add: "add it under [workspace.metadata.lambda.watch]",
            entries: watched.collect(),
        },
    );
}

#[test]
fn every_function_has_a_sample_event() {
    let functions = template::functions();
    let files: Vec<_> = fs::read_dir(template::checkout("events"))
        .expect("events/ exists")
        .map(|entry| entry.expect("a folder entry").file_name().into_string().expect("a name in UTF-8"))
        .collect();
    let mut errors = Vec::new();
    for function in &functions {
        if !files.contains(&format!("{function}.json")) {
            errors.push(format!("{function} is in template.yaml but has no sample event: add events/{function}.json"));
        }
    }
    for file in files {
        // A function with several triggers has several files: `<function>.json` and `<function>-<trigger>.json`.
        let belongs = |function: &String| {
            file.strip_prefix(function.as_str()).is_some_and(|rest| rest.starts_with('-') || rest == ".json")
        };
        if !functions.iter().any(belongs) {
            errors.push(format!(
                "events/{file} does not start with the name of a function in template.yaml: rename or remove it"
            ));
        }
    }
    assert_no_errors(&errors);
}

#[test]
fn readme_lists_every_route() {
    let readme = template::read_text("README.md");
    let missing = template::routes().into_iter().map(|route| route.documented());
    let missing = missing.filter(|route| !readme.contains(&format!("`{route}`")));
    let line = |route| format!("{route} is in template.yaml but not in README.md: add it to the table of routes");
    assert_no_errors(&missing.map(line).collect::<Vec<_>>());
}

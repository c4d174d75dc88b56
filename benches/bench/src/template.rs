//! Reads from `template.yaml` which functions are deployed, so that the benchmark measures all of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use documents::template::{self, function_name};
use serde_json::Value;

use crate::first_event;
use crate::fixture::{environment, event_file};

/// Returns the names of the deployed functions in alphabetical order.
pub(crate) fn functions() -> Vec<String> {
    variables_by_function().into_keys().collect()
}

/// Checks that the benchmark can run every function of the template. If not, the error names the function and the file
/// to edit.
pub(crate) fn check() -> Result<()> {
    let known: BTreeSet<_> = environment("").into_iter().map(|(name, _)| name).collect();
    for (function, variables) in variables_by_function() {
        ensure!(
            event_file(&function).is_file(),
            "template.yaml deploys {function}, but events/{function}.json is missing; add a sample event, and a case \
             in {} if the sample does not succeed as it is",
            first_event::FILE
        );
        if let Some(variable) = variables.difference(&known).next() {
            anyhow::bail!(
                "template.yaml gives {function} the variable {variable}, which the benchmark does not set; add it to \
                 `environment` in benches/bench/src/fixture.rs"
            );
        }
    }
    Ok(())
}

/// Returns the names of each function's environment variables, including those that all functions have.
fn variables_by_function() -> BTreeMap<String, BTreeSet<String>> {
    let names = |section: &Value| -> BTreeSet<String> {
        let variables = section["Environment"]["Variables"].as_object();
        variables.into_iter().flat_map(|variables| variables.keys().cloned()).collect()
    };
    let global = names(&template::read()["Globals"]["Function"]);
    let functions = template::resources("AWS::Serverless::Function").into_iter();
    functions.map(|function| (function_name(&function), &global | &names(&function["Properties"]))).collect()
}

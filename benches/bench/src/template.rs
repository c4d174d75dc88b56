//! Reads from `template.yaml` which functions are deployed, so that the benchmark measures all of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::first_event;
use crate::fixture::{environment, event_file, repository};

/// Returns the names of the deployed functions in alphabetical order.
pub(crate) fn functions() -> Result<Vec<String>> {
    Ok(variables_by_function()?.into_keys().collect())
}

/// Checks that the benchmark can run every function of the template. If not, the error names the function and the file
/// to edit.
pub(crate) fn check() -> Result<()> {
    let known: BTreeSet<_> = environment("").into_iter().map(|(name, _)| name).collect();
    for (function, variables) in variables_by_function()? {
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
fn variables_by_function() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let file = repository().join("template.yaml");
    let template: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(&file)?).context("cannot parse template.yaml")?;
    let names = |section: &Value| -> Vec<String> {
        let variables = section["Environment"]["Variables"].as_object();
        variables.into_iter().flat_map(|variables| variables.keys().cloned()).collect()
    };
    let global = names(&template["Globals"]["Function"]);
    let resources = template["Resources"].as_object().context("template.yaml has no resources")?;
    let mut functions = BTreeMap::new();
    for (id, resource) in resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function") {
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        let binary = binary.with_context(|| format!("template.yaml: {id} has no Metadata.BuildProperties.Binary"))?;
        let variables = global.iter().cloned().chain(names(&resource["Properties"])).collect();
        functions.insert(binary.to_owned(), variables);
    }
    Ok(functions)
}

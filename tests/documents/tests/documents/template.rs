//! `template.yaml`, as far as the documents speak of it.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The template; what its functions (`!Sub` and the like) would make of their arguments stays as it is written.
pub(crate) fn read() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The resources of a type.
pub(crate) fn resources(kind: &str) -> Vec<Value> {
    let template = read();
    let resources = template["Resources"].as_object().expect("a template has resources");
    resources.values().filter(|resource| resource["Type"] == kind).cloned().collect()
}

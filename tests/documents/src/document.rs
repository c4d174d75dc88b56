use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A parsed YAML document of `docs/`.
#[derive(Debug, Clone)]
pub struct Document {
    /// Path of the file.
    pub path: PathBuf,
    /// Content of the file.
    pub root: Value,
}

impl Document {
    /// Reads `docs/{name}` from this checkout.
    pub fn read(name: &str) -> Result<Self, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let shown = path.display();
        let text = fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"))?;
        let root = serde_saphyr::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
        Ok(Self { path, root })
    }

    /// Returns `value`, or the value in this document that its `$ref` refers to.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
        let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        self.resolve(target.ok_or_else(|| format!("{reference} refers to a missing entry"))?)
    }

    /// Returns a validator of a schema of this document. It accepts properties that the schema does not list.
    pub fn validator(&self, schema: &Value) -> Result<Validator, String> {
        build(schema, self.root["components"]["schemas"].clone())
    }

    /// Returns a validator that refuses properties that the schema does not list. It is for responses and events,
    /// because the server must send documented properties only.
    pub fn closed_validator(&self, schema: &Value) -> Result<Validator, String> {
        let mut schemas = self.root["components"]["schemas"].clone();
        if let Value::Object(schemas) = &mut schemas {
            schemas.values_mut().for_each(close);
        }
        build(schema, schemas)
    }
}

/// Builds a validator of `schema`, whose references refer to entries of `schemas`.
fn build(schema: &Value, schemas: Value) -> Result<Validator, String> {
    let mut whole = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [schema] });
    whole["components"]["schemas"] = schemas;
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&whole).map_err(|error| format!("not a valid schema: {error}: {schema}"))
}

/// Makes the schema of an object, and those of the objects in it, refuse properties that they do not list.
fn close(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    if keywords.contains_key("properties") && keywords.get("type").is_some_and(|kind| kind == "object") {
        keywords.insert("additionalProperties".to_owned(), false.into());
    }
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(close),
            ("oneOf" | "anyOf", Value::Array(branches)) => branches.iter_mut().for_each(close),
            ("items", items) => close(items),
            _ => {}
        }
    }
}

/// Checks `instance` with `validator`. The error lists every violation of the schema.
pub(crate) fn validate(validator: &Validator, instance: &Value) -> Result<(), String> {
    let errors: Vec<_> =
        validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

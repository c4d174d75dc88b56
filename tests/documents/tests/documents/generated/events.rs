//! Generates the client library's `events.ts`: the types of all events, and the list of their names.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{schemas, write_or_compare};
use crate::template::text;

/// Maximum line width of the client library's formatter, as in biome.json.
const WIDTH: usize = 120;

#[test]
fn client_has_the_events_of_contract() {
    write_or_compare("web/hearth-client/src/events.ts", &Generator::new().generate());
}

struct Generator {
    schemas: Map<String, Value>,
    /// Names of the schemas that `openapi.ts` also has. `events.ts` imports these types instead of declaring them.
    shared: BTreeSet<String>,
}

impl Generator {
    fn new() -> Self {
        Self { schemas: schemas::of_asyncapi(), shared: schemas::of_openapi().keys().cloned().collect() }
    }

    fn generate(&self) -> String {
        let variants: Vec<_> = self.schemas["Event"]["oneOf"]
            .as_array()
            .expect("the schema Event has no variants")
            .iter()
            .map(name_of_reference)
            .collect();
        let mut declarations = String::new();
        for name in self.reachable(&variants) {
            let schema = &self.schemas[&name];
            write!(declarations, "\n{}", comment(schema, "")).expect("cannot write to a string");
            let definition = self.type_of(schema, "");
            let keyword = if definition.starts_with('{') { "interface" } else { "type" };
            match keyword {
                "interface" => writeln!(declarations, "export interface {name} {definition}"),
                _ if definition.starts_with('\n') => writeln!(declarations, "export type {name} ={definition};"),
                _ => writeln!(declarations, "export type {name} = {definition};"),
            }
            .expect("cannot write to a string");
        }
        let event_names = variants.iter().map(|name| self.schemas[name]["properties"]["event"]["const"].to_string());
        format!(
            "// Generated from shared/contract by `make docs`. Do not edit.\n\n\
             import type {{ components }} from \"./openapi.js\";\n\n\
             type Schemas = components[\"schemas\"];\n\
             {declarations}\n{}{}\n\n\
             /** The names of all events. */\n{}\n",
            comment(&self.schemas["Event"], ""),
            union("export type ServerEvent =", &variants),
            array("export const EVENTS =", &event_names.collect::<Vec<_>>()),
        )
    }

    /// Returns `names` and all schemas that they refer to, except those in `shared`. Each schema comes before those
    /// that refer to it.
    fn reachable(&self, names: &[String]) -> Vec<String> {
        let mut reachable: Vec<String> = Vec::new();
        for name in names {
            let mut inner = Vec::new();
            references(&self.schemas[name], &mut inner);
            inner.retain(|name| !self.shared.contains(name));
            for name in self.reachable(&inner).into_iter().chain([name.clone()]) {
                if !reachable.contains(&name) {
                    reachable.push(name);
                }
            }
        }
        reachable
    }

    /// Returns the TypeScript type of a schema.
    fn type_of(&self, schema: &Value, indent: &str) -> String {
        if schema.get("$ref").is_some() {
            let name = name_of_reference(schema);
            return if self.shared.contains(&name) { format!("Schemas[\"{name}\"]") } else { name };
        }
        if let Some(value) = schema.get("const") {
            return value.to_string();
        }
        let several =
            |values: &[Value], one: &dyn Fn(&Value) -> String| values.iter().map(one).collect::<Vec<_>>().join(" | ");
        if let Some(values) = schema["enum"].as_array() {
            return several(values, &ToString::to_string);
        }
        if let Some(branches) = schema["anyOf"].as_array() {
            if branches.iter().any(|branch| branch.get("properties").is_some()) {
                // Biome writes each branch on a line of its own if one of them is an object.
                let inner = format!("{indent}    ");
                let line = |branch: &Value| format!("\n{indent}  | {}", self.type_of(branch, &inner));
                return branches.iter().map(line).collect();
            }
            return several(branches, &|branch| self.type_of(branch, indent));
        }
        if let Some(kinds) = schema["type"].as_array() {
            return several(kinds, &|kind| primitive(&text(kind)).to_owned());
        }
        match text(&schema["type"]).as_str() {
            "object" => self.object(schema, indent),
            "array" => match self.type_of(&schema["items"], indent) {
                union if union.contains(" | ") => format!("({union})[]"),
                item => format!("{item}[]"),
            },
            kind => primitive(kind).to_owned(),
        }
    }

    fn object(&self, schema: &Value, indent: &str) -> String {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let inner = format!("{indent}  ");
        let mut object = String::from("{\n");
        for (name, property) in schema["properties"].as_object().expect("the schema has no properties") {
            let optional = if required.iter().any(|required| required == name) { "" } else { "?" };
            let kind = self.type_of(property, &inner);
            writeln!(object, "{}{inner}{name}{optional}: {kind};", comment(property, &inner))
                .expect("cannot write to a string");
        }
        object + indent + "}"
    }
}

fn primitive(kind: &str) -> &'static str {
    match kind {
        "string" => "string",
        "integer" | "number" => "number",
        "boolean" => "boolean",
        "null" => "null",
        _ => panic!("the type {kind} has no TypeScript type here: add it to generated/events.rs"),
    }
}

fn name_of_reference(schema: &Value) -> String {
    let path = text(&schema["$ref"]);
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Adds to `names` all schemas that `value` refers to directly.
fn references(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(keywords) => {
            if keywords.contains_key("$ref") {
                names.push(name_of_reference(value));
            }
            keywords.values().for_each(|value| references(value, names));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}

/// Returns the description of a schema as a TypeScript comment, wrapped at [`WIDTH`]; empty if it has none.
fn comment(schema: &Value, indent: &str) -> String {
    let Some(description) = schema["description"].as_str() else { return String::new() };
    let one_line = format!("{indent}/** {description} */\n");
    if one_line.chars().count() <= WIDTH + 1 {
        return one_line;
    }
    let mut lines = vec![format!("{indent} *")];
    for word in description.split_whitespace() {
        let line = lines.last_mut().expect("the comment has no line");
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{indent} * {word}"));
        } else {
            *line += " ";
            *line += word;
        }
    }
    format!("{indent}/**\n{}\n{indent} */\n", lines.join("\n"))
}

/// Returns the declaration of a union type, formatted as Biome does: on one line if it fits.
fn union(start: &str, names: &[String]) -> String {
    let one_line = format!("{start} {};", names.join(" | "));
    if one_line.len() <= WIDTH { one_line } else { format!("{start}\n  | {};", names.join("\n  | ")) }
}

/// Returns the declaration of a constant array, formatted as Biome does: on one line if it fits.
fn array(start: &str, values: &[String]) -> String {
    let one_line = format!("{start} [{}] as const;", values.join(", "));
    if one_line.len() <= WIDTH { one_line } else { format!("{start} [\n  {},\n] as const;", values.join(",\n  ")) }
}

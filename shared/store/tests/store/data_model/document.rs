//! Parser for `docs/data-model.md`.

use std::collections::BTreeMap;

use serde_json::Value;

/// A kind of row, as its section in the document describes it.
#[derive(Debug, Default)]
pub(crate) struct RowKind {
    /// Name of the table: `Chat`, `Connections` or `PushKeys`.
    pub(crate) table: String,
    pub(crate) name: String,
    /// Values of the properties `pk`, `sk`, `TTL` and `Written by`.
    pub(crate) properties: BTreeMap<String, String>,
    /// Attributes by name. An attribute in a map has the map's name and a dot before its own. In a name, `{…}` stands
    /// for any text, as in the properties `pk` and `sk`.
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) example: String,
}

#[derive(Debug)]
pub(crate) struct Attribute {
    /// `DynamoDB` data type: `S`, `N`, `B`, `BOOL`, `L`, `SS` or `M`.
    pub(crate) data_type: String,
    pub(crate) required: bool,
}

impl RowKind {
    /// Returns the value of a property with its backticks removed, or an empty string if the property is missing.
    pub(crate) fn property(&self, name: &str) -> String {
        self.properties.get(name).map(|value| value.replace('`', "")).unwrap_or_default()
    }

    /// Returns whether a row with the given primary key is of this kind.
    pub(crate) fn matches(&self, pk: &str, sk: &str) -> bool {
        matches(&self.property("pk"), pk) && matches(&self.property("sk"), sk)
    }

    /// Returns the documented name and the description of an attribute, or `None` if it is not documented.
    pub(crate) fn attribute(&self, path: &str) -> Option<(&String, &Attribute)> {
        self.attributes.get_key_value(path).or_else(|| self.attributes.iter().find(|(name, _)| matches(name, path)))
    }

    pub(crate) fn example(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.example)
    }
}

/// Returns whether `text` has the form of `pattern`, in which `{name}` stands for at least one character.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((literal, rest)) = pattern.split_once('{') else { return pattern == text };
    let Some((_, rest)) = rest.split_once('}') else { return false };
    let Some(text) = text.strip_prefix(literal) else { return false };
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    ends.into_iter().any(|end| matches(rest, &text[end..]))
}

/// Reads all kinds of rows from the document. A `##` heading starts a table, a `###` heading starts a kind of row.
pub(crate) fn parse(document: &str) -> Vec<RowKind> {
    let (mut kinds, mut table, mut in_example) = (Vec::<RowKind>::new(), "", false);
    for line in document.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            table = name;
        } else if let Some(name) = line.strip_prefix("### ") {
            kinds.push(RowKind { table: table.into(), name: name.into(), ..RowKind::default() });
        }
        let Some(kind) = kinds.last_mut() else { continue };
        if line.starts_with("```") {
            in_example = line == "```json";
        } else if in_example {
            kind.example += line;
        } else if let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) {
            match cells.split(" | ").collect::<Vec<_>>()[..] {
                ["Property" | "---", _] | ["Attribute" | "---", _, _, _] => {}
                [property, value] => _ = kind.properties.insert(property.into(), value.into()),
                [name, data_type, _, absent] => {
                    let attribute = Attribute { data_type: data_type.into(), required: absent == "never" };
                    kind.attributes.insert(name.replace('`', ""), attribute);
                }
                _ => panic!("docs/data-model.md: this table row does not have 2 or 4 cells: {line}"),
            }
        }
    }
    kinds
}

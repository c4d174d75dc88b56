//! Tests the functions' policies in `template.yaml`: what files-decode may use, and the conditions on partition keys
//! (`dynamodb:LeadingKeys`). A condition that allows too little breaks a function on AWS only, because the local cloud
//! does not evaluate it. The simulation checks the calls of the handlers against the conditions. These tests check what
//! the simulation does not run: calls of `main.rs`, and permissions that no function uses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::difference::assert_no_errors;
use crate::template::{self, TableStatement};

/// A partition key that no row has. Each `warm_up` of a table reads it, only to open the network connection
/// (`shared/store/src/keys.rs`).
const WARM_UP: &str = "WARM-UP";

/// Returns the patterns of a table's partition keys: their start up to the first `#`, such as `FILE#*`, or the whole key
/// where all rows of a kind share it. Reads them from `docs/data-model.md`, which the tests of the store compare with the
/// rows that it writes.
fn partition_patterns(table: &str) -> BTreeSet<String> {
    let page = template::read_text("docs/data-model.md");
    let heading = format!("\n## {}\n", table.trim_end_matches("Table"));
    let (_, section) = page.split_once(&heading).unwrap_or_else(|| panic!("docs/data-model.md has no {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let keys = section.lines().filter_map(|line| line.strip_prefix("| pk | `")?.strip_suffix("` |"));
    let pattern = |key: &str| key.split_once('#').map_or_else(|| key.to_owned(), |(kind, _)| format!("{kind}#*"));
    keys.map(pattern).collect()
}

fn shown(statement: &TableStatement) -> String {
    format!("{} on {}", statement.function, statement.table)
}

#[test]
fn conditions_name_partitions_that_exist() {
    let mut errors = Vec::new();
    for statement in template::table_statements() {
        let patterns = partition_patterns(&statement.table);
        for pattern in statement.partitions.iter().flatten() {
            if !patterns.contains(pattern) && pattern != WARM_UP {
                errors.push(format!("{}: no row has a key like {pattern}, only {patterns:?}", shown(&statement)));
            }
        }
    }
    assert_no_errors(&errors);
}

#[test]
fn every_statement_about_connections_has_a_condition() {
    let statements = template::table_statements().into_iter();
    let missing =
        statements.filter(|statement| statement.table == "ConnectionsTable" && statement.partitions.is_none());
    let errors: Vec<_> = missing.map(|statement| format!("{}: add dynamodb:LeadingKeys", shown(&statement))).collect();
    assert_no_errors(&errors);
}

/// The `main.rs` of a function opens the network connection to a table with a `GetItem` of [`WARM_UP`]. No other test
/// checks that the conditions allow this call. There is no such call to `PushKeys`, because every function that uses
/// `PushKeys` has already opened the connection with a call to `Chat`.
#[test]
fn warming_up_is_allowed_where_the_function_may_read() {
    let mut errors = Vec::new();
    for statement in template::table_statements() {
        let reads = statement.actions.iter().any(|action| action == "GetItem");
        if statement.table != "PushKeysTable"
            && let Some(partitions) = &statement.partitions
            && reads != partitions.iter().any(|pattern| pattern == WARM_UP)
        {
            errors.push(format!("{}: list {WARM_UP} if GetItem is allowed; otherwise remove it", shown(&statement)));
        }
    }
    assert_no_errors(&errors);
}

/// With the private key, an attacker could send notifications to all devices of a deployment. `ForAllValues` is also
/// true for a request that names no partition key, such as a `Scan`. So policies on `PushKeysTable` may allow only
/// `GetItem` and `PutItem`, which always name one key.
#[test]
fn only_push_send_may_read_the_private_key() {
    let statements = template::table_statements().into_iter();
    let (mut readers, mut actions) = (BTreeSet::new(), BTreeSet::new());
    for statement in statements.filter(|statement| statement.table == "PushKeysTable") {
        let partitions = statement.partitions.unwrap_or_else(|| panic!("{}: add a condition", statement.function));
        actions.extend(statement.actions.iter().cloned());
        if statement.actions != ["PutItem"] && partitions.iter().any(|partition| partition != "PUBLIC") {
            readers.insert(statement.function);
        }
    }
    assert_eq!(readers, BTreeSet::from(["push-send".to_owned()]));
    assert_eq!(actions, BTreeSet::from(["GetItem", "PutItem"].map(str::to_owned)));
}

/// `template::table_statements` and the simulation read only statements that allow something, without a condition or
/// with the operator `ForAllValues:StringLike` on `dynamodb:LeadingKeys`. They would misread any other statement.
#[test]
fn statements_about_tables_have_no_other_form() {
    for function in template::resources("AWS::Serverless::Function") {
        let policies = function["Properties"]["Policies"].as_array().into_iter().flatten();
        for statement in policies.flat_map(|policy| policy["Statement"].as_array().into_iter().flatten()) {
            let name = template::function_name(&function);
            assert_eq!(statement["Effect"], "Allow", "{name}");
            let keys = statement.pointer("/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys");
            let known =
                keys.map_or(Value::Null, |keys| json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": keys } }));
            assert!(
                statement["Condition"] == known || !statement.to_string().contains("dynamodb:"),
                "{name}: {statement}"
            );
        }
    }
}

/// files-decode decodes the bytes that users upload. An attacker who takes it over with an upload has its permissions
/// and its environment. So it may use only the bucket, and its environment has no secret.
#[test]
fn files_decode_may_use_only_the_bucket() {
    let functions = template::resources("AWS::Serverless::Function");
    let decode = functions.iter().find(|function| template::function_name(function) == "files-decode").unwrap();
    let properties = &decode["Properties"];
    let mut actions = Vec::new();
    for policy in properties["Policies"].as_array().unwrap() {
        for statement in policy["Statement"].as_array().unwrap() {
            actions.extend(statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()));
        }
    }
    assert_eq!(actions, ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]);
    let variables: Vec<_> = properties["Environment"]["Variables"].as_object().unwrap().keys().collect();
    assert_eq!(variables, ["BUCKET", "KEEP_METADATA"]);
}

//! Evaluates the functions' policies in template.yaml for calls to tables, with their conditions on partition keys, as
//! IAM does on AWS. The local cloud does not evaluate these conditions.

use std::sync::LazyLock;

use documents::template::{self, TableStatement};
use serde_json::Value;

use crate::cloud::{Call, Service};

static STATEMENTS: LazyLock<Vec<TableStatement>> = LazyLock::new(template::table_statements);

/// Returns why the function's policy does not allow a call, or `None` if it does.
pub(crate) fn denial(function: &str, call: &Call) -> Option<String> {
    if call.service != Service::DynamoDb {
        return None;
    }
    let request: Value = serde_json::from_slice(&call.body).unwrap();
    let denied = accesses(&call.operation, &request).into_iter().find(|access| !access.is_allowed(function))?;
    let Access { action, table, partition } = denied;
    let kind = partition.split('#').next().unwrap_or_default();
    Some(format!("the policy of {function} in template.yaml does not allow dynamodb:{action} on {kind}# in {table}"))
}

/// An access to one row or partition, for which IAM evaluates the policy.
struct Access<'a> {
    /// Name of the IAM action without `dynamodb:`.
    action: &'a str,
    table: &'a str,
    partition: String,
}

impl Access<'_> {
    fn is_allowed(&self, function: &str) -> bool {
        let table = format!("{}Table", self.table);
        let mut statements = STATEMENTS.iter().filter(|statement| statement.function == function);
        statements.any(|statement| statement.allows(&table, self.action, &self.partition))
    }
}

/// Returns the accesses of a request. A transaction needs the permissions of its parts:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
fn accesses<'a>(operation: &'a str, request: &'a Value) -> Vec<Access<'a>> {
    let text = |value: &'a Value| value.as_str().expect("the request has no table or key");
    let access = |action: &'a str, table: &'a Value, key: &'a Value| Access {
        action,
        table: text(table),
        partition: text(&key["S"]).to_owned(),
    };
    match operation {
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().expect("a batch has no tables");
            let keys = |(table, keys): (&'a String, &'a Value)| {
                let keys = keys["Keys"].as_array().expect("a batch has no keys");
                keys.iter().map(move |key| Access {
                    action: operation,
                    table,
                    partition: text(&key["pk"]["S"]).to_owned(),
                })
            };
            tables.iter().flat_map(keys).collect()
        }
        "TransactWriteItems" => {
            let parts = request["TransactItems"].as_array().expect("a transaction has no items");
            let part = |part: &'a Value| {
                let (kind, part) = part.as_object().and_then(|part| part.iter().next()).expect("an item is empty");
                let action = match kind.as_str() {
                    "Put" => "PutItem",
                    "Update" => "UpdateItem",
                    "Delete" => "DeleteItem",
                    "ConditionCheck" => "ConditionCheckItem",
                    other => panic!("the simulation does not know the permission for {other} in a transaction"),
                };
                access(action, &part["TableName"], row(part))
            };
            parts.iter().map(part).collect()
        }
        "Query" => vec![access(operation, &request["TableName"], &request["ExpressionAttributeValues"][":pk"])],
        _ => vec![access(operation, &request["TableName"], row(request))],
    }
}

/// Returns the partition key of the row that a request or a part of a transaction reads or writes.
fn row(request: &Value) -> &Value {
    let item = request.get("Item").or_else(|| request.get("Key")).expect("the request names no row");
    &item["pk"]
}

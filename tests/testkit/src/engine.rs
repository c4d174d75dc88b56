//! Executes the `DynamoDB` operations that the functions use, in the emulator dynoxide and without a network. The fakes
//! of AWS in benchmarks and in the simulation use this module.

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

/// Name of the `Chat` table.
pub const CHAT: &str = "Chat";
/// Name of the `Connections` table.
pub const CONNECTIONS: &str = "Connections";
/// Name of the `PushKeys` table.
pub const PUSH_KEYS: &str = "PushKeys";

/// Creates a database in memory with the tables [`CHAT`], [`CONNECTIONS`] and [`PUSH_KEYS`], all empty.
#[must_use]
pub fn tables() -> Database {
    let database = Database::memory().expect("dynoxide cannot create a database in memory");
    for name in [CHAT, CONNECTIONS, PUSH_KEYS] {
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"},
                                     {"AttributeName": "sk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        });
        database
            .create_table(serde_json::from_value(table).expect("the table definition is not valid"))
            .expect("cannot create the table");
    }
    database
}

/// Returns all rows of a table as `DynamoDB` JSON.
#[must_use]
pub fn rows(database: &Database, table: &str) -> Vec<Value> {
    let request = serde_json::from_value(json!({"TableName": table})).expect("the scan request is not valid");
    let items = database.scan(request).expect("cannot scan the table").items.unwrap_or_default();
    items.into_iter().map(|item| serde_json::to_value(item).expect("cannot write a row as JSON")).collect()
}

/// Returns a `DynamoDB` request's body with `ReturnConsumedCapacity` added, so that the response contains the consumed
/// capacity.
#[must_use]
pub fn with_consumed_capacity(body: &[u8]) -> Bytes {
    let mut request: Value = serde_json::from_slice(body).expect("the request is not JSON");
    request["ReturnConsumedCapacity"] = "TOTAL".into();
    request.to_string().into()
}

/// Executes the request `body` of a `DynamoDB` operation such as `PutItem`. Returns the status and body of the
/// response.
#[must_use]
pub fn apply(database: &Database, operation: &str, body: &[u8]) -> (u16, Bytes) {
    match try_apply(database, operation, body) {
        Ok(body) => (200, body.into()),
        Err(error) => (error.status_code(), error.to_json().into()),
    }
}

fn try_apply(database: &Database, operation: &str, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
    macro_rules! call {
        ($method:ident) => {
            serde_json::to_vec(&database.$method(serde_json::from_slice(body).expect("the request is not valid"))?)
        };
    }
    let answer = match operation {
        "PutItem" => call!(put_item),
        "GetItem" => call!(get_item),
        "DeleteItem" => call!(delete_item),
        "UpdateItem" => call!(update_item),
        "Query" => call!(query),
        "BatchGetItem" => call!(batch_get_item),
        "TransactWriteItems" => call!(transact_write_items),
        other => panic!("unknown operation {other}: add it to `try_apply` in {}", file!()),
    };
    Ok(answer.expect("cannot write the response as JSON"))
}

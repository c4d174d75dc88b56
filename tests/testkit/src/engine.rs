//! The engine without a network, as a fake of AWS needs it: the operations that the functions use, on dynoxide.

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

/// The name of the table `Chat`.
pub const CHAT: &str = "Chat";
/// The name of the table `Connections`.
pub const CONNECTIONS: &str = "Connections";

/// Both tables, empty.
#[must_use]
pub fn tables() -> Database {
    let database = Database::memory().expect("a database in memory");
    for name in [CHAT, CONNECTIONS] {
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"},
                                     {"AttributeName": "sk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        });
        database.create_table(serde_json::from_value(table).expect("a table")).expect("a new table");
    }
    database
}

/// Every row of a table.
#[must_use]
pub fn rows(database: &Database, table: &str) -> Vec<Value> {
    let request = serde_json::from_value(json!({"TableName": table})).expect("a request");
    let items = database.scan(request).expect("a table").items.unwrap_or_default();
    items.into_iter().map(|item| serde_json::to_value(item).expect("a row of JSON")).collect()
}

/// The request that is answered with what it consumes.
#[must_use]
pub fn asking_for_units(body: &[u8]) -> Bytes {
    let mut request: Value = serde_json::from_slice(body).expect("a request of JSON");
    request["ReturnConsumedCapacity"] = "TOTAL".into();
    request.to_string().into()
}

/// What the engine answers to a request: the status and the body.
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
            serde_json::to_vec(&database.$method(serde_json::from_slice(body).expect("a good request"))?)
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
        other => panic!("no function is known to call {other}"),
    };
    Ok(answer.expect("an answer of JSON"))
}

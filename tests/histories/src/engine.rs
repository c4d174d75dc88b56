//! `DynamoDB` without a network: the operations that the functions use, on dynoxide.

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use crate::cloud::Answer;

pub(crate) const CHAT: &str = "Chat";
pub(crate) const CONNECTIONS: &str = "Connections";

/// Both tables, empty.
pub(crate) fn tables() -> Database {
    let database = Database::memory().unwrap();
    for name in [CHAT, CONNECTIONS] {
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"},
                                     {"AttributeName": "sk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        });
        database.create_table(serde_json::from_value(table).unwrap()).unwrap();
    }
    database
}

/// Every row of a table.
pub(crate) fn rows(database: &Database, table: &str) -> Vec<Value> {
    let scanned = database.scan(serde_json::from_value(json!({"TableName": table})).unwrap()).unwrap();
    scanned.items.unwrap_or_default().into_iter().map(|item| serde_json::to_value(item).unwrap()).collect()
}

/// The request that is answered with what it consumes.
pub(crate) fn asking_for_units(body: &[u8]) -> Bytes {
    let mut request: Value = serde_json::from_slice(body).unwrap();
    request["ReturnConsumedCapacity"] = "TOTAL".into();
    request.to_string().into()
}

pub(crate) fn apply(database: &Database, operation: &str, body: &[u8]) -> Answer {
    match try_apply(database, operation, body) {
        Ok(body) => Answer::ok(body),
        Err(error) => Answer { status: error.status_code(), kind: None, body: error.to_json().into() },
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

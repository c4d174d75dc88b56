//! Lets reads return messages as they were before their last change. `DynamoDB` makes the parts of a transaction
//! visible one by one until it answers the transaction:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation>

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use testkit::engine::CHAT;
use tokio::time::Instant;

use crate::cloud::{Call, Service};

/// The rows of which reads still return the version before the last change.
#[derive(Default)]
pub(crate) struct Hidden(Mutex<Vec<Row>>);

struct Row {
    pk: Value,
    sk: Value,
    /// The row before the change.
    before: Value,
    until: Instant,
}

impl Hidden {
    /// Lets reads return `before` instead of the current row until the given time.
    pub(crate) fn hide(&self, before: Value, until: Instant) {
        self.rows().push(Row { pk: before["pk"].clone(), sk: before["sk"].clone(), before, until });
    }

    /// Makes reads return the current version of the rows that a call may write.
    pub(crate) fn before_call(&self, call: &Call) {
        let mut rows = self.rows();
        if rows.is_empty() || call.service != Service::DynamoDb || is_read(&call.operation) {
            return;
        }
        let body = std::str::from_utf8(&call.body).unwrap();
        rows.retain(|row| ![&row.pk, &row.sk].iter().all(|key| body.contains(key["S"].as_str().unwrap())));
    }

    /// Replaces hidden rows in the answer to a read by their versions before the change.
    pub(crate) fn apply(&self, operation: &str, answer: Bytes) -> Bytes {
        let mut hidden = self.rows();
        if hidden.is_empty() || !is_read(operation) {
            return answer;
        }
        hidden.retain(|row| Instant::now() < row.until);
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        let rows: Vec<&mut Value> = match operation {
            "GetItem" => answer.get_mut("Item").into_iter().collect(),
            "Query" => answer.get_mut("Items").and_then(Value::as_array_mut).into_iter().flatten().collect(),
            _ => answer
                .pointer_mut(&format!("/Responses/{CHAT}"))
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .collect(),
        };
        for row in rows {
            if let Some(hidden) = hidden.iter().find(|hidden| hidden.pk == row["pk"] && hidden.sk == row["sk"]) {
                *row = hidden.before.clone();
            }
        }
        answer.to_string().into()
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_read(operation: &str) -> bool {
    matches!(operation, "GetItem" | "BatchGetItem" | "Query")
}

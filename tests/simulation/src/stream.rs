//! The stream of the `Chat` table: finds out which rows a request has changed, and makes the records that the filters of
//! template.yaml let through to chat-stream.

use std::sync::LazyLock;

use documents::template;
use dynoxide::Database;
use serde_json::{Value, json};
use testkit::engine::{self, CHAT};

use crate::cloud::Call;
use crate::content::text;

/// The filters of chat-stream's event source in template.yaml.
static FILTERS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let functions = template::resources("AWS::Serverless::Function");
    let mut events = functions.iter().filter_map(|function| function["Properties"]["Events"].as_object()).flatten();
    let (_, stream) = events.find(|(_, event)| event["Type"] == "DynamoDB").expect("template.yaml reads no stream");
    let filters = stream["Properties"]["FilterCriteria"]["Filters"].as_array().expect("the stream has no filters");
    filters.iter().map(|filter| serde_json::from_str(filter["Pattern"].as_str().unwrap()).unwrap()).collect()
});

/// The rows that a request may change, as they were before it.
pub(crate) struct Before(Vec<(Value, Option<Value>)>);

impl Before {
    /// Reads the rows of the `Chat` table that a request writes.
    pub(crate) fn read(database: &Database, call: &Call) -> Self {
        if !matches!(call.operation.as_str(), "PutItem" | "UpdateItem" | "TransactWriteItems") {
            return Self(Vec::new());
        }
        let request: Value = serde_json::from_slice(&call.body).unwrap();
        let writes: Vec<_> = match request["TransactItems"].as_array() {
            Some(parts) => parts.iter().flat_map(|part| part.as_object().unwrap().values()).collect(),
            None => vec![&request],
        };
        let keys = writes.into_iter().filter(|write| write["TableName"] == CHAT).filter_map(|write| {
            let (of, put) = (write.get("Item").or_else(|| write.get("Key"))?, write.get("Item").is_some());
            // No filter lets records of other rows through, and reading every row that is written would slow down the
            // simulation.
            let is_streamed = ["THREAD#", "USER#"].iter().any(|start| text(of, "pk").starts_with(start))
                && if put {
                    !["PROFILE", "PUSH#"].iter().any(|start| text(of, "sk").starts_with(start))
                } else {
                    text(of, "sk").starts_with("THREAD#")
                };
            is_streamed.then(|| json!({"pk": of["pk"], "sk": of["sk"]}))
        });
        Self(keys.map(|key| (key.clone(), row(database, &key))).collect())
    }

    /// Returns the stream records of the rows that the request has changed.
    pub(crate) fn records(self, database: &Database) -> Vec<Value> {
        let changed = self.0.into_iter().filter_map(|(key, before)| {
            let after = row(database, &key)?;
            // DynamoDB writes no record if a write does not change the row.
            (before.as_ref() != Some(&after))
                .then(|| record(if before.is_some() { "MODIFY" } else { "INSERT" }, &key, &after))
        });
        changed.collect()
    }
}

/// Returns whether the filters of chat-stream let a record through.
pub(crate) fn is_wanted(record: &Value) -> bool {
    FILTERS.iter().any(|filter| matches(filter, record))
}

/// Reads a row of the `Chat` table.
pub(crate) fn row(database: &Database, key: &Value) -> Option<Value> {
    let request = json!({"TableName": CHAT, "Key": key, "ConsistentRead": true}).to_string();
    let (status, body) = engine::apply(database, "GetItem", request.as_bytes());
    assert_eq!(status, 200, "the row {key} cannot be read");
    serde_json::from_slice::<Value>(&body).unwrap().get_mut("Item").map(Value::take)
}

/// Returns a stream record of a row of the `Chat` table, without a sequence number.
pub(crate) fn record(event: &str, key: &Value, image: &Value) -> Value {
    json!({
        "eventID": "1", "eventName": event, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_757_034_300, "Keys": key, "NewImage": image, "SequenceNumber": "0",
            "SizeBytes": 300, "StreamViewType": "NEW_IMAGE"
        }
    })
}

/// Returns whether a filter pattern lets a record through. It knows the rules that the template uses: exact values and
/// prefixes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>
fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, pattern)| matches(pattern, &value[name])),
        Value::Array(rules) => rules.iter().any(|rule| {
            let text = value.as_str().unwrap_or_default();
            match (rule.as_str(), rule["prefix"].as_str()) {
                (Some(exact), _) => text == exact,
                (None, Some(prefix)) => text.starts_with(prefix),
                (None, None) => panic!("the simulation does not know the rule {rule}"),
            }
        }),
        other => panic!("{other} is not a filter pattern"),
    }
}

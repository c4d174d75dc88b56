//! Tests of the store on a real `DynamoDB` engine: dynoxide in this process, or the server at the URL in the
//! environment variable `DYNAMODB_ENDPOINT`, if it is set.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod change_races;
mod changes;
mod connections;
mod data_model;
mod faults;
mod file_uses;
mod files;
mod inbox;
mod messages;
mod notifications;
mod people;
mod picture_faults;
mod pictures;
mod push_keys;
mod push_subscriptions;
mod quotas;
mod reactions;
mod read_marks;
mod replays;
mod revisions;
mod rows;
mod settings;
mod thread_list;
mod threads;
mod users;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use testkit::Tables;

/// Returns the value of a `DynamoDB` attribute that contains a string.
fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Returns the value of a `DynamoDB` attribute that contains a number.
fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Sets one attribute of a row directly in the table.
async fn set(tables: &Tables, table: &str, key: (&str, &str), attribute: &str, value: AttributeValue) {
    let update = tables.client.update_item().table_name(table).key("pk", s(key.0)).key("sk", s(key.1));
    update
        .update_expression("SET #a = :v")
        .expression_attribute_names("#a", attribute)
        .expression_attribute_values(":v", value)
        .send()
        .await
        .unwrap();
}

/// Removes one attribute of a row directly in the table.
async fn unset(tables: &Tables, table: &str, key: (&str, &str), attribute: &str) {
    let update = tables.client.update_item().table_name(table).key("pk", s(key.0)).key("sk", s(key.1));
    update.update_expression("REMOVE #a").expression_attribute_names("#a", attribute).send().await.unwrap();
}

/// Reads a row directly from the table, without its primary key. Panics if it does not exist.
async fn row(tables: &Tables, table: &str, key: (&str, &str)) -> HashMap<String, AttributeValue> {
    let get = tables.client.get_item().table_name(table).key("pk", s(key.0)).key("sk", s(key.1));
    let mut row = get.send().await.unwrap().item.unwrap();
    row.retain(|name, _| name != "pk" && name != "sk");
    row
}

/// Reads a numeric attribute of a row directly from the table.
async fn number(tables: &Tables, table: &str, key: (&str, &str), attribute: &str) -> i64 {
    row(tables, table, key).await[attribute].as_n().unwrap().parse().unwrap()
}

/// Reads all primary keys of a table, sorted.
async fn keys(tables: &Tables, table: &str) -> Vec<(String, String)> {
    let items = tables.client.scan().table_name(table).into_paginator().items().send();
    let items = items.collect::<Result<Vec<_>, _>>().await.unwrap();
    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let mut keys: Vec<_> = items.iter().map(|item| (text(&item["pk"]), text(&item["sk"]))).collect();
    keys.sort_unstable();
    keys
}

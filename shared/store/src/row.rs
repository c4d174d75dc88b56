//! Conversion between `DynamoDB` items and row types.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;
use crate::keys::{Key, PK, SK};

/// A row as the SDK sends and receives it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Converts a row to an item with the primary key `key`.
pub(crate) fn to_item<T: Serialize>(key: &Key, row: &T) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(row)
        .map_err(|source| Error::BadRow { key: key.to_string(), source })?;
    item.extend(key.attributes());
    Ok(item)
}

/// Converts an item to a row. The row does not contain the primary key. If an attribute is missing or not valid, the
/// [`Error::BadRow`] contains the item's primary key.
pub(crate) fn from_item<T: DeserializeOwned>(mut item: Item) -> Result<T, Error> {
    let key = [PK, SK].map(|name| item.remove(name));
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|source| {
        let text = |value: AttributeValue| value.as_s().cloned().ok();
        let [pk, sk] = key.map(|value| value.and_then(text).unwrap_or_else(|| "?".into()));
        Error::BadRow { key: Key { pk, sk }.to_string(), source }
    })
}

/// Returns the value of a `DynamoDB` attribute that contains a string.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Returns the value of a `DynamoDB` attribute that contains a number.
pub(crate) fn n(number: impl Display + Copy) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

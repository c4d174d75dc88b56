//! From rows to values and back.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;
use crate::keys::{Key, PK, SK};

/// A row as `DynamoDB` gives and takes it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The row of `value` under `key`.
pub(crate) fn to_item<T: Serialize>(key: &Key, value: &T) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(value)
        .map_err(|source| Error::BadRow { key: key.to_string(), source })?;
    item.extend(key.attributes());
    Ok(item)
}

/// The value in a row; an error that names the row's key where it is none. The key is no part of the value.
pub(crate) fn from_item<T: DeserializeOwned>(mut item: Item) -> Result<T, Error> {
    let key = [PK, SK].map(|name| item.remove(name));
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|source| {
        let part = |value: AttributeValue| value.as_s().cloned().ok();
        let [pk, sk] = key.map(|value| value.and_then(part).unwrap_or_else(|| "?".into()));
        Error::BadRow { key: Key { pk, sk }.to_string(), source }
    })
}

/// A string attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(crate) fn n(number: impl Display + Copy) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnValue};
use aws_types::SdkConfig;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::backoff;
use crate::error::{Error, condition_failed};
use crate::keys::{self, Key};
use crate::row::{Item, s};

/// One of the two tables, and what is done to rows of any kind. Every read is consistent.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Table {
    pub(crate) fn new(config: &SdkConfig, name: String) -> Self {
        Self { client: Client::new(config), name }
    }

    /// Opens the connection that the first request will use.
    pub(crate) async fn warm_up(&self) -> Result<(), Error> {
        self.get(&keys::nothing()).await.map(drop)
    }

    /// One row.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key.attributes()));
        Ok(request.consistent_read(true).send().await?.item)
    }

    /// The rows of a partition whose sort keys start with `prefix`, all of them.
    pub(crate) async fn partition(&self, pk: String, prefix: &str) -> Result<Vec<Item>, Error> {
        let query = self
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":prefix", s(prefix));
        Ok(query.into_paginator().items().send().collect::<Result<_, _>>().await?)
    }

    /// Writes a row, whatever is there.
    pub(crate) async fn put(&self, item: Item) -> Result<(), Error> {
        self.put_if(item).send().await?;
        Ok(())
    }

    /// Writes a row, on a condition to be added.
    pub(crate) fn put_if(&self, item: Item) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.name).set_item(Some(item))
    }

    /// Changes a row, in a way to be added.
    pub(crate) fn update(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(key.attributes()))
    }

    /// Reads rows, which ones is to be added.
    pub(crate) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name).consistent_read(true)
    }

    /// Deletes a row and returns what it was, to one caller only; `None` where there is none. On condition that it
    /// is there: `DynamoDB` Local lets two unconditional deletes at once both return it.
    pub(crate) async fn delete(&self, key: &Key) -> Result<Option<Item>, Error> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key.attributes()));
        match request.condition_expression("attribute_exists(pk)").return_values(ReturnValue::AllOld).send().await {
            Ok(deleted) => Ok(deleted.attributes),
            Err(error) if condition_failed(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Those of `keys` that exist, in no order.
    pub(crate) async fn batch_get(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<Item>, Error> {
        // BatchGetItem takes 100 keys at most and refuses one that comes twice. (Sorted, so that runs can be repeated.)
        let keys: Vec<_> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let chunks = keys.chunks(100).map(|chunk| chunk.iter().map(Key::attributes).collect());
        let reads: Vec<_> = chunks.map(|chunk| self.batch_get_chunk(chunk)).collect();
        let items: Vec<Vec<Item>> = futures::stream::iter(reads).buffer_unordered(8).try_collect().await?;
        Ok(items.into_iter().flatten().collect())
    }

    async fn batch_get_chunk(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        // What DynamoDB leaves over (16 MB, throttling) is asked for again.
        for attempt in 0..10 {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| Error::Refused(error.to_string()))?;
            let mut answer = self.client.batch_get_item().request_items(&self.name, wanted).send().await?;
            items.extend(answer.responses.take().and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default());
            let left = answer.unprocessed_keys.take().and_then(|mut tables| tables.remove(&self.name));
            match left {
                Some(left) if !left.keys.is_empty() => keys = left.keys,
                _ => return Ok(items),
            }
            backoff::pause(attempt).await;
        }
        Err(Error::Unavailable(format!("BatchGetItem left {} keys over", keys.len())))
    }
}

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

/// Client of one of the tables, with the operations that all kinds of rows share. Every read is strongly consistent.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Table {
    pub(crate) fn new(config: &SdkConfig, name: String) -> Self {
        Self { client: Client::new(config), name }
    }

    /// Opens the network connection to `DynamoDB`, so that the first request is faster.
    pub(crate) async fn warm_up(&self) -> Result<(), Error> {
        self.get(&keys::warm_up()).await.map(drop)
    }

    /// Reads one row. Returns `None` if it does not exist.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key.attributes()));
        Ok(request.consistent_read(true).send().await?.item)
    }

    /// Reads all rows of a partition whose sort keys start with `prefix`.
    pub(crate) async fn partition(&self, pk: String, prefix: &str) -> Result<Vec<Item>, Error> {
        let query = self
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":prefix", s(prefix));
        Ok(query.into_paginator().items().send().collect::<Result<_, _>>().await?)
    }

    /// Writes a row. Replaces an existing row with the same key.
    pub(crate) async fn put(&self, item: Item) -> Result<(), Error> {
        self.put_if(item).send().await?;
        Ok(())
    }

    /// Returns a request that writes a row. The caller adds a condition and sends it.
    pub(crate) fn put_if(&self, item: Item) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.name).set_item(Some(item))
    }

    /// Returns a request that updates a row. The caller adds the expressions and sends it.
    pub(crate) fn update(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(key.attributes()))
    }

    /// Returns a query with strongly consistent reads. The caller adds the key condition and sends it.
    pub(crate) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name).consistent_read(true)
    }

    /// Returns a query of the rows from `first` to `last`, which are in one partition. The caller sends it.
    pub(crate) fn range(&self, first: Key, last: Key) -> QueryFluentBuilder {
        self.query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", s(first.pk))
            .expression_attribute_values(":first", s(first.sk))
            .expression_attribute_values(":last", s(last.sk))
    }

    /// Deletes a row and returns it, or `None` if it does not exist. Of several concurrent calls, only one gets the
    /// row.
    pub(crate) async fn delete(&self, key: &Key) -> Result<Option<Item>, Error> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key.attributes()));
        // Without this condition, two concurrent deletes in DynamoDB Local both return the row.
        match request.condition_expression("attribute_exists(pk)").return_values(ReturnValue::AllOld).send().await {
            Ok(deleted) => Ok(deleted.attributes),
            Err(error) if condition_failed(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the rows with the given keys, in no particular order. Keys without a row are left out.
    pub(crate) async fn batch_get(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<Item>, Error> {
        // BatchGetItem takes at most 100 keys and refuses duplicates. The set is sorted, so that runs of the simulation
        // are reproducible.
        let keys: Vec<_> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let chunks = keys.chunks(100).map(|chunk| chunk.iter().map(Key::attributes).collect());
        let reads: Vec<_> = chunks.map(|chunk| self.batch_get_chunk(chunk)).collect();
        let items: Vec<Vec<Item>> = futures::stream::iter(reads).buffer_unordered(8).try_collect().await?;
        Ok(items.into_iter().flatten().collect())
    }

    async fn batch_get_chunk(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        // DynamoDB may leave keys unprocessed when it throttles, or when the answer would exceed 16 MB. They are
        // requested again.
        for attempt in 0..10 {
            let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let request = request.map_err(|error| Error::Refused(error.to_string()))?;
            let mut answer = self.client.batch_get_item().request_items(&self.name, request).send().await?;
            items.extend(answer.responses.take().and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default());
            let unprocessed = answer.unprocessed_keys.take().and_then(|mut tables| tables.remove(&self.name));
            match unprocessed {
                Some(unprocessed) if !unprocessed.keys.is_empty() => keys = unprocessed.keys,
                _ => return Ok(items),
            }
            backoff::pause(attempt).await;
        }
        Err(Error::Unavailable(format!("BatchGetItem left {} keys unprocessed after 10 attempts", keys.len())))
    }
}

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use crate::error::Error;
use crate::keys::Key;
use crate::row::Item;
use crate::table::Table;

/// Condition of a write: no row has the key yet.
pub(crate) const IS_NEW: &str = "attribute_not_exists(pk)";

/// A write that is part of a transaction.
pub(crate) enum Write {
    Put(PutBuilder),
    Update(UpdateBuilder),
    Delete(DeleteBuilder),
}

/// Result of a transaction.
pub(crate) enum TransactionResult {
    /// All rows were written.
    Committed,
    /// No row was written, because conditions were not met. Contains an entry for each write: the existing row if
    /// the condition of this write failed, otherwise `None`.
    ConditionFailed(Vec<Option<Item>>),
    /// No row was written, because of a concurrent write to one of the rows, or throttling. The same transaction may
    /// succeed shortly.
    Conflict,
}

impl Table {
    /// Returns a put that is part of a transaction. The caller may add a condition.
    pub(crate) fn transaction_put(&self, item: Item) -> PutBuilder {
        Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Returns an update that is part of a transaction. The caller adds the expressions.
    pub(crate) fn transaction_update(&self, key: &Key) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Returns a deletion that is part of a transaction. The caller may add a condition.
    pub(crate) fn transaction_delete(&self, key: &Key) -> DeleteBuilder {
        Delete::builder().table_name(&self.name).set_key(Some(key.attributes()))
    }

    /// Makes all `writes` or none. The SDK sends a client request token, so its own retries do not write twice.
    pub(crate) async fn transact(&self, writes: impl IntoIterator<Item = Write>) -> Result<TransactionResult, Error> {
        let mut transaction = self.client.transact_write_items();
        for write in writes {
            let item = TransactWriteItem::builder();
            let item = match write {
                Write::Put(put) => put.build().map(|put| item.put(put)),
                Write::Update(update) => update.build().map(|update| item.update(update)),
                Write::Delete(delete) => delete.build().map(|delete| item.delete(delete)),
            };
            let item = item.map_err(|error| Error::Refused(error.to_string()))?;
            transaction = transaction.transact_items(item.build());
        }
        let Err(error) = transaction.send().await else { return Ok(TransactionResult::Committed) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let reasons = canceled.cancellation_reasons();
                let any = |codes: &[&str]| reasons.iter().any(|r| r.code().is_some_and(|code| codes.contains(&code)));
                // If a row has a conflict, DynamoDB does not say whether the condition on this row would fail as well,
                // for example because an earlier attempt, whose answer was lost, has written the row. So a conflict
                // takes precedence over the failed conditions of other rows, and the transaction is attempted again.
                if any(&["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]) {
                    Ok(TransactionResult::Conflict)
                } else if any(&["ConditionalCheckFailed"]) {
                    let failed = |code: Option<&str>| code == Some("ConditionalCheckFailed");
                    let rows = reasons.iter().map(|r| failed(r.code()).then(|| r.item().cloned().unwrap_or_default()));
                    Ok(TransactionResult::ConditionFailed(rows.collect()))
                } else {
                    Err(error.into())
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Ok(TransactionResult::Conflict),
            _ => Err(error.into()),
        }
    }
}

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use crate::error::Error;
use crate::row::Item;
use crate::table::Table;

/// The condition that no row has the key yet.
pub(crate) const IS_NEW: &str = "attribute_not_exists(pk)";

/// What a transaction of puts came to.
pub(crate) enum Transacted {
    /// All rows are written.
    Done,
    /// None is: conditions failed. For each put, the row that stood in its way.
    Refused(Vec<Option<Item>>),
    /// None is: somebody else was writing one of the rows. Trying again may succeed.
    Conflict,
}

impl Table {
    /// A put into this table, to be made part of a transaction.
    pub(crate) fn put_in(&self, item: Item) -> PutBuilder {
        Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// All of `puts` or none. The SDK sends a client request token along, so its own retries cannot do it twice.
    pub(crate) async fn transact(&self, puts: Vec<PutBuilder>) -> Result<Transacted, Error> {
        let mut transaction = self.client.transact_write_items();
        for put in puts {
            let put = put.build().map_err(|error| Error::Refused(error.to_string()))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        let Err(error) = transaction.send().await else { return Ok(Transacted::Done) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let reasons = canceled.cancellation_reasons();
                let any = |codes: &[&str]| reasons.iter().any(|r| r.code().is_some_and(|code| codes.contains(&code)));
                if any(&["ConditionalCheckFailed"]) {
                    let in_the_way = |code: Option<&str>| code == Some("ConditionalCheckFailed");
                    let rows =
                        reasons.iter().map(|r| in_the_way(r.code()).then(|| r.item().cloned().unwrap_or_default()));
                    Ok(Transacted::Refused(rows.collect()))
                } else if any(&["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]) {
                    Ok(Transacted::Conflict)
                } else {
                    Err(error.into())
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Ok(Transacted::Conflict),
            _ => Err(error.into()),
        }
    }
}

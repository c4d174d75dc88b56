use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;

use crate::backoff;
use crate::error::Error;
use crate::keys;
use crate::row::{Item, s};
use crate::table::Table;
use crate::transaction::{IS_NEW, TransactionResult, Write};

/// Name of the attribute that holds a key.
const KEY: &str = "key";

/// Client of the `PushKeys` table: the VAPID key pair of the deployment, in one row for each key. Push subscriptions are bound
/// to the pair, so it never changes.
#[derive(Debug, Clone)]
pub struct PushKeys {
    table: Table,
}

impl PushKeys {
    /// Creates a client of the `DynamoDB` table named `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { table: Table::new(config, table) }
    }

    /// Reads the public key. Returns `None` if the pair has not been created yet.
    pub async fn public_key(&self) -> Result<Option<String>, Error> {
        match self.table.get(&keys::vapid_public_key()).await?.and_then(|mut item| item.remove(KEY)) {
            Some(AttributeValue::S(key)) => Ok(Some(key)),
            _ => Ok(None),
        }
    }

    /// Reads the private key as it was passed to [`create`](Self::create). Returns `None` if the pair has not been created yet.
    pub async fn private_key(&self) -> Result<Option<Vec<u8>>, Error> {
        match self.table.get(&keys::vapid_private_key()).await?.and_then(|mut item| item.remove(KEY)) {
            Some(AttributeValue::B(key)) => Ok(Some(key.into_inner())),
            _ => Ok(None),
        }
    }

    /// Stores a new pair, unless there is one already. Of concurrent calls, the first one stores its pair. Returns the stored
    /// public key.
    pub async fn create(&self, public_key: String, private_key: Vec<u8>) -> Result<String, Error> {
        let put = |key: keys::Key, value| {
            let mut item: Item = key.attributes();
            item.insert(KEY.to_owned(), value);
            let put = self.table.transaction_put(item).condition_expression(IS_NEW);
            // If the pair exists already, the answer must not contain the existing row: the function that creates the
            // pair must not receive a private key that another call has stored.
            Write::Put(put.set_return_values_on_condition_check_failure(None))
        };
        for attempt in 0..backoff::ATTEMPTS {
            let writes = [
                put(keys::vapid_public_key(), s(&public_key)),
                put(keys::vapid_private_key(), AttributeValue::B(Blob::new(private_key.clone()))),
            ];
            match self.table.transact(writes).await? {
                TransactionResult::Committed => return Ok(public_key),
                TransactionResult::ConditionFailed(_) => {
                    let stored = self.public_key().await?;
                    return stored.ok_or_else(|| Error::MissingRow(keys::vapid_public_key().to_string()));
                }
                TransactionResult::Conflict => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many concurrent creations of the VAPID key".into()))
    }
}

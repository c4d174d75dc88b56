use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{Timestamp, UserId, limits};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::connections::Connections;
use crate::error::Error;
use crate::keys;
use crate::row::{from_item, to_item};

/// The user to whom a ticket was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketHolder {
    /// ID of the user.
    pub user_id: UserId,
    /// When the token that authorized the ticket expires, in seconds since 1970.
    pub token_expires_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketRow {
    #[serde(flatten)]
    holder: TicketHolder,
    expires_at: i64,
}

/// Number of random bytes in a ticket.
const TICKET_BYTES: usize = 32;

/// Returns whether the text has the form of a ticket.
fn is_ticket(text: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == TICKET_BYTES)
}

impl Connections {
    /// Issues a ticket: 256 random bits as base64url, valid for one connection within [`limits::TICKET_SECONDS`]. Only
    /// its hash is stored.
    pub async fn issue_ticket(&self, holder: TicketHolder) -> Result<String, Error> {
        let mut bytes = [0; TICKET_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| Error::Unavailable("the system's random number generator failed".into()))?;
        let ticket = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let row = TicketRow { holder, expires_at: Timestamp::now().seconds() + limits::TICKET_SECONDS };
        let item = to_item(&keys::ticket(&ticket), &row)?;
        self.table.put(item).await?;
        Ok(ticket)
    }

    /// Deletes a ticket and returns its holder. Returns `None` if the ticket was used before, has expired or was never
    /// issued. Of several concurrent calls, only one gets the holder. A text that cannot be a ticket causes no call to
    /// `DynamoDB`.
    pub async fn redeem_ticket(&self, ticket: &str) -> Result<Option<TicketHolder>, Error> {
        if !is_ticket(ticket) {
            return Ok(None);
        }
        let Some(item) = self.table.delete(&keys::ticket(ticket)).await? else { return Ok(None) };
        let row: TicketRow = from_item(item)?;
        // TTL deletes rows late, so an expired ticket may still exist.
        Ok((row.expires_at > Timestamp::now().seconds()).then_some(row.holder))
    }
}

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{Timestamp, UserId, limits};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::connections::Connections;
use crate::error::Error;
use crate::keys;
use crate::row::{from_item, to_item};

/// Who a ticket was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketHolder {
    /// The user.
    pub user_id: UserId,
    /// When the token that the ticket was asked for with runs out, in seconds since 1970.
    pub token_expires_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketRow {
    #[serde(flatten)]
    holder: TicketHolder,
    expires_at: i64,
}

impl Connections {
    /// A new ticket, good for one connection within [`limits::TICKET_SECONDS`]: 256 random bits, of which only a
    /// hash is stored.
    pub async fn issue_ticket(&self, holder: TicketHolder) -> Result<String, Error> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Unavailable("no randomness".into()))?;
        let ticket = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let row = TicketRow { holder, expires_at: Timestamp::now().seconds() + limits::TICKET_SECONDS };
        let item = to_item(&keys::ticket(&ticket), &row)?;
        self.table.put(item).await?;
        Ok(ticket)
    }

    /// Uses a ticket up: whose it is, or `None` where it was used before, has run out or never was.
    pub async fn redeem_ticket(&self, ticket: &str) -> Result<Option<TicketHolder>, Error> {
        let Some(item) = self.table.delete(&keys::ticket(ticket)).await? else { return Ok(None) };
        let row: TicketRow = from_item(item)?;
        Ok((row.expires_at > Timestamp::now().seconds()).then_some(row.holder))
    }
}

//! Everything that lasts, in `DynamoDB`: [`Chat`] for users, threads and messages, [`Connections`] for sockets,
//! their subscriptions and tickets. One file for each entity; the keys are in `keys` alone.

mod backoff;
mod cache;
mod chat;
mod connections;
mod error;
mod idempotency;
mod keys;
mod messages;
mod row;
mod table;
mod threads;
mod tickets;
mod transaction;
mod users;

pub use chat::Chat;
pub use connections::{Connection, Connections, Subscribed};
pub use error::{Error, describe};
pub use messages::{MessageRow, NewMessage, Sent};
pub use threads::CreatedThread;
pub use tickets::TicketHolder;

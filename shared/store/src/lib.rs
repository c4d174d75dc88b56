//! Everything that lasts, in `DynamoDB`: [`Chat`] for users, threads, messages and files, [`Connections`] for sockets,
//! their subscriptions and tickets. One file for each entity; the keys are in `keys` alone.

mod backoff;
mod cache;
mod chat;
mod connections;
mod context;
mod error;
mod files;
mod idempotency;
mod keys;
mod links;
mod messages;
mod page;
mod row;
mod table;
mod threads;
mod tickets;
mod transaction;
mod users;

pub use chat::Chat;
pub use connections::{Connection, Connections, Subscribed, Subscriber, Subscribers};
pub use error::{Error, describe};
pub use files::{FileRow, Outcome};
pub use links::{BadLinkKey, Links, Published};
pub use messages::{MessageRow, NewMessage, Sent, Undelivered};
pub use threads::CreatedThread;
pub use tickets::TicketHolder;

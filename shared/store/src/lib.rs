//! Storage in `DynamoDB`. [`Chat`] holds users, threads, messages and files; [`Connections`] holds connections, their
//! subscriptions and tickets; [`PushKeys`] holds the VAPID key pair that signs requests to push services.
//!
//! Kinds of rows that belong together share a module, `keys` makes all primary keys, and `docs/data-model.md` lists all
//! rows with their attributes.

mod backoff;
mod cache;
mod changes;
mod chat;
mod connections;
mod error;
mod file_uses;
mod files;
mod idempotency;
mod keys;
mod links;
mod memberships;
mod message_rate;
mod message_row;
mod messages;
mod names_and_files;
mod notifications;
mod page;
mod people;
mod pictures;
mod projection;
mod push_keys;
mod push_subscriptions;
mod quotas;
mod related;
mod revisions;
mod row;
mod send;
mod table;
mod thread_list;
mod thread_row;
mod threads;
mod tickets;
mod transaction;
mod users;

pub use changes::{Change, NewChange, Refused};
pub use chat::Chat;
pub use connections::{Connection, Connections, Subscribed, Subscriber, Subscribers};
pub use error::Error;
pub use file_uses::Unsendable;
pub use files::{FileRow, Outcome};
pub use keys::ChangedRow;
pub use links::{BadLinkKey, Links, Published};
pub use memberships::{MemberState, MembershipChange, ReadResult};
pub use message_rate::MessageRate;
pub use message_row::{MessageRow, Undelivered};
pub use notifications::{NewsMessage, Recipient, ThreadNews};
pub use pictures::UnusablePicture;
pub use push_keys::PushKeys;
pub use push_subscriptions::{Registered, SubscriptionRow};
pub use quotas::{QuotaExceeded, UploadQuota};
pub use revisions::{ChangeKind, ChangedMessage, RevisionRow};
pub use send::{NewMessage, Sent};
pub use thread_row::ThreadRow;
pub use threads::{CreatedThread, NewThread};
pub use tickets::TicketHolder;

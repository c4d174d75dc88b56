//! What goes over the wire: ids, requests, responses, socket frames, error codes and limits.
//!
//! Requests are parsed here, from bytes to a valid value or to a [`Problem`] that names every offending
//! field. Nothing here knows about AWS.

mod cursor;
mod error;
mod fields;
mod file;
mod ids;
mod message;
mod page;
mod problem;
mod profile;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "simulation")]
pub mod simulation;
mod socket;
mod thread;
mod timestamp;

pub use cursor::{MessageCursor, ThreadCursor};
pub use error::ApiError;
pub use file::{Attachment, CreateFile, FileDetails, FileStatus, NewFile, Upload};
pub use ids::{ConnectionId, FileId, MessageId, ThreadId, UserId};
pub use message::{Author, IdempotencyKey, Message, MessagePage, SendMessage};
pub use page::{MessageRange, MessagesQuery, ThreadsQuery};
pub use problem::{ErrorCode, FieldError, Problem};
pub use profile::Profile;
pub use socket::{Action, Answer, Channel, Event, Frame, FrameError, WsTicket, message_new_frame};
pub use thread::{CreateThread, Thread, ThreadDetails, ThreadPage, ThreadSummary};
pub use timestamp::Timestamp;

/// The limits that clients may rely on. "Characters" are Unicode scalar values.
pub mod limits {
    /// Members of a thread, the caller included. A `DynamoDB` transaction takes 100 items at most and creating
    /// a thread writes two beside one for each member.
    pub const MEMBERS: usize = 90;
    /// Characters of a thread's title.
    pub const TITLE_CHARS: usize = 100;
    /// Characters of a message's body.
    pub const BODY_CHARS: usize = 8_000;
    /// Files of one message.
    pub const FILES: usize = 10;
    /// Bytes of a file, unless the deployment says otherwise: the default of the template's `MaxFileBytes`.
    pub const FILE_BYTES: u64 = 25 * 1024 * 1024;
    /// Characters of a file's name.
    pub const FILE_NAME_CHARS: usize = 255;
    /// Characters of a file's media type: RFC 6838, section 4.2, allows its two names 127 each.
    pub const MEDIA_TYPE_CHARS: usize = 255;
    /// Characters of an `Idempotency-Key`.
    pub const IDEMPOTENCY_KEY_CHARS: usize = 128;
    /// Bytes of a user id; `OpenID` Connect Core 1.0, section 2, allows a `sub` 255 ASCII characters.
    pub const USER_ID_BYTES: usize = 255;
    /// Bytes of a request's body. The largest that keeps the other limits, with every character escaped, has
    /// some 140 000.
    pub const REQUEST_BYTES: usize = 256 * 1024;
    /// Offending fields that an answer names, at most: it has to stay below Lambda's 6 MB whatever was sent.
    pub const ERRORS: usize = 100;
    /// Bytes of a page of threads or messages, roughly: Lambda returns 6 MB at most.
    pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
    /// Rows of a page, at most.
    pub const PAGE: u32 = 100;
    /// Rows of a page where `limit` is not given.
    pub const PAGE_DEFAULT: u32 = 50;
    /// Bytes of one socket frame, either way: API Gateway's frame size for WebSocket APIs.
    pub const FRAME_BYTES: usize = 32 * 1024;
    /// Characters of a frame's `id`.
    pub const FRAME_ID_CHARS: usize = 128;
    /// Seconds that a socket ticket is good for.
    pub const TICKET_SECONDS: i64 = 60;
    /// Seconds that a socket may live: API Gateway's connection duration for WebSocket APIs.
    pub const CONNECTION_SECONDS: i64 = 2 * 60 * 60;
    /// Channels that one connection may subscribe to in its life.
    pub const SUBSCRIPTIONS: usize = 500;
}

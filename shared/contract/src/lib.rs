//! The types of the API: IDs, requests, responses, socket frames, error codes and limits.
//!
//! This crate also parses requests: bytes become a valid value, or a [`Problem`] that names every invalid field.
//! It does not depend on AWS.

mod change;
mod channel;
mod cursor;
mod error;
mod fields;
mod file;
mod frame;
mod ids;
mod member;
mod message;
mod page;
mod people;
mod preview;
mod problem;
mod profile;
mod push;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "simulation")]
pub mod simulation;
mod socket;
mod text;
mod thread;
mod timestamp;

pub use change::{Changes, EditMessage, Emoji, Quote, React, Reaction};
pub use channel::{Channel, ChannelName};
pub use cursor::{ChangeCursor, MessageCursor, PersonCursor, ThreadCursor};
pub use error::ApiError;
pub use file::{Attachment, CreateFile, FileDetails, FileStatus, ImageSize, NewFile, Upload};
pub use frame::{Action, Frame, FrameError};
pub use ids::{ChangeId, ConnectionId, FileId, MessageId, PushId, ThreadId, UserId};
pub use member::{MarkRead, MarkedRead, OwnState, ReadMark, ThreadSettings, UpdateSettings};
pub use message::{Author, IdempotencyKey, Message, MessagePage, SendMessage};
pub use page::{ChangesQuery, MessageRange, MessagesQuery, PeopleQuery, ThreadsQuery};
pub use people::{Me, PeoplePage, Person, UpdateMe};
pub use preview::{MessagePreview, PreviewAttachment, cut};
pub use problem::{ErrorCode, FieldError, Problem};
pub use profile::Profile;
pub use push::{Notification, PushKey, PushMessage, PushSubscription, PutSubscription, SubscriptionKeys};
pub use socket::{
    Answer, Event, NewThread, WsTicket, message_changed_frame, message_new_frame, thread_new_frame,
    thread_updated_frames,
};
pub use text::{changes_layout, is_visible};
pub use thread::{CreateThread, Thread, ThreadDetails, ThreadOverview, ThreadPage, ThreadSummary, ThreadUpdate};
pub use timestamp::Timestamp;

/// Limits that clients may rely on. A character is a Unicode scalar value.
pub mod limits {
    /// Maximum number of members of a thread, the caller included. One `DynamoDB` transaction of at most 100 items
    /// creates a thread: a row per member, the thread's row, and the row that finds the thread by its members.
    pub const MEMBERS: usize = 90;
    /// Maximum number of characters in a thread's title.
    pub const TITLE_CHARS: usize = 100;
    /// Maximum number of characters in a message's body.
    pub const BODY_CHARS: usize = 8_000;
    /// Largest `seq` that a request may name: the largest whole number that every JSON parser keeps exactly (RFC 8259,
    /// section 6).
    pub const SEQ: u64 = (1 << 53) - 1;
    /// Maximum number of characters of a message's body in a preview.
    pub const PREVIEW_CHARS: usize = 200;
    /// Maximum number of files in a message.
    pub const FILES: usize = 10;
    /// Maximum number of uses of a file: messages, and the owner's picture. The file's row lists its uses, and a page
    /// of messages reads the rows of up to 1,000 files, so these rows must stay small.
    pub const FILE_USES: usize = 100;
    /// Maximum number of characters of a message's body in a quote.
    pub const QUOTE_CHARS: usize = 100;
    /// Maximum number of characters of an emoji. Some emoji consist of more than ten characters.
    pub const EMOJI_CHARS: usize = 16;
    /// Maximum number of revisions that a client can be behind and still get the list of changes. A client that is
    /// further behind must reload the messages.
    pub const CHANGES: u64 = 1_000;
    /// Default for the time after which a message's text can no longer be changed, in hours. A deployment sets another
    /// time with the parameter `EditHours` of template.yaml, which has the same default.
    pub const EDIT_HOURS: u64 = 24;
    /// Default for the maximum size of a file in bytes. A deployment sets another size with the parameter
    /// `MaxFileBytes` of template.yaml, which has the same default.
    pub const FILE_BYTES: u64 = 25 * 1024 * 1024;
    /// Maximum number of characters in a file's name.
    pub const FILE_NAME_CHARS: usize = 255;
    /// Maximum number of characters in a file's media type. RFC 6838, section 4.2, allows 127 characters for the type
    /// and 127 for the subtype.
    pub const MEDIA_TYPE_CHARS: usize = 255;
    /// Maximum number of characters in an `Idempotency-Key`.
    pub const IDEMPOTENCY_KEY_CHARS: usize = 128;
    /// Maximum size of a user ID in bytes. `OpenID` Connect Core 1.0, section 2, allows a `sub` of 255 ASCII
    /// characters.
    pub const USER_ID_BYTES: usize = 255;
    /// Maximum size of a request body in bytes. A body within all other limits has at most about 140,000 bytes, even if
    /// JSON escapes every character.
    pub const REQUEST_BYTES: usize = 256 * 1024;
    /// Maximum number of invalid fields that an error response names. It keeps the response below Lambda's limit of 6
    /// MB.
    pub const ERRORS: usize = 100;
    /// Approximate maximum size of a page of threads or messages in bytes. It keeps the response below Lambda's limit
    /// of 6 MB.
    pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
    /// Maximum number of threads, messages or people on a page.
    pub const PAGE: u32 = 100;
    /// Maximum number of threads, messages or people on a page if the request has no `limit`.
    pub const PAGE_DEFAULT: u32 = 50;
    /// Maximum size of a frame in bytes, in both directions: API Gateway's quota for a WebSocket frame.
    pub const FRAME_BYTES: usize = 32 * 1024;
    /// Maximum number of characters in a frame's `id`.
    pub const FRAME_ID_CHARS: usize = 128;
    /// Maximum number of characters of a push subscription's endpoint.
    pub const ENDPOINT_CHARS: usize = 2_048;
    /// Maximum number of push subscriptions of a user, that is, of devices that receive notifications. Approximate: a user
    /// who registers several devices at the same moment may get a few more.
    pub const DEVICES: usize = 10;
    /// Days after which a push subscription expires unless the client has registered it again.
    pub const DEVICE_DAYS: i64 = 60;
    /// Seconds between a message and the notification of the members who have not read it.
    pub const NOTIFICATION_SECONDS: i64 = 5;
    /// Maximum number of characters (extended grapheme clusters) of a message's text in a notification.
    pub const NOTIFICATION_CHARS: usize = 200;
    /// Seconds until a ticket, which opens one connection, expires.
    pub const TICKET_SECONDS: i64 = 60;
    /// Maximum lifetime of a connection in seconds: API Gateway's quota for a WebSocket connection.
    pub const CONNECTION_SECONDS: i64 = 2 * 60 * 60;
    /// Maximum number of channels that a connection may subscribe to during its lifetime. Unsubscribing does not make
    /// room for another channel.
    pub const SUBSCRIPTIONS: usize = 500;
    /// Minimum number of seconds between two `typing` frames of a connection. The server drops a frame that arrives
    /// earlier.
    pub const TYPING_SECONDS: u64 = 5;
    /// Default for the maximum number of messages and changes to messages that a user may make per minute. A deployment
    /// sets another number with the parameter `MessagesPerMinute` of template.yaml, which has the same default. The
    /// following limits likewise are the defaults of `ThreadsPerDay`, `UploadsPerDay`, `UploadBytesPerDay` and
    /// `ConnectionsPerUser`.
    pub const MESSAGES_PER_MINUTE: u64 = 120;
    /// Default for the maximum number of threads that a user may create per day (UTC).
    pub const THREADS_PER_DAY: u64 = 50;
    /// Default for the maximum number of files that a user may create per day (UTC), whether uploaded or not.
    pub const UPLOADS_PER_DAY: u64 = 500;
    /// Default for the maximum size of all files together that a user may create per day (UTC), in bytes, whether
    /// uploaded or not.
    pub const UPLOAD_BYTES_PER_DAY: u64 = 2 * 1024 * 1024 * 1024;
    /// Default for the maximum number of open connections of a user.
    pub const CONNECTIONS_PER_USER: u64 = 20;
}

//! Files in S3, presigned URLs for them, and reminders in SQS.
//!
//! A client uploads to `uploads/`. Files are served from a copy that is published after inspection. The owner and the
//! state of a file are in `store`, not here.

mod bucket;
mod disposition;
mod keys;
mod presign;
mod reminders;

pub use aws_support::Error;
pub use bucket::{Bucket, Uploaded};
pub use disposition::content_disposition;
pub use keys::uploaded_file;
pub use presign::{DOWNLOAD_WINDOW, PresignedUpload, Presigner, UPLOAD_WINDOW};
pub use reminders::{MAX_DELAY, Reminder, Reminders};

//! Files in S3, presigned URLs for them, and reminders in SQS, which make files-process check on a file after its
//! upload window.
//!
//! A client uploads to a key under `uploads/`. After inspection, files-decode publishes a copy, and only the copy is
//! served. The owner and the state of a file are in the crate `store`, not here.

mod bucket;
mod decoder;
mod disposition;
mod keys;
mod presign;
mod reminders;

pub use aws_support::Error;
pub use bucket::{Bucket, Uploaded};
pub use decoder::{DecodeError, DecodeRequest, Decoded, Decoder, MAX_REASON, MAX_SIDE};
pub use disposition::content_disposition;
pub use keys::uploaded_file;
pub use presign::{DOWNLOAD_WINDOW, PresignedUpload, Presigner, UPLOAD_WINDOW};
pub use reminders::{MAX_DELAY, Reminder, Reminders};

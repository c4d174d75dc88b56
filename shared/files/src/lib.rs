//! Files in the bucket, and the reminders that look after them.
//!
//! A client uploads to `uploads/`, and what is served is a copy that was made after inspection. Whose a file is and
//! how far it has come is not known here.

mod bucket;
mod disposition;
mod error;
mod keys;
mod presign;
mod reminders;

pub use bucket::{Bucket, Uploaded};
pub use disposition::content_disposition;
pub use error::Error;
pub use keys::uploaded_file;
pub use presign::{DOWNLOAD_WINDOW, PresignedUpload, Presigner, UPLOAD_WINDOW};
pub use reminders::{MAX_DELAY, Reminder, Reminders};

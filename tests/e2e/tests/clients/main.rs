//! Hearth end to end: what the contract promises, tried by a client that may be picky or hostile.
//!
//! All tests run at once, and again and again, on one stack: each makes threads of its own.

mod announce_file;
mod auth;
mod catching_up;
mod cors;
mod create_thread;
mod file_status;
mod hostile_frames;
mod idempotency;
mod live;
mod paging;
mod samples;
mod send_files;
mod send_message;
mod sockets;
mod strangers;
mod thread_list;
mod tickets;
mod undelivered;
mod upload_file;
mod view_file;
mod view_thread;

//! End-to-end tests of the contract on which clients rely, including strict and malicious clients.
//!
//! All tests of this binary run in parallel, and later runs use the same stack. So each test creates its own threads
//! and files. Tests that disturb others belong in the test binary `disruptive`.

mod access;
mod auth;
mod catching_up;
mod changes;
mod cors;
mod create_file;
mod create_thread;
mod erased_files;
mod file_status;
mod idempotency;
mod inbox;
mod invalid_frames;
mod known_members;
mod live;
mod me;
mod non_members;
mod notifications;
mod paging;
mod people;
mod pictures;
mod presence;
mod read_marks;
mod samples;
mod send_files;
mod send_message;
mod settings;
mod sockets;
mod thread_list;
mod tickets;
mod undelivered;
mod upload_file;
mod view_file;
mod view_thread;

//! Code that tests share: `DynamoDB` and S3 emulators in the test's process, fakes of API Gateway's `@connections`,
//! of Lambda, of SQS and of a push service, a token issuer, and fixtures.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a panic in here fails the test that caused it")]

mod calls;
mod changes;
mod dynamodb;
pub mod engine;
mod fixtures;
pub mod issuer;
mod lambda;
mod management;
mod proxy;
mod push_service;
mod queue;
mod serve;
mod storage;
mod web_push;

pub use calls::{body, call, caller, problem, public_call, socket_event};
pub use changes::{edit, react, set_picture, set_receipts, try_change};
pub use dynamodb::Tables;
pub use fixtures::{
    change, connect, links, make_known, message_row, new_file, new_image, new_thread, ready_image, send_text,
    send_with_files, set_in_message,
};
pub use lambda::{Invoked, Lambda};
pub use management::Management;
pub use proxy::{Fault, Intercepted, once};
pub use push_service::{PushAnswer, PushService};
pub use queue::Queue;
pub use storage::Storage;
pub use web_push::{Device, Received};

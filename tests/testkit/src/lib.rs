//! What the tests share: real engines in the process, fakes of `@connections` and of a queue, an issuer of tokens, and
//! events.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "what goes wrong in here fails the test")]

mod calls;
mod dynamodb;
pub mod engine;
pub mod issuer;
mod management;
mod proxy;
mod queue;
mod scene;
mod serve;
mod storage;

pub use calls::{body, call, caller, problem, public_call, socket_event};
pub use dynamodb::Tables;
pub use management::Management;
pub use proxy::{Fault, Passing, once};
pub use queue::Queue;
pub use scene::{announce, connect, links, row_of, say, say_with, thread_of};
pub use storage::Storage;

//! Everything between Lambda and a handler: configuration, AWS clients, logs, authentication, and responses. A
//! function's `main.rs` connects these parts; its handler does not depend on Lambda.

mod api;
mod aws;
mod client;
mod config;
mod error;
pub mod identity;
mod socket;
mod start;

pub use api::{Answer, Call, json, no_content, redirect, respond, serve, serve_public};
pub use aws::{sdk_config, sdk_config_for};
pub use config::{ConfigError, optional, required, required_flag, required_number};
pub use error::report;
pub use http::{HeaderName, StatusCode, header};
pub use identity::{Caller, Verifier, bearer};
pub use lambda_runtime::Error;
pub use socket::{SocketEvent, refuse_frame, serve_socket, socket_response};
pub use start::{init_telemetry, verifier, warm_up};

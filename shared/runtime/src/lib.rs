//! Lambda glue: configuration, AWS clients, telemetry, identity, and how results become answers. A function's
//! `main.rs` wires these together; its handler sees none of Lambda.

mod api;
mod aws;
mod client;
mod config;
mod error;
pub mod identity;
mod socket;
mod start;

pub use api::{Answer, Call, json, redirect, respond, serve, serve_public};
pub use aws::{sdk_config, sdk_config_for};
pub use config::{ConfigError, optional, required, required_number};
pub use error::report;
pub use http::{HeaderName, StatusCode, header};
pub use identity::{Caller, Verifier, bearer};
pub use lambda_runtime::Error;
pub use socket::{SocketEvent, refuse_frame, serve_socket, socket_response};
pub use start::{init_telemetry, verifier, warm_up};

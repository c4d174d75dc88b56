//! ws-disconnect

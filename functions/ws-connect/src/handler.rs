//! ws-connect

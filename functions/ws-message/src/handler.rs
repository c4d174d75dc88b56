//! ws-message

//! ws-ticket

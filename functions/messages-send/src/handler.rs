//! messages-send

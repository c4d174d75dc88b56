//! messages-list

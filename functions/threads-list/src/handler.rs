//! threads-list

//! threads-create

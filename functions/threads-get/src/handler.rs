//! threads-get

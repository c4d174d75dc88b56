//! Only dependency features; see `Cargo.toml`.

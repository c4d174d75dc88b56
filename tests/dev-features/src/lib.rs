//! An empty crate, which exists for the dependency features in its `Cargo.toml`.

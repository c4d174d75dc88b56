//! Files and parts of files that are generated from `contract`. `make docs` writes them.

use std::{env, fs};

use crate::template::{checkout, read_text};

mod events;
mod limits;
pub(crate) mod schemas;

/// Compares a file of this checkout with its generated content, or writes it if the variable `UPDATE` is set.
#[track_caller]
fn write_or_compare(path: &str, content: &str) {
    if env::var_os("UPDATE").is_some() {
        fs::write(checkout(path), content).unwrap_or_else(|error| panic!("{path}: {error}"));
    } else {
        assert!(read_text(path) == content, "{path} does not match shared/contract: run `make docs`");
    }
}

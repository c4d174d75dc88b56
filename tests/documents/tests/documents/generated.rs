//! Tests that files generated from the code, the API documents and template.yaml are up to date. `make docs` runs the
//! same tests to write the files.

use std::{env, fs};

use crate::template::{checkout, read_text};

mod api_table;
mod events;
mod limits;
pub(crate) mod schemas;
mod watch_router;

/// Compares a file of this checkout with its generated content. Writes the file instead if the environment variable
/// `UPDATE` is set, as in `make docs`.
#[track_caller]
fn write_or_compare(path: &str, content: &str) {
    if env::var_os("UPDATE").is_some() {
        fs::write(checkout(path), content).unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    } else {
        assert!(read_text(path) == content, "{path} is not up to date: run `make docs`");
    }
}

/// Compares or writes only the part of a file between the lines `start` and `end`, as [`write_or_compare`] does with a
/// whole file. The file must have each of these lines once.
#[track_caller]
fn write_or_compare_part(path: &str, start: &str, end: &str, content: &str) {
    let file = read_text(path);
    let (before, rest) = file.split_once(start).unwrap_or_else(|| panic!("{path} has no line {start:?}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{path} has no line {end:?}"));
    write_or_compare(path, &[before, start, content, end, after].concat());
}

//! Fails a test with a list of errors, such as the differences between two files that must have the same entries.

use std::collections::BTreeSet;

/// The entries of a file, and how to add a missing one.
pub(crate) struct EntryList<'a> {
    /// Name of the file, or of the part of it that has the entries, as the failure shows it.
    pub(crate) file: &'a str,
    /// Instruction to add a missing entry to the file, such as "add it under `paths`".
    pub(crate) add: &'a str,
    /// The entries as the failure shows them.
    pub(crate) entries: BTreeSet<String>,
}

/// Fails unless the two lists have the same entries. The message has one line per missing entry.
#[track_caller]
pub(crate) fn assert_same(one: &EntryList, other: &EntryList) {
    let missing = |from: &EntryList, to: &EntryList| {
        let line = |entry: &String| format!("{entry} is in {} but not in {}: {}", from.file, to.file, to.add);
        from.entries.difference(&to.entries).map(line).collect::<Vec<_>>()
    };
    assert_no_errors(&[missing(one, other), missing(other, one)].concat());
}

/// Fails with all `errors`, one per line.
#[track_caller]
pub(crate) fn assert_no_errors(errors: &[String]) {
    assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
}

#[test]
#[should_panic(expected = "GET /api/ping is in template.yaml but not in docs/openapi.yaml: add it under `paths`")]
fn failure_names_the_missing_entry_and_the_file_to_edit() {
    let entries = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    assert_same(
        &EntryList { file: "template.yaml", add: "…", entries: entries(&["GET /api/ping", "GET /api/threads"]) },
        &EntryList { file: "docs/openapi.yaml", add: "add it under `paths`", entries: entries(&["GET /api/threads"]) },
    );
}

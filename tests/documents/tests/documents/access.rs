//! Tests that the access matrix, `docs/access.md`, has a row for every route, action and pushed event. The end-to-end
//! tests check the answer in each cell.

use std::collections::BTreeSet;

use documents::{AsyncApi, access};

use crate::difference::{EntryList, assert_same};
use crate::template;

fn assert_has_rows(section: &str, file: &str, entries: BTreeSet<String>) {
    let add = format!("add a row with its expected answers to the section {section:?}");
    assert_same(
        &EntryList { file, add: "remove its rows from docs/access.md", entries },
        &EntryList { file: access::PAGE, add: &add, entries: access::names(section) },
    );
}

#[test]
fn every_route_has_a_row() {
    let routes = template::routes().iter().map(template::Route::documented).collect();
    assert_has_rows("Routes", "template.yaml", routes);
}

#[test]
fn every_action_has_a_row() {
    assert_has_rows("Actions", "docs/asyncapi.yaml", AsyncApi::get().unwrap().actions().unwrap());
}

#[test]
fn every_pushed_event_has_a_row() {
    assert_has_rows("Events", "docs/asyncapi.yaml", AsyncApi::get().unwrap().pushed_events().unwrap());
}

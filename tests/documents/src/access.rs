//! Reads `docs/access.md`, the access matrix. Tests compare its rows with the routes, actions and events. The
//! end-to-end tests check the answer in each cell.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a broken page fails the test")]

use std::collections::BTreeSet;

use crate::template::read_text;

/// The page, relative to the root of this checkout.
pub const PAGE: &str = "docs/access.md";

/// A row of a table in `docs/access.md`.
#[derive(Debug)]
pub struct Row {
    /// The cells by their columns' names, without backticks.
    pub cells: Vec<(String, String)>,
}

impl Row {
    /// Returns the first cell, which names the route, credentials, action or event.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cells.first().expect("the row has no cells").1
    }

    /// Returns the cell in a column. Panics if the table has no such column.
    #[must_use]
    pub fn cell(&self, column: &str) -> &str {
        let found = self.cells.iter().find(|(name, _)| name == column);
        &found.unwrap_or_else(|| panic!("{PAGE} has no column {column:?} beside {}", self.name())).1
    }
}

/// Returns the rows of the table in the section `## {section}`. Panics if the page has no such table, or if a row has
/// more or fewer cells than the table has columns, or an empty cell.
#[must_use]
pub fn rows(section: &str) -> Vec<Row> {
    parse(&read_text(PAGE), section)
}

/// Returns the first cells of a section's rows: the names of all routes, for example.
#[must_use]
pub fn names(section: &str) -> BTreeSet<String> {
    rows(section).iter().map(|row| row.name().to_owned()).collect()
}

fn parse(page: &str, section: &str) -> Vec<Row> {
    let heading = format!("## {section}");
    let lines = page.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    let mut table = lines.filter(|line| line.starts_with('|')).map(cells);
    let columns = table.next().unwrap_or_else(|| panic!("{PAGE} has no table in a section {heading:?}"));
    let rows = table.skip(1).map(|cells| {
        let complete = cells.len() == columns.len() && cells.iter().all(|cell| !cell.is_empty());
        assert!(complete, "{PAGE}: give each of the {} columns a cell: {cells:?}", columns.len());
        Row { cells: columns.iter().cloned().zip(cells).collect() }
    });
    rows.collect()
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
        # Access\n\n## Routes\n\ntext\n\n| route | stranger |\n| --- | --- |\n| `GET /a` | 404 `not_found` |\n\n\
        ## Events\n\n| event | stranger |\n| --- | --- |\n| `b` |  |\n";

    #[test]
    fn table_of_a_section_is_read_without_backticks() {
        let rows = parse(PAGE, "Routes");
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].name(), rows[0].cell("stranger")), ("GET /a", "404 not_found"));
    }

    #[test]
    #[should_panic(expected = "give each of the 2 columns a cell")]
    fn empty_cell_is_refused() {
        let _ = parse(PAGE, "Events");
    }

    #[test]
    #[should_panic(expected = "no table in a section \"## Missing\"")]
    fn missing_section_is_refused() {
        let _ = parse(PAGE, "Missing");
    }
}

//! Writes sections of results into a Markdown page, between `<!-- bench:ID -->` and `<!-- /bench:ID -->`.

use anyhow::{Context as _, Result};

use crate::report::Section;

/// Returns the page with the given sections between their markers. Everything else stays as it is, including the tables
/// of parts that did not run. Fails if the page has no markers for a section.
pub(crate) fn with_sections(mut page: String, sections: &[Section]) -> Result<String> {
    for section in sections {
        let (open, close) = (format!("<!-- bench:{} -->\n", section.id), format!("<!-- /bench:{} -->", section.id));
        let missing = || format!("add the lines {}and {close} where the table belongs", open.replace('\n', " "));
        let start = page.find(&open).with_context(missing)? + open.len();
        let end = start + page[start..].find(&close).with_context(missing)?;
        page.replace_range(start..end, &format!("\n{section}\n"));
    }
    Ok(page)
}

//! Tests that an index lists every page of the documentation, and that every relative link between pages leads to a
//! file and a heading.

use std::fs;
use std::path::{Path, PathBuf};

use crate::template;

/// Directories whose pages are not checked, because they belong to dependencies or tools.
const SKIPPED: [&str; 6] = [".git", ".local", ".aws-sam", "dist", "node_modules", "target"];

fn root() -> PathBuf {
    template::checkout("").canonicalize().expect("cannot find the root of the repository")
}

/// Returns all Markdown files below a directory, except in [`SKIPPED`] directories.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("cannot read the directory") {
        let path = entry.expect("cannot read an entry of the directory").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("the file name is not UTF-8");
        if path.is_dir() && !SKIPPED.contains(&name) {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort_unstable();
    found
}

/// Returns the lines of a page outside of its fenced code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// Returns the targets of a page's links and images: `[text](target)`, `src="target"` and `srcset="target"`.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in prose(text) {
        for (start, end) in [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')] {
            let parts = line.split(start).skip(1).filter_map(|part| part.split_once(end));
            targets.extend(parts.map(|(target, _)| target.to_owned()));
        }
    }
    targets
}

/// Returns the anchors that GitHub gives to a page's headings: lower case, with hyphens for spaces, without other
/// punctuation.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter_map(|line| line.strip_prefix('#'));
    headings
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
            kept.map(|char| if char == ' ' { '-' } else { char }).collect()
        })
        .collect()
}

/// Returns what is wrong with the link to `target` on the page at `page`. Returns `None` if it leads to a file and, if
/// it has a `#`, to a heading of this file.
fn broken(page: &Path, text: &str, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = page.parent().expect("the page is not in a directory").join(file);
    if !file.is_empty() && !path.exists() {
        return Some(format!("{}: {target} does not exist", page.display()));
    }
    let anchor = anchor?;
    let headings = match path.extension() {
        _ if file.is_empty() => anchors(text),
        Some(extension) if extension == "md" => anchors(&fs::read_to_string(&path).expect("cannot read the page")),
        _ => return None,
    };
    (!headings.iter().any(|heading| heading == anchor))
        .then(|| format!("{}: {target} leads to no heading", page.display()))
}

#[test]
fn relative_links_lead_to_files_and_headings() {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for page in pages(&root()) {
        let text = fs::read_to_string(&page).expect("cannot read the page");
        for target in targets(&text).into_iter().filter(|target| !target.contains(':')) {
            wrong.extend(broken(&page, &text, &target));
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "broken links:\n{}", wrong.join("\n"));
    assert!(checked > 100, "only {checked} links were found");
}

#[test]
fn a_link_to_a_missing_file_or_heading_is_broken() {
    let page = root().join("docs/README.md");
    let text = "# Documents\n[a](develop.md)\n```sh\n[in code](nowhere.md)\n```\n## Use it: `now`!\n";
    assert_eq!(targets(text), ["develop.md"]);
    assert_eq!(anchors(text), ["documents", "use-it-now"]);
    for target in ["develop.md", "../README.md", "#use-it-now", "develop.md#tests", "decisions"] {
        assert_eq!(broken(&page, text, target), None);
    }
    for target in ["nowhere.md", "#nowhere", "develop.md#nowhere"] {
        assert!(broken(&page, text, target).is_some(), "{target}");
    }
}

/// Fails if the `README.md` of a directory, its index, does not link to each page in the directory.
fn assert_lists_its_pages(directory: &str) {
    let targets = targets(&template::read_text(&format!("{directory}/README.md")));
    let entries = fs::read_dir(root().join(directory)).expect("cannot read the directory");
    let names = entries.map(|entry| {
        let entry = entry.expect("cannot read an entry of the directory");
        entry.file_name().into_string().expect("the file name is not UTF-8")
    });
    let is_page = |name: &String| name != "README.md" && [".md", ".yaml"].iter().any(|suffix| name.ends_with(suffix));
    let missing: Vec<_> = names.filter(is_page).filter(|name| !targets.contains(name)).collect();
    assert!(missing.is_empty(), "{directory}/README.md does not list {missing:?}");
}

#[test]
fn the_index_lists_every_document() {
    assert_lists_its_pages("docs");
}

#[test]
fn the_index_lists_every_decision() {
    assert_lists_its_pages("docs/decisions");
}

//! Tests that every function of `template.yaml` has a sample event in `events/`.

use std::fs;

use crate::difference::assert_no_errors;
use crate::template;

#[test]
fn every_function_has_a_sample_event() {
    let functions = template::functions();
    let files: Vec<_> = fs::read_dir(template::checkout("events"))
        .expect("cannot read the folder events/")
        .map(|entry| {
            entry
                .expect("cannot read an entry of events/")
                .file_name()
                .into_string()
                .expect("a file name in events/ is not UTF-8")
        })
        .collect();
    let mut errors = Vec::new();
    for function in &functions {
        if !files.contains(&format!("{function}.json")) {
            errors.push(format!("{function} is in template.yaml but has no sample event: add events/{function}.json"));
        }
    }
    for file in files {
        // A function with several triggers has several sample events: `<function>.json` and
        // `<function>-<trigger>.json`.
        let belongs = |function: &String| {
            file.strip_prefix(function.as_str()).is_some_and(|rest| rest.starts_with('-') || rest == ".json")
        };
        if !functions.iter().any(belongs) {
            errors.push(format!(
                "events/{file} does not start with the name of a function in template.yaml: rename or remove it"
            ));
        }
    }
    assert_no_errors(&errors);
}

//! Tests that `docs/operations.md` has a section for every alarm of `template.yaml`.

use crate::template;

#[test]
fn every_alarm_of_the_template_has_a_section_in_operations() {
    let template = template::read();
    let alarms: Vec<_> =
        template::resources_of(&template, "AWS::CloudWatch::Alarm").map(|(name, _)| name.as_str()).collect();
    assert!(!alarms.is_empty(), "template.yaml has no alarm");
    let text = template::read_text("docs/operations.md");
    let sections: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let missing: Vec<_> = alarms.into_iter().filter(|alarm| !sections.contains(alarm)).collect();
    assert!(
        missing.is_empty(),
        "docs/operations.md has no section `### …` for these alarms of template.yaml: {missing:?}"
    );
}

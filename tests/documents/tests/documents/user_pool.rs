//! Tests what users may change themselves in the user pool of `template.yaml`. The local cloud does not enforce it.

use crate::template::{self, resources_of, text};

#[test]
fn users_cannot_change_their_name() {
    let template = template::read();
    let (_, client) = resources_of(&template, "AWS::Cognito::UserPoolClient").next().expect("there is no client");
    let writable: Vec<_> = client["Properties"]["WriteAttributes"]
        .as_array()
        .expect("the user pool's client has no WriteAttributes, so users can change every attribute")
        .iter()
        .map(text)
        .collect();
    assert!(
        !writable.iter().any(|attribute| attribute == "name"),
        "remove name from WriteAttributes, or users can take other names"
    );
    // If the list is empty, Cognito uses the default: users can change every attribute.
    assert!(!writable.is_empty(), "WriteAttributes is empty, so users can change every attribute");
}

/// Cognito refuses to create a client that may not write a required attribute. A required attribute is therefore always
/// one that users can change.
#[test]
fn required_attributes_are_writable() {
    let template = template::read();
    let (_, pool) = resources_of(&template, "AWS::Cognito::UserPool").next().expect("there is no user pool");
    let (_, client) = resources_of(&template, "AWS::Cognito::UserPoolClient").next().expect("there is no client");
    let writable = client["Properties"]["WriteAttributes"].as_array().expect("there are no WriteAttributes");
    for attribute in pool["Properties"]["Schema"].as_array().expect("the user pool has no schema") {
        let required = attribute["Required"].as_bool().expect("an attribute does not say whether it is required");
        assert!(
            !required || writable.contains(&attribute["Name"]),
            "{attribute} is required, so add it to WriteAttributes"
        );
    }
}

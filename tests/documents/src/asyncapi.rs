use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::document::{Document, validate};

/// `docs/asyncapi.yaml`.
#[derive(Debug)]
pub struct AsyncApi {
    /// The document itself.
    pub document: Document,
    events: Validator,
    actions: Validator,
}

impl AsyncApi {
    /// The document of this checkout, read once.
    pub fn get() -> Result<&'static Self, &'static str> {
        static DOCUMENT: OnceLock<Result<AsyncApi, String>> = OnceLock::new();
        DOCUMENT.get_or_init(Self::read).as_ref().map_err(String::as_str)
    }

    fn read() -> Result<Self, String> {
        let document = Document::read("asyncapi.yaml")?;
        let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let events = document.closed_validator(&reference("Event"))?;
        let actions = document.validator(&reference("Action"))?;
        Ok(Self { document, events, actions })
    }

    /// Checks a frame that the server has sent.
    pub fn check_event(&self, frame: &Value) -> Result<(), String> {
        validate(&self.events, frame).map_err(|errors| format!("{errors}: {frame}"))
    }

    /// Checks a frame that a client means to be valid.
    pub fn check_action(&self, frame: &Value) -> Result<(), String> {
        validate(&self.actions, frame).map_err(|errors| format!("{errors}: {frame}"))
    }
}

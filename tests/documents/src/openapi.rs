use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::document::{Document, validate};

/// The methods that a path may have operations of.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// `docs/openapi.yaml`.
#[derive(Debug)]
pub struct OpenApi {
    /// The document itself.
    pub document: Document,
    /// Its operations.
    pub operations: Vec<Operation>,
}

/// An operation of the HTTP API.
#[derive(Debug)]
pub struct Operation {
    /// `GET`, `POST`.
    pub method: String,
    /// Its path as the document writes it: `/api/threads/{threadId}`.
    pub path: String,
    /// What the document says of it.
    pub value: Value,
    /// Its answers by status and media type.
    answers: BTreeMap<(u16, String), Validator>,
    /// All of their statuses; some answers have no body.
    statuses: Vec<u16>,
}

impl OpenApi {
    /// The document of this checkout, read once.
    pub fn get() -> Result<&'static Self, &'static str> {
        static DOCUMENT: OnceLock<Result<OpenApi, String>> = OnceLock::new();
        DOCUMENT.get_or_init(Self::read).as_ref().map_err(String::as_str)
    }

    fn read() -> Result<Self, String> {
        let document = Document::read("openapi.yaml")?;
        let mut operations = Vec::new();
        for (path, item) in document.root["paths"].as_object().into_iter().flatten() {
            for (method, value) in item.as_object().into_iter().flatten() {
                if METHODS.contains(&method.as_str()) {
                    operations.push(Operation::read(&document, method, path, value)?);
                }
            }
        }
        Ok(Self { document, operations })
    }

    /// The operation that answers a request, if there is one; `path` without its query.
    #[must_use]
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.method == method && matches(&operation.path, path))
    }
}

impl Operation {
    fn read(document: &Document, method: &str, path: &str, value: &Value) -> Result<Self, String> {
        let mut answers = BTreeMap::new();
        let mut statuses = Vec::new();
        for (status, answer) in value["responses"].as_object().into_iter().flatten() {
            let status = status.parse().map_err(|_| format!("{method} {path}: {status} is no status"))?;
            statuses.push(status);
            for (kind, content) in document.resolve(answer)?["content"].as_object().into_iter().flatten() {
                answers.insert((status, kind.clone()), document.closed_validator(&content["schema"])?);
            }
        }
        Ok(Self { method: method.to_uppercase(), path: path.to_owned(), value: value.clone(), answers, statuses })
    }

    /// Checks an answer: its status, its media type (none where it has no body) and its body.
    pub fn check(&self, status: u16, media_type: Option<&str>, body: &Value) -> Result<(), String> {
        let shown = format!("{} {} → {status}", self.method, self.path);
        if !self.statuses.contains(&status) {
            return Err(format!("{shown}: the document knows no such status"));
        }
        let documented = self.answers.keys().any(|(known, _)| *known == status);
        let essence = media_type.map(|media_type| media_type.split(';').next().unwrap_or_default().trim().to_owned());
        match essence {
            None if documented => Err(format!("{shown}: it has no body")),
            None => Ok(()),
            Some(essence) => match self.answers.get(&(status, essence)) {
                Some(validator) => validate(validator, body).map_err(|errors| format!("{shown}: {errors}: {body}")),
                None => Err(format!("{shown}: the document knows no answer of {media_type:?}")),
            },
        }
    }
}

/// Whether `path` is one that `template` stands for. No two templates of one method are alike.
fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) => {
                let fits = match wanted.split_once('{') {
                    None => wanted == given,
                    Some((before, rest)) => {
                        let after = rest.split_once('}').map_or("", |(_, after)| after);
                        given.strip_prefix(before).and_then(|given| given.strip_suffix(after)).is_some()
                    }
                };
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_what_the_document_says_and_no_more() {
        let operation = OpenApi::get().unwrap().operation("POST", "/api/ws-tickets").unwrap();
        let ticket = json!({ "ticket": "t", "expiresIn": 60 });
        let kind = Some("application/json; charset=utf-8");
        assert_eq!(operation.check(200, kind, &ticket), Ok(()));
        for (status, kind, body) in [
            (201, kind, &ticket),
            (200, None, &Value::Null),
            (200, Some("text/html"), &ticket),
            (200, Some("application/problem+json"), &ticket),
            (200, kind, &json!({ "ticket": "t" })),
            (200, kind, &json!({ "ticket": "t", "expiresIn": "60" })),
            (200, kind, &json!({ "ticket": "t", "expiresIn": 60, "more": 1 })),
        ] {
            assert!(operation.check(status, kind, body).is_err(), "{status} {kind:?} {body}");
        }
    }

    #[test]
    fn no_answer_within_another_has_more_either() {
        let openapi = OpenApi::get().unwrap();
        let operation = openapi.operation("GET", "/api/threads/thread_1/messages").unwrap();
        let content = &operation.value["responses"]["200"]["content"]["application/json"];
        let mut page = content["example"].clone();
        assert_eq!(operation.check(200, Some("application/json"), &page), Ok(()));
        page["messages"][0]["attachments"][0]["more"] = 1.into();
        assert!(operation.check(200, Some("application/json"), &page).is_err());
    }

    #[test]
    fn templates_match_segment_by_segment() {
        assert!(matches("/api/threads/{threadId}", "/api/threads/thread_1"));
        assert!(matches("/thumbs/{fileId}.jpg", "/thumbs/file_1.jpg"));
        for (template, path) in [
            ("/api/threads", "/api/threads/"),
            ("/api/threads/{threadId}", "/api/threads"),
            ("/api/threads/{threadId}", "/api/threads/thread_1/messages"),
            ("/thumbs/{fileId}.jpg", "/thumbs/file_1.png"),
        ] {
            assert!(!matches(template, path), "{template} {path}");
        }
    }
}

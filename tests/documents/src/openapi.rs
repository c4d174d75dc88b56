use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::document::{Document, validate};

/// The keys of a Path Item Object that have operations (`OpenAPI` 3.1), named after HTTP methods.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The document `docs/openapi.yaml`, with validators of its responses.
#[derive(Debug)]
pub struct OpenApi {
    /// The parsed YAML.
    pub document: Document,
    /// All operations of the document.
    pub operations: Vec<Operation>,
}

/// An operation of the HTTP API.
#[derive(Debug)]
pub struct Operation {
    /// The HTTP method in capitals, such as `GET`.
    pub method: String,
    /// The path template, such as `/api/threads/{threadId}`.
    pub path: String,
    /// The operation in the document, an `OpenAPI` Operation Object.
    pub value: Value,
    /// Validators of the response bodies, by status and media type.
    bodies: BTreeMap<(u16, String), Validator>,
    /// The documented statuses, each with the error codes of its response. Includes the statuses whose response has no
    /// body; `bodies` has no entry for them.
    codes: BTreeMap<u16, Vec<String>>,
}

impl OpenApi {
    /// Returns the document of this checkout. It is read only once per process.
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

    /// Returns the operation that a request belongs to. `path` must not include the query.
    #[must_use]
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.method == method && matches(&operation.path, path))
    }
}

impl Operation {
    fn read(document: &Document, method: &str, path: &str, value: &Value) -> Result<Self, String> {
        let (mut bodies, mut codes) = (BTreeMap::new(), BTreeMap::new());
        for (status, response) in value["responses"].as_object().into_iter().flatten() {
            let status = status.parse().map_err(|_| format!("{method} {path}: {status} is not a status"))?;
            let response = document.resolve(response)?;
            codes.insert(status, codes_of(response));
            for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                let schema = exact(&content["schema"], media_type);
                bodies.insert((status, media_type.clone()), document.closed_validator(&schema)?);
            }
        }
        Ok(Self { method: method.to_uppercase(), path: path.to_owned(), value: value.clone(), bodies, codes })
    }

    /// Checks a response to this operation: status, media type (`None` if the response has no body), body and error
    /// code.
    pub fn check(&self, status: u16, media_type: Option<&str>, body: &Value) -> Result<(), String> {
        let shown = format!("{} {} → {status}", self.method, self.path);
        let Some(codes) = self.codes.get(&status) else {
            return Err(format!("{shown}: the status is not in docs/openapi.yaml"));
        };
        let documented = self.bodies.keys().any(|(known, _)| *known == status);
        let essence = media_type.map(|media_type| media_type.split(';').next().unwrap_or_default().trim().to_owned());
        match essence {
            None if documented => Err(format!("{shown}: the response has no body")),
            None => Ok(()),
            Some(essence) => match self.bodies.get(&(status, essence)) {
                Some(validator) => validate(validator, body).map_err(|errors| format!("{shown}: {errors}: {body}")),
                None => Err(format!("{shown}: the media type {media_type:?} is not in docs/openapi.yaml")),
            },
        }?;
        match body["code"].as_str() {
            Some(code) if !codes.iter().any(|known| known == code) => {
                Err(format!("{shown}: the code {code} is not in the `x-codes` of the response in docs/openapi.yaml"))
            }
            _ => Ok(()),
        }
    }
}

/// Returns the error codes that a Response Object lists in its `x-codes`.
fn codes_of(response: &Value) -> Vec<String> {
    let codes = response["x-codes"].as_array().into_iter().flatten();
    codes.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns `schema`. For `ErrorBody`, returns the schema of an error with `media_type` instead: `Problem` for an error
/// from the server, `GatewayError` for one from API Gateway.
///
/// `ErrorBody` allows both schemas for both media types, because generated clients read only the schema of the first
/// media type.
fn exact(schema: &Value, media_type: &str) -> Value {
    match (schema["$ref"].as_str(), media_type) {
        (Some("#/components/schemas/ErrorBody"), "application/problem+json") => {
            json!({ "$ref": "#/components/schemas/Problem" })
        }
        (Some("#/components/schemas/ErrorBody"), _) => json!({ "$ref": "#/components/schemas/GatewayError" }),
        _ => schema.clone(),
    }
}

/// Returns whether `path` matches a path template. At most one template of a method matches a path.
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
    use super::*;

    #[test]
    fn response_with_wrong_or_unknown_parts_is_refused() {
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
    fn error_must_have_a_code_and_form_of_its_response() {
        let operation = OpenApi::get().unwrap().operation("GET", "/api/threads/thread_1").unwrap();
        let problem = |status: u16, code: &str| {
            json!({
                "type": "about:blank", "title": "", "status": status, "code": code, "detail": "", "requestId": "",
                "errors": []
            })
        };
        let (gateway, own) = (Some("application/json"), Some("application/problem+json"));
        let message = json!({ "message": "Unauthorized" });
        assert_eq!(operation.check(404, own, &problem(404, "thread_not_found")), Ok(()));
        assert_eq!(operation.check(401, own, &problem(401, "unauthorized")), Ok(()));
        assert_eq!(operation.check(401, gateway, &message), Ok(()));
        for (status, kind, body) in [
            (404, own, &problem(404, "file_not_found")),
            (401, own, &problem(401, "thread_not_found")),
            (401, own, &message),
            (401, gateway, &problem(401, "unauthorized")),
        ] {
            assert!(operation.check(status, kind, body).is_err(), "{status} {kind:?} {body}");
        }
    }

    #[test]
    fn unknown_field_in_nested_object_is_refused() {
        let openapi = OpenApi::get().unwrap();
        let operation = openapi.operation("GET", "/api/threads/thread_1/messages").unwrap();
        let content = &operation.value["responses"]["200"]["content"]["application/json"];
        let mut page = content["example"].clone();
        assert_eq!(operation.check(200, Some("application/json"), &page), Ok(()));
        page["messages"][0]["attachments"][0]["more"] = 1.into();
        assert!(operation.check(200, Some("application/json"), &page).is_err());
    }

    #[test]
    fn template_matches_path_segment_by_segment() {
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

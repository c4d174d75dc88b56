use std::collections::BTreeSet;
use std::fmt;

use documents::OpenApi;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;

use crate::patience::PATIENCE;
use crate::shape::text;
use crate::stack::Stack;

/// The absolute URL of a path of the API such as `/api/threads`, with these query parameters. A path may have a query
/// already, as those of files do.
#[must_use]
pub fn api_url(path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = Url::parse(&format!("{}{path}", Stack::get().api_url))
        .unwrap_or_else(|error| panic!("apiUrl and {path} make no URL: {error}"));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// An HTTP client of its own: connections belong to the runtime of one test. It follows no redirect.
#[must_use]
pub fn http() -> Client {
    let client = Client::builder().timeout(PATIENCE).redirect(Policy::none());
    client.build().unwrap_or_else(|error| panic!("no HTTP client: {error}"))
}

/// Sends a request and reads the whole answer. One of the API has to be as `docs/openapi.yaml` says.
pub async fn fetch(request: RequestBuilder) -> Reply {
    let (http, request) = request.build_split();
    let request = request.unwrap_or_else(|error| panic!("not a request: {error}"));
    let (method, url) = (request.method().clone(), request.url().clone());
    let asked = format!("{method} {url}");
    let response = match http.execute(request).await {
        Ok(response) => response,
        Err(error) => panic!("{asked}: no answer: {error:?}"),
    };
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = match response.text().await {
        Ok(text) => text,
        Err(error) => panic!("{asked} → {status}, and the body broke off: {error:?}"),
    };
    let reply = Reply { asked, status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text };
    if let Some(path) = url.as_str().strip_prefix(&Stack::get().api_url) {
        assert_documented(&method, path.split(['?', '#']).next().unwrap_or_default(), &reply);
    }
    reply
}

fn assert_documented(method: &Method, path: &str, reply: &Reply) {
    // What the local cloud says of a function that was killed, and AWS does not: 500 there, as documented.
    if reply.status == 502 && reply.json["errorType"] == "Runtime.ExitError" {
        return;
    }
    let openapi = OpenApi::get().unwrap_or_else(|error| panic!("{error}"));
    let Some(operation) = openapi.operation(method.as_str(), path) else {
        // CORS is API Gateway's own, and in no document.
        let refused = (400..500).contains(&reply.status) || method == Method::OPTIONS;
        return assert!(refused, "no document speaks of this: {reply}");
    };
    let kind = reply.header(CONTENT_TYPE.as_str()).filter(|_| !reply.text.is_empty());
    operation.check(reply.status, kind, &reply.json).unwrap_or_else(|error| panic!("{error}: {reply}"));
}

/// An answer of the HTTP API.
#[derive(Debug)]
pub struct Reply {
    /// The request's method and URL, for messages.
    pub asked: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; `null` when it is none.
    pub json: Value,
    /// The body as it came.
    pub text: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, status, headers, text, .. } = self;
        let shown: String = text.chars().take(2000).collect();
        write!(f, "{asked} → {status}\n{headers:?}\n{shown}")
    }
}

impl Reply {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the client is told to ask again: it has asked too often, or it is not its fault.
    #[must_use]
    pub fn is_for_later(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    /// The JSON of an answer that has this status.
    #[track_caller]
    #[must_use]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        assert!(kind.starts_with("application/json"), "not JSON: {self}");
        self.json
    }

    /// Checks that this is a problem document (RFC 9457) with this status and code.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) {
        self.assert_problem_of(&[status], &[code]);
    }

    /// Checks that this is a problem document with one of these codes which names exactly these fields.
    #[track_caller]
    pub fn assert_problem_in(&self, status: u16, code: &str, fields: &[&str]) {
        self.assert_problem(status, code);
        let expected: BTreeSet<&str> = fields.iter().copied().collect();
        assert_eq!(self.fields(), expected, "fields named: {self}");
    }

    /// Checks that this is a problem document with one of these statuses and one of these codes.
    #[track_caller]
    pub fn assert_problem_of(&self, statuses: &[u16], codes: &[&str]) {
        assert!(statuses.contains(&self.status), "status is none of {statuses:?}: {self}");
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "not a problem document: {self}");
        let problem = self.json.as_object().unwrap_or_else(|| panic!("not an object: {self}"));
        for key in ["type", "title", "code", "detail", "requestId"] {
            let filled = problem.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            assert!(filled, "{key} is missing or empty: {self}");
        }
        assert_eq!(self.json["status"], self.status, "status differs: {self}");
        let code = text(&self.json["code"]);
        assert!(codes.contains(&code), "code is none of {codes:?}: {self}");
        for key in problem.keys() {
            let known = ["type", "title", "status", "code", "detail", "requestId", "errors"];
            assert!(known.contains(&key.as_str()), "{key} is new: {self}");
        }
        for error in self.errors() {
            for key in ["field", "message"] {
                assert!(error[key].is_string(), "errors[].{key}: {self}");
            }
        }
    }

    /// The fields that a problem document names. An element such as `memberIds[3]` counts as its list.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<&str> {
        self.exact_fields().into_iter().map(|field| field.split(['[', '.', '/']).next().unwrap_or(field)).collect()
    }

    /// The fields that a problem document names, elements such as `memberIds[3]` by themselves.
    #[must_use]
    pub fn exact_fields(&self) -> BTreeSet<&str> {
        self.errors().iter().filter_map(|error| error["field"].as_str()).collect()
    }

    /// The answer without what differs from request to request, and with `id` as if it were any.
    #[must_use]
    pub fn comparable(&self, id: &str) -> (u16, Option<String>, String) {
        let mut problem = self.json.clone();
        problem["requestId"].take();
        let kind = self.header(CONTENT_TYPE.as_str()).map(str::to_owned);
        (self.status, kind, problem.to_string().replace(id, "ID"))
    }

    fn errors(&self) -> &[Value] {
        match &self.json["errors"] {
            Value::Null => &[],
            Value::Array(errors) => errors,
            _ => panic!("errors is not a list: {self}"),
        }
    }
}

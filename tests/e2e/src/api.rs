use std::collections::BTreeSet;
use std::fmt;

use documents::OpenApi;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Url};
use rustls::ClientConfig;
use serde_json::Value;

use crate::shape::text;
use crate::stack::Stack;
use crate::tls::tls;
use crate::wait::TIMEOUT;

/// Returns the absolute URL of an API path such as `/api/threads`, with the parameters in `query` appended. The path
/// may already contain a query, as the links to files do.
#[must_use]
pub fn api_url(path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = Url::parse(&format!("{}{path}", Stack::get().api_url))
        .unwrap_or_else(|error| panic!("apiUrl and {path} do not form a valid URL: {error}"));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// Returns a new HTTP client that does not follow redirects. Each test needs its own client, because a client's
/// connections belong to the async runtime of one test.
#[must_use]
pub fn http() -> Client {
    let tls = ClientConfig::clone(&tls());
    let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).tls_backend_preconfigured(tls);
    client.build().unwrap_or_else(|error| panic!("cannot build an HTTP client: {error}"))
}

/// Sends a request and reads the whole response. Panics if a response from the API does not conform to
/// `docs/openapi.yaml`.
pub async fn fetch(request: RequestBuilder) -> Reply {
    let (http, request) = request.build_split();
    let request = request.unwrap_or_else(|error| panic!("the test built an invalid request: {error}"));
    let (method, url) = (request.method().clone(), request.url().clone());
    let sent = format!("{method} {url}");
    let response = match http.execute(request).await {
        Ok(response) => response,
        Err(error) => panic!("{sent}: no response: {error:?}"),
    };
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = match response.text().await {
        Ok(text) => text,
        Err(error) => panic!("{sent} → {status}, but reading the body failed: {error:?}"),
    };
    let reply =
        Reply { request: sent, status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text };
    if let Some(path) = url.as_str().strip_prefix(&Stack::get().api_url) {
        assert_documented(&method, path.split(['?', '#']).next().unwrap_or_default(), &reply);
    }
    reply
}

fn assert_documented(method: &Method, path: &str, reply: &Reply) {
    // If a function's process was killed, the local cloud responds with 502, which docs/openapi.yaml does not list. AWS
    // responds with 500, which the document lists.
    if reply.status == 502 && reply.json["errorType"] == "Runtime.ExitError" {
        return;
    }
    let openapi = OpenApi::get().unwrap_or_else(|error| panic!("{error}"));
    let Some(operation) = openapi.operation(method.as_str(), path) else {
        // API Gateway answers CORS preflights and unknown routes itself, so docs/openapi.yaml does not list them.
        let refused = (400..500).contains(&reply.status) || method == Method::OPTIONS;
        return assert!(refused, "docs/openapi.yaml does not document this route: {reply}");
    };
    let kind = reply.header(CONTENT_TYPE.as_str()).filter(|_| !reply.text.is_empty());
    operation.check(reply.status, kind, &reply.json).unwrap_or_else(|error| panic!("{error}: {reply}"));
}

/// A response from the HTTP API, S3 or Cognito.
#[derive(Debug)]
pub struct Reply {
    /// Method and URL of the request, for panic messages.
    pub request: String,
    /// HTTP status of the response.
    pub status: u16,
    /// Headers of the response.
    pub headers: HeaderMap,
    /// Body of the response as JSON, or `null` if it is not valid JSON.
    pub json: Value,
    /// Body of the response as text.
    pub text: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, status, headers, text, .. } = self;
        let shown: String = text.chars().take(2000).collect();
        write!(f, "{request} → {status}\n{headers:?}\n{shown}")
    }
}

impl Reply {
    /// Returns the value of the response header `name`, or `None` if it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether a client should repeat the request. This is true after a 429 and after every 5xx.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    /// Checks that the response has the given status and a JSON body, and returns the body.
    #[track_caller]
    #[must_use]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        assert!(kind.starts_with("application/json"), "the content type is not JSON: {self}");
        self.json
    }

    /// Checks that the response is a problem document (RFC 9457) with the given status and error code.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) {
        self.assert_problem_any(&[status], &[code]);
    }

    /// Checks that the response is a problem document with the given status and error code that names exactly the given
    /// invalid fields.
    #[track_caller]
    pub fn assert_problem_fields(&self, status: u16, code: &str, fields: &[&str]) {
        self.assert_problem(status, code);
        let expected: BTreeSet<&str> = fields.iter().copied().collect();
        assert_eq!(self.fields(), expected, "the problem document names other fields than expected: {self}");
    }

    /// Checks that the response is a problem document with one of the given statuses and one of the given error codes.
    #[track_caller]
    pub fn assert_problem_any(&self, statuses: &[u16], codes: &[&str]) {
        assert!(statuses.contains(&self.status), "the status is not one of {statuses:?}: {self}");
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "the content type is not a problem document: {self}");
        let problem = self.json.as_object().unwrap_or_else(|| panic!("the body is not an object: {self}"));
        for key in ["type", "title", "code", "detail", "requestId"] {
            let filled = problem.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            assert!(filled, "{key} is missing or empty: {self}");
        }
        assert_eq!(self.json["status"], self.status, "the body's status differs from the response's: {self}");
        let code = text(&self.json["code"]);
        assert!(codes.contains(&code), "the code is not one of {codes:?}: {self}");
        for key in problem.keys() {
            let known = ["type", "title", "status", "code", "detail", "requestId", "errors"];
            assert!(known.contains(&key.as_str()), "unexpected field {key}: {self}");
        }
        for error in self.errors() {
            for key in ["field", "message"] {
                assert!(error[key].is_string(), "errors[].{key} is not a string: {self}");
            }
        }
    }

    /// Returns the invalid fields that a problem document names. A list element such as `memberIds[3]` counts as its
    /// list, `memberIds`.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<&str> {
        self.indexed_fields().into_iter().map(|field| field.split(['[', '.', '/']).next().unwrap_or(field)).collect()
    }

    /// Returns the invalid fields that a problem document names, with list indexes as in `memberIds[3]`.
    #[must_use]
    pub fn indexed_fields(&self) -> BTreeSet<&str> {
        self.errors().iter().filter_map(|error| error["field"].as_str()).collect()
    }

    /// Returns the status, content type and body, without the request ID and with the resource's ID `id` replaced by a
    /// fixed text. So the responses to requests for two resources are equal if they differ in nothing else.
    #[must_use]
    pub fn without_ids(&self, id: &str) -> (u16, Option<String>, String) {
        let mut problem = self.json.clone();
        problem["requestId"].take();
        let kind = self.header(CONTENT_TYPE.as_str()).map(str::to_owned);
        (self.status, kind, problem.to_string().replace(id, "ID"))
    }

    fn errors(&self) -> &[Value] {
        match &self.json["errors"] {
            Value::Null => &[],
            Value::Array(errors) => errors,
            _ => panic!("`errors` is not a list: {self}"),
        }
    }
}

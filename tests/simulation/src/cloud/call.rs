//! Requests to AWS services, and their responses.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use serde_json::{Value, json};

/// The header with the error code, for services that do not send it in the body.
pub(super) const ERROR_CODE: &str = "x-amzn-errortype";

/// A request to an AWS service.
pub(crate) struct Call {
    pub(crate) service: Service,
    /// Name of the operation, such as `PutItem` or `Invoke`. For S3 and `@connections`, the HTTP method.
    pub(crate) operation: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(crate) body: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Lambda,
    Sqs,
    Management,
    S3,
}

/// A response of an AWS service.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// A response header besides `Content-Length`.
    pub(crate) header: Option<(&'static str, &'static str)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self { status: 200, header: None, body: body.into() }
    }
}

impl Call {
    pub(super) fn new(request: &HttpRequest) -> Self {
        let target = request.headers().get("x-amz-target").and_then(|target| target.split_once('.'));
        let path = request.uri().split_once("://").unwrap().1.split_once('/').unwrap().1;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = format!("/{path}").replace("%40", "@").replace("%2F", "/");
        let (service, operation) = match target {
            Some(("AmazonSQS", operation)) => (Service::Sqs, operation),
            Some((_, operation)) => (Service::DynamoDb, operation),
            None if path.ends_with("/invocations") => (Service::Lambda, "Invoke"),
            None if path.contains("/@connections/") => (Service::Management, request.method()),
            None => (Service::S3, request.method()),
        };
        let body = Bytes::copy_from_slice(request.body().bytes().expect("the request body is not in memory"));
        Self { service, operation: operation.to_owned(), path, query: query.to_owned(), body }
    }

    /// Returns the key of the message that the call changes, if it is a change to a message.
    pub(crate) fn changed_message(&self) -> Option<Value> {
        if self.operation != "TransactWriteItems" {
            return None;
        }
        let request: Value = serde_json::from_slice(&self.body).unwrap();
        let (revision, message) = (&request["TransactItems"][0]["Put"], &request["TransactItems"][1]["Update"]);
        let is_change = revision["Item"]["sk"]["S"].as_str().is_some_and(|key| key.starts_with("REV#"));
        is_change.then(|| message["Key"].clone())
    }

    /// Returns whether the call may copy a text of a deleted message although the message was already deleted when the
    /// invocation began. This is true for posts of `thread:…` events: they contain the preview in the thread's row,
    /// which chat-stream erases only some time after the deletion.
    pub(crate) fn may_have_old_preview(&self) -> bool {
        self.service == Service::Management && self.body.starts_with(br#"{"event":"thread:"#)
    }

    /// Returns the service, operation and key or path of a request, for the trace.
    pub(crate) fn label(&self) -> String {
        let of = match self.service {
            Service::DynamoDb => {
                let request: Value = serde_json::from_slice(&self.body).unwrap();
                let key = |item: &Value| {
                    let part = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
                    format!("{} {}", part("pk"), part("sk"))
                };
                match self.operation.as_str() {
                    "PutItem" => key(&request["Item"]),
                    "Query" => request["ExpressionAttributeValues"][":pk"]["S"].as_str().unwrap_or_default().to_owned(),
                    "TransactWriteItems" => key(&request["TransactItems"][0]["Put"]["Item"]),
                    "BatchGetItem" => String::new(),
                    _ => key(&request["Key"]),
                }
            }
            Service::Lambda | Service::Sqs => String::new(),
            Service::Management | Service::S3 => self.path.clone(),
        };
        // The tickets' secrets do not come from the seed. The label leaves them out, because the trace of a seed must
        // be the same each time.
        let of = if of.starts_with("TICKET#") { "TICKET" } else { &of };
        format!("{:?} {} {of}", self.service, self.operation)
    }
}

/// Returns an error response with the given status and error code, in the format of the service.
pub(crate) fn refusal(service: Service, status: u16, code: &'static str) -> Answer {
    let body = match service {
        Service::DynamoDb | Service::Sqs => json!({"__type": code, "message": "injected fault"}).to_string(),
        Service::Lambda | Service::Management => "{}".to_owned(),
        Service::S3 => format!("<Error><Code>{code}</Code><Message>injected fault</Message></Error>"),
    };
    Answer {
        status,
        header: matches!(service, Service::Lambda | Service::Management).then_some((ERROR_CODE, code)),
        body: body.into(),
    }
}

//! Simulated AWS services that the functions call: `DynamoDB` runs on dynoxide, all other services are kept in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use bytes::Bytes;
use dynoxide::Database;
use serde_json::{Value, json};
use testkit::engine;
use tokio::sync::mpsc::UnboundedSender;

use crate::chance::Chance;
use crate::clock::Clocks;
use crate::faults::Faults;
use crate::gateway::Gateway;
use crate::hidden::Hidden;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::policy;
use crate::stream::Before;
use crate::trace::Trace;

/// An event that an AWS call causes. [`triggers`](crate::triggers) delivers it later, outside the call.
#[derive(Debug)]
pub(crate) enum Consequence {
    /// A row of the `Chat` table has changed. The value is the stream record, without its sequence number.
    Changed(Value),
    /// An object with this key was created under `uploads/`.
    Uploaded(String),
    /// A message was sent to a queue. The queue holds it back for `delay` seconds.
    Queued { queue: String, body: String, delay: u64 },
}

pub(crate) struct Cloud {
    pub(crate) chance: Chance,
    pub(crate) clocks: Clocks,
    pub(crate) trace: Trace,
    pub(crate) faults: Faults,
    pub(crate) gateway: Gateway,
    pub(crate) ledger: Ledger,
    pub(crate) journal: Journal,
    pub(crate) hidden: Hidden,
    pub(crate) database: Database,
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// Bodies of the messages that were sent to the repair queue.
    repairs: Mutex<Vec<String>>,
    consequences: UnboundedSender<Consequence>,
    /// Calls that the policies of the functions do not allow.
    denied: Mutex<BTreeSet<String>>,
}

/// The header with the error code, for services that do not send it in the body.
const ERROR_CODE: &str = "x-amzn-errortype";

/// A request to an AWS service.
pub(crate) struct Call {
    pub(crate) service: Service,
    /// Name of the operation, such as `PutItem` or `Invoke`. For S3 and `@connections`, the HTTP method.
    pub(crate) operation: String,
    path: String,
    query: String,
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

impl Cloud {
    pub(crate) fn new(seed: u64, consequences: UnboundedSender<Consequence>) -> Arc<Self> {
        let chance = Chance::new(seed);
        Arc::new(Self {
            clocks: Clocks::new(&chance),
            trace: Trace::new(),
            faults: Faults::new(&chance),
            gateway: Gateway::default(),
            ledger: Ledger::default(),
            journal: Journal::default(),
            hidden: Hidden::default(),
            database: engine::tables(),
            objects: Mutex::default(),
            repairs: Mutex::default(),
            consequences,
            denied: Mutex::default(),
            chance,
        })
    }

    /// Returns an AWS configuration for the functions that sends all their requests to this simulated cloud.
    pub(crate) fn sdk_config(self: &Arc<Self>) -> SdkConfig {
        let credentials = Credentials::from_keys("test", "test", None);
        let config = runtime::sdk_config_for("us-east-1".into(), credentials, Some("http://cloud".into())).unwrap();
        config.into_builder().http_client(SimulatedHttp::of(self, None)).build()
    }

    /// Executes an AWS request without faults. A function that it invokes may have faults.
    pub(crate) async fn run(self: &Arc<Self>, call: &Call) -> Answer {
        if call.service == Service::Lambda { self.decode(&call.body).await } else { self.apply(call) }
    }

    /// Executes a request to a service other than Lambda immediately and without faults.
    fn apply(&self, call: &Call) -> Answer {
        match call.service {
            Service::DynamoDb => {
                let body =
                    if self.ledger.is_open() { engine::with_consumed_capacity(&call.body) } else { call.body.clone() };
                self.hidden.before_call(call);
                let before = Before::read(&self.database, call);
                let (status, body) = engine::apply(&self.database, &call.operation, &body);
                for record in before.records(&self.database) {
                    self.journal.follow(&self.database, &record);
                    self.cause(Consequence::Changed(record));
                }
                Answer { status, header: None, body: self.hidden.apply(&call.operation, body) }
            }
            Service::Sqs => {
                let request: Value = serde_json::from_slice(&call.body).unwrap();
                let text = |name: &str| request[name].as_str().unwrap().to_owned();
                assert_eq!(call.operation, "SendMessage");
                let delay = request["DelaySeconds"].as_u64().unwrap_or(0);
                let queue = text("QueueUrl").rsplit('/').next().unwrap().to_owned();
                if queue == "repairs" {
                    self.repairs().push(text("MessageBody"));
                }
                self.cause(Consequence::Queued { queue, body: text("MessageBody"), delay });
                Answer::ok(r#"{"MessageId":"1"}"#)
            }
            Service::Management => {
                let id = call.path.rsplit('/').next().unwrap();
                let open = match call.operation.as_str() {
                    "POST" => self.gateway.post(id, &call.body),
                    "DELETE" => self.gateway.close(id),
                    other => panic!("the simulated @connections does not implement {other}"),
                };
                if open {
                    Answer::ok("{}")
                } else {
                    Answer { status: 410, header: Some((ERROR_CODE, "GoneException")), body: "{}".into() }
                }
            }
            Service::Lambda => panic!("an invocation takes time; call `run`"),
            Service::S3 => match call.path.splitn(3, '/').nth(2) {
                Some(key) if !key.is_empty() => self.object(&call.operation, key, &call.body),
                _ => self.list_objects(&call.query),
            },
        }
    }

    fn object(&self, method: &str, key: &str, body: &Bytes) -> Answer {
        match method {
            "GET" => match self.objects().get(key) {
                Some(bytes) => Answer::ok(bytes.clone()),
                None => Answer { status: 404, header: None, body: "<Error><Code>NoSuchKey</Code></Error>".into() },
            },
            "PUT" => {
                self.put_object(key, body.clone());
                Answer::ok("")
            }
            "DELETE" => {
                self.objects().remove(key);
                Answer { status: 204, header: None, body: Bytes::new() }
            }
            other => panic!("the simulated S3 does not implement {other}"),
        }
    }

    /// Answers `ListObjectsV2` with all keys that have the prefix in `query`.
    fn list_objects(&self, query: &str) -> Answer {
        let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        let parameters: BTreeMap<_, _> = parameters.collect();
        assert_eq!(parameters.get("list-type"), Some(&"2"), "the simulated S3 does not implement {query}");
        let prefix = parameters["prefix"].replace("%2F", "/");
        let objects = self.objects();
        let keys = objects.keys().filter(|key| key.starts_with(&prefix));
        let keys: String = keys.map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        Answer::ok(format!("<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>"))
    }

    pub(crate) fn put_object(&self, key: &str, bytes: Bytes) {
        self.objects().insert(key.to_owned(), bytes);
        if key.starts_with("uploads/") {
            self.cause(Consequence::Uploaded(key.to_owned()));
        }
    }

    /// Returns the calls so far that the policies of the functions do not allow.
    pub(crate) fn denied(&self) -> BTreeSet<String> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the bodies of the repairs that were requested so far.
    pub(crate) fn repairs(&self) -> MutexGuard<'_, Vec<String>> {
        self.repairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cause(&self, consequence: Consequence) {
        // Sending fails only after the end of the history, when the receiver is dropped and nobody needs the event.
        self.consequences.send(consequence).ok();
    }
}

impl Call {
    fn new(request: &HttpRequest) -> Self {
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
    /// invocation began. These events have the preview in the thread's row, which the stream erases.
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

/// HTTP client of the functions' AWS SDK. It passes requests to the simulated cloud, and records calls to tables that the
/// function's policy in template.yaml does not allow.
#[derive(Clone)]
pub(crate) struct SimulatedHttp {
    cloud: Arc<Cloud>,
    function: Option<&'static str>,
}

impl SimulatedHttp {
    /// Returns the client of a function, such as `ws-ticket`; of `None`, a client that may do everything.
    pub(crate) fn of(cloud: &Arc<Cloud>, function: Option<&'static str>) -> Self {
        Self { cloud: cloud.clone(), function }
    }
}

impl std::fmt::Debug for SimulatedHttp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimulatedHttp")
    }
}

impl HttpClient for SimulatedHttp {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SimulatedHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (cloud, call) = (self.cloud.clone(), Call::new(&request));
        // A forbidden call takes effect, so that the history ends as usual. The checks report it then.
        if let Some(denial) = self.function.and_then(|function| policy::denial(function, &call)) {
            cloud.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(denial);
        }
        HttpConnectorFuture::new(async move {
            let Answer { status, header, body } = cloud.execute(call).await?;
            let length = body.len();
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            response.headers_mut().insert("content-length", length.to_string());
            if let Some((name, value)) = header {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        })
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

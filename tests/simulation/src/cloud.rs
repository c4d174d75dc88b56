//! Simulated AWS services that the functions call: `DynamoDB` runs on dynoxide, all other services are kept in memory.

mod call;

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
use serde_json::Value;
use testkit::engine;
use tokio::sync::mpsc::UnboundedSender;

use self::call::ERROR_CODE;
pub(crate) use self::call::{Answer, Call, Service, refusal};
use crate::chance::Chance;
use crate::clock::Clocks;
use crate::faults::Faults;
use crate::gateway::Gateway;
use crate::hidden::Hidden;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::notifications::Notifications;
use crate::policy;
use crate::stream::{self, Before};
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
    pub(crate) notifications: Notifications,
    pub(crate) database: Database,
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// Bodies of the messages that were sent to the repair queue.
    repairs: Mutex<Vec<String>>,
    consequences: UnboundedSender<Consequence>,
    /// Calls that the policies of the functions do not allow.
    denied: Mutex<BTreeSet<String>>,
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
            notifications: Notifications::default(),
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
                    self.notifications.follow(&record);
                    if stream::is_wanted(&record) {
                        self.cause(Consequence::Changed(record));
                    }
                }
                Answer { status, header: None, body: self.hidden.apply(&call.operation, body) }
            }
            Service::Sqs => {
                let request: Value = serde_json::from_slice(&call.body).unwrap();
                let text = |name: &str| request[name].as_str().unwrap().to_owned();
                assert_eq!(call.operation, "SendMessage");
                let delay = request["DelaySeconds"].as_u64().unwrap_or(0);
                let queue = text("QueueUrl").rsplit('/').next().unwrap().to_owned();
                match queue.as_str() {
                    "repairs" => self.repairs().push(text("MessageBody")),
                    "notifications" => self.notifications.follow_request(&text("MessageBody")),
                    _ => {}
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
        let keys: Vec<_> = keys.map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        let keys = keys.concat();
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

/// HTTP client of the functions' AWS SDK. It passes requests to the simulated cloud, and records calls to tables that the
/// function's policy in template.yaml does not allow.
#[derive(Clone)]
pub(crate) struct SimulatedHttp {
    cloud: Arc<Cloud>,
    function: Option<&'static str>,
}

impl SimulatedHttp {
    /// Returns the client of a function, such as `ws-ticket`. If `function` is `None`, the calls of the client are not
    /// compared with a policy.
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
        // A call that the policy does not allow takes effect, so that the history goes on. The checks at its end report
        // the call.
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

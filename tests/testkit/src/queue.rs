use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_types::SdkConfig;
use bytes::Bytes;
use contract::FileId;
use files::{Reminder, Reminders};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, service::service_fn};
use push::{NotificationRequest, Notifications, Repairs};
use serde_json::{Value, json};

use crate::dynamodb::sdk_config;
use crate::proxy::{self, Fault, Intercepted};
use crate::serve::serve;

const BASE: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/";

/// A message sent to the fake: the queue's name, the message's body, and the delivery delay.
type Sent = (String, Value, Duration);

/// A fake of SQS on a local port. It records the messages that are sent, but does not deliver them.
#[derive(Clone)]
pub struct Queue {
    config: SdkConfig,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Queue {
    /// Starts the fake on a free port.
    pub async fn start() -> Self {
        let sent = Arc::<Mutex<Vec<_>>>::default();
        let keeping = sent.clone();
        let endpoint = serve(service_fn(move |request| {
            let sent = keeping.clone();
            async move { Ok::<_, Infallible>(answer(request, &sent).await) }
        }));
        Self { config: sdk_config(endpoint.await), sent }
    }

    /// Returns access to the same queues through a proxy that injects faults: it calls `fault` for each request to
    /// decide what happens to the request.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
    {
        let engine = self.config.endpoint_url().expect("the SQS fake has no endpoint").to_owned();
        Self { config: sdk_config(proxy::start(engine, fault).await), ..self.clone() }
    }

    /// Returns the reminder queue, whose messages make files-process check on a file.
    #[must_use]
    pub fn reminders(&self) -> Reminders {
        Reminders::new(&self.config, format!("{BASE}reminders"))
    }

    /// Returns the queues that chat-stream sends to: `repairs`, `dead-letters` and `reminders`.
    #[must_use]
    pub fn repairs(&self) -> Repairs {
        let [repairs, dead_letters, reminders] =
            ["repairs", "dead-letters", "reminders"].map(|name| format!("{BASE}{name}"));
        Repairs::new(&self.config, repairs, dead_letters, reminders)
    }

    /// Returns the queue of notifications, whose messages make push-send notify members.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications::new(&self.config, format!("{BASE}notifications"))
    }

    /// Returns the requests that were sent to the queue of notifications, each with its delivery delay, in order.
    #[must_use]
    pub fn requested_notifications(&self) -> Vec<(NotificationRequest, Duration)> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = sent.iter().filter(|(queue, ..)| queue == "notifications");
        let request = |message: &Value| serde_json::from_value(message.clone()).expect("not a request to notify");
        requests.map(|(_, message, delay)| (request(message), *delay)).collect()
    }

    /// Returns the bodies of the messages sent to the queue `name`, in order.
    #[must_use]
    pub fn messages(&self, name: &str) -> Vec<Value> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().filter(|(queue, ..)| queue == name).map(|(_, message, _)| message.clone()).collect()
    }

    /// Returns the file ID and the delivery delay of each sent reminder, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<(FileId, Duration)> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let reminders = sent.iter().filter(|(queue, ..)| queue == "reminders");
        let file = |message: &Value| {
            serde_json::from_value::<Reminder>(message.clone()).expect("the message is not a reminder").file_id
        };
        reminders.map(|(_, message, delay)| (file(message), *delay)).collect()
    }
}

async fn answer(request: Request<Incoming>, sent: &Mutex<Vec<Sent>>) -> Response<Full<Bytes>> {
    let operation = request.headers()["x-amz-target"].to_str().expect("the header x-amz-target is not text").to_owned();
    let body = request.into_body().collect().await.expect("cannot read the request body").to_bytes();
    let request: Value = serde_json::from_slice(&body).expect("the request is not JSON");
    let queue = request["QueueUrl"]
        .as_str()
        .and_then(|url| url.strip_prefix(BASE))
        .expect("QueueUrl is not a queue of this fake");
    let (status, body) = match operation.as_str() {
        "AmazonSQS.GetQueueAttributes" => (StatusCode::OK, json!({})),
        "AmazonSQS.SendMessage" => {
            let delay = request["DelaySeconds"].as_u64().filter(|delay| *delay <= 900);
            match delay {
                Some(delay) => {
                    let body = request["MessageBody"].as_str().expect("MessageBody is not a string");
                    let message = serde_json::from_str(body).expect("MessageBody is not JSON");
                    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                    sent.push((queue.to_owned(), message, Duration::from_secs(delay)));
                    (StatusCode::OK, json!({"MessageId": sent.len().to_string()}))
                }
                None => (StatusCode::BAD_REQUEST, json!({"__type": "com.amazonaws.sqs#InvalidParameterValue"})),
            }
        }
        other => panic!("the fake does not implement {other}: add it in {}", file!()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

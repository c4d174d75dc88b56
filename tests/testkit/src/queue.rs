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
use serde_json::{Value, json};

use crate::dynamodb::sdk_config;
use crate::proxy::{self, Fault, Passing};
use crate::serve::serve;

const URL: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/reminders";

/// A fake of SQS: a server on loopback with one queue, which keeps what it was sent and delivers nothing.
#[derive(Clone)]
pub struct Queue {
    config: SdkConfig,
    sent: Arc<Mutex<Vec<(FileId, Duration)>>>,
}

impl Queue {
    /// Starts it.
    pub async fn start() -> Self {
        let sent = Arc::<Mutex<Vec<_>>>::default();
        let keeping = sent.clone();
        let endpoint = serve(service_fn(move |request| {
            let sent = keeping.clone();
            async move { Ok::<_, Infallible>(answer(request, &sent).await) }
        }));
        Self { config: sdk_config(endpoint.await), sent }
    }

    /// The same queue, with `fault` deciding over each request on its way there.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Passing) -> Fault + Send + Sync + 'static,
    {
        let engine = self.config.endpoint_url().expect("an endpoint").to_owned();
        Self { config: sdk_config(proxy::start(engine, fault).await), ..self.clone() }
    }

    /// The queue, as a function that has just started sees it.
    #[must_use]
    pub fn reminders(&self) -> Reminders {
        Reminders::new(&self.config, URL.into())
    }

    /// The reminders that were sent, in order, and how long each is held back.
    #[must_use]
    pub fn sent(&self) -> Vec<(FileId, Duration)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(request: Request<Incoming>, sent: &Mutex<Vec<(FileId, Duration)>>) -> Response<Full<Bytes>> {
    let operation = request.headers()["x-amz-target"].to_str().expect("a text").to_owned();
    let body = request.into_body().collect().await.expect("a whole request").to_bytes();
    let request: Value = serde_json::from_slice(&body).expect("a request of JSON");
    let (status, body) = match operation.as_str() {
        _ if request["QueueUrl"] != URL => {
            (StatusCode::BAD_REQUEST, json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}))
        }
        "AmazonSQS.GetQueueAttributes" => (StatusCode::OK, json!({})),
        "AmazonSQS.SendMessage" => {
            let delay = request["DelaySeconds"].as_u64().filter(|delay| *delay <= 900);
            match delay {
                Some(delay) => {
                    let body = request["MessageBody"].as_str().expect("a text");
                    let reminder: Reminder = serde_json::from_str(body).expect("a reminder");
                    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                    sent.push((reminder.file_id, Duration::from_secs(delay)));
                    (StatusCode::OK, json!({"MessageId": sent.len().to_string()}))
                }
                None => (StatusCode::BAD_REQUEST, json!({"__type": "com.amazonaws.sqs#InvalidParameterValue"})),
            }
        }
        other => panic!("not an operation of this fake: {other}"),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use contract::Timestamp;
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{LOCATION, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::serve::serve_each;
use crate::web_push::{Device, Received};

/// A push service on a local port. It checks and decrypts each request as [`Device::receive`] does, and records what the
/// devices have received. Tests choose its answers.
#[derive(Clone)]
pub struct PushService {
    origin: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    subscriptions: HashMap<String, Subscription>,
    connections: usize,
    violations: Vec<String>,
}

struct Subscription {
    device: Device,
    answer: PushAnswer,
    requests: usize,
    received: Vec<Received>,
}

/// What the service does with a valid request to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushAnswer {
    /// Answers 201. The device receives the notification only with this answer.
    Accept,
    /// Answers with a status and a short text.
    Status(u16),
    /// Answers with a status and the header `Retry-After`.
    RetryAfter(u16, String),
    /// Answers 307 with this URL.
    Redirect(String),
    /// Does not answer.
    Hang,
    /// Closes the connection.
    Close,
    /// Answers with a status and a body that never ends.
    Endless(u16),
}

type Answer = Response<BoxBody<Bytes, std::io::Error>>;

impl PushService {
    /// Starts the service on a free port.
    pub async fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let serving = Self { origin: String::new(), state: state.clone() };
        let origin = serve_each(move || {
            serving.state().connections += 1;
            let service = serving.clone();
            service_fn(move |request| {
                let service = service.clone();
                async move { service.serve(request).await }
            })
        });
        Self { origin: origin.await, state }
    }

    /// Creates a subscription for the VAPID key `server_key` (base64url). The service answers 201 to requests to this
    /// subscription until [`answer`](Self::answer) sets another answer.
    #[must_use]
    pub fn subscribe(&self, server_key: &str) -> Device {
        let mut state = self.state();
        let path = format!("/push/{}", state.subscriptions.len());
        let device = Device::new(format!("{}{path}", self.origin), server_key);
        let subscription =
            Subscription { device: device.clone(), answer: PushAnswer::Accept, requests: 0, received: Vec::new() };
        state.subscriptions.insert(path, subscription);
        device
    }

    /// Sets the answer to all further requests to `device`.
    pub fn answer(&self, device: &Device, answer: PushAnswer) {
        self.with(device, |subscription| subscription.answer = answer);
    }

    /// Returns what `device` has received, in order. Panics if a request, to any device, was not valid.
    #[must_use]
    pub fn received(&self, device: &Device) -> Vec<Received> {
        let violations = self.violations();
        assert!(violations.is_empty(), "the push service has received requests that are not valid: {violations:?}");
        self.with(device, |subscription| subscription.received.clone())
    }

    /// Returns the number of valid requests to `device`, whatever the answer.
    #[must_use]
    pub fn requests(&self, device: &Device) -> usize {
        self.with(device, |subscription| subscription.requests)
    }

    /// Returns the reasons why requests were not valid. The service has answered these requests with 400.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// Returns the number of connections that were opened.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Answer, std::io::Error> {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return Err(closed()) };
        let request = Request::from_parts(parts, body.to_bytes());
        let answer = {
            let mut state = self.state();
            let Some(subscription) = state.subscriptions.get_mut(request.uri().path()) else {
                return Ok(response(404, "no such subscription"));
            };
            match subscription.device.receive(&request, Timestamp::now().seconds()) {
                Ok(message) => {
                    subscription.requests += 1;
                    if subscription.answer == PushAnswer::Accept {
                        subscription.received.push(message);
                    }
                    subscription.answer.clone()
                }
                Err(reason) => {
                    let answer = response(400, &reason);
                    state.violations.push(reason);
                    return Ok(answer);
                }
            }
        };
        match answer {
            PushAnswer::Accept => Ok(response(201, "")),
            PushAnswer::Status(status) => Ok(response(status, "chosen by the test")),
            PushAnswer::RetryAfter(status, time) => {
                let mut answer = response(status, "chosen by the test");
                answer.headers_mut().insert(RETRY_AFTER, time.parse().expect("not the value of a header"));
                Ok(answer)
            }
            PushAnswer::Redirect(url) => {
                let mut answer = response(307, "");
                answer.headers_mut().insert(LOCATION, url.parse().expect("not the value of a header"));
                Ok(answer)
            }
            PushAnswer::Hang => std::future::pending().await,
            PushAnswer::Close => Err(closed()),
            PushAnswer::Endless(status) => {
                let mut answer = response(status, "");
                let parts = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 4_096]))));
                *answer.body_mut() = BoxBody::new(StreamBody::new(parts));
                Ok(answer)
            }
        }
    }

    fn with<T>(&self, device: &Device, run: impl FnOnce(&mut Subscription) -> T) -> T {
        let mut state = self.state();
        let path = device.endpoint.strip_prefix(&self.origin).expect("the device belongs to another push service");
        run(state.subscriptions.get_mut(path).expect("the push service does not know the device"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn response(status: u16, text: &str) -> Answer {
    let body = Full::new(Bytes::from(text.to_owned())).map_err(|never| match never {});
    let mut response = Response::new(BoxBody::new(body));
    *response.status_mut() = status.try_into().expect("the HTTP status is not valid");
    response
}

fn closed() -> std::io::Error {
    std::io::Error::other("the test closes the connection")
}

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, service::service_fn};
use push::Push;
use store::Connections;

use crate::dynamodb::sdk_config;
use crate::serve::serve;

/// A fake of API Gateway's `@connections` API, which sends frames to WebSocket connections, on a local port. It records
/// the frames posted to each connection. Tests choose its responses.
#[derive(Clone, Default)]
pub struct Management {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    frames: HashMap<String, Vec<String>>,
    statuses: HashMap<String, u16>,
    closed: Vec<String>,
    delay: Duration,
    in_flight: usize,
    most_in_flight: usize,
}

impl Management {
    /// Starts the fake. It responds with 200 for every connection until [`answer`](Self::answer) sets another status.
    pub async fn start() -> Self {
        let fake = Self::default();
        let serving = fake.clone();
        let endpoint = serve(service_fn(move |request| {
            let fake = serving.clone();
            async move { fake.serve(request).await }
        }));
        Self { endpoint: format!("{}/live", endpoint.await), ..fake }
    }

    /// Returns a [`Push`] that delivers events through this fake.
    #[must_use]
    pub fn push(&self, connections: Connections) -> Push {
        Push::new(&sdk_config(self.endpoint.clone()), self.endpoint.clone(), connections)
    }

    /// Sets the HTTP status of all further responses to posts to `connection` and to attempts to close it. 410 means
    /// that the connection is closed.
    pub fn answer(&self, connection: &str, status: u16) {
        self.state().statuses.insert(connection.into(), status);
    }

    /// Delays all further responses by `delay`.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Returns the frames that were posted to `connection` successfully, in order.
    #[must_use]
    pub fn frames(&self, connection: &str) -> Vec<serde_json::Value> {
        let frames = self.state().frames.get(connection).cloned().unwrap_or_default();
        frames.iter().map(|frame| serde_json::from_str(frame).expect("a frame is not JSON")).collect()
    }

    /// Returns the IDs of the connections that were closed through this fake.
    #[must_use]
    pub fn closed(&self) -> Vec<String> {
        self.state().closed.clone()
    }

    /// Returns the largest number of requests that this fake handled at the same time.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.state().most_in_flight
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let post = request.method() == Method::POST;
        assert!(post || request.method() == Method::DELETE, "unexpected method {}", request.method());
        let path = request.uri().path().to_owned();
        let connection = path.strip_prefix("/live/@connections/").or(path.strip_prefix("/live/%40connections/"));
        let connection = connection.unwrap_or_else(|| panic!("the path names no connection: {path}")).to_owned();
        let frame = request.into_body().collect().await?.to_bytes();
        let delay = {
            let mut state = self.state();
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            state.delay
        };
        tokio::time::sleep(delay).await;
        let mut state = self.state();
        state.in_flight -= 1;
        let status = state.statuses.get(&connection).copied().unwrap_or(200);
        if status == 200 && !post {
            state.statuses.insert(connection.clone(), 410);
            state.closed.push(connection);
        } else if status == 200 {
            state.frames.entry(connection).or_default().push(String::from_utf8_lossy(&frame).into_owned());
        }
        let kind = match status {
            400 => "BadRequestException",
            410 => "GoneException",
            403 => "ForbiddenException",
            429 => "LimitExceededException",
            _ => "InternalServerException",
        };
        let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
        *response.status_mut() = status.try_into().expect("the HTTP status is not valid");
        response.headers_mut().insert("x-amzn-errortype", hyper::header::HeaderValue::from_static(kind));
        Ok(response)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

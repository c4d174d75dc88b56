//! A local server in place of the AWS services that the functions call, with and without TLS. The database engine
//! dynoxide executes `DynamoDB` calls. `@connections`, Lambda, S3 and SQS answer only what the benchmarks need.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use dynoxide::Database;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Method, Request, Response, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use testkit::engine;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::tls;

pub(crate) struct Cloud {
    pub(crate) database: Database,
    /// The server's URL for plain HTTP.
    pub(crate) url: String,
    /// The server's URL for HTTPS. Clients have to trust the certificate in [`ca`](Self::ca).
    pub(crate) tls_url: String,
    /// Path of the PEM file with the root certificate that signed the server's certificate.
    pub(crate) ca: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: HashMap<String, Bytes>,
    call_delay: Duration,
    post_delay: Duration,
    traffic: Traffic,
}

/// Requests to the server since the last [`Cloud::take_traffic`].
#[derive(Default, Clone)]
pub(crate) struct Traffic {
    /// `DynamoDB` calls, each as operation and request body.
    pub(crate) calls: Vec<(String, Bytes)>,
    /// Time that the `DynamoDB` engine took for all of `calls`.
    pub(crate) engine: Duration,
    /// Arrival time of each post to `@connections`.
    pub(crate) posts: Vec<Instant>,
    /// When the last post was answered; `None` if there was no post.
    pub(crate) last_post_answered: Option<Instant>,
}

impl Traffic {
    /// Returns the number of `DynamoDB` calls by operation.
    pub(crate) fn calls_by_operation(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for (operation, _) in &self.calls {
            *count.entry(operation.clone()).or_default() += 1;
        }
        count
    }
}

impl Cloud {
    pub(crate) async fn start() -> Result<Arc<Self>> {
        let (acceptor, ca) = tls::acceptor()?;
        let (plain, secure) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let cloud = Arc::new(Self {
            database: engine::tables(),
            url: format!("http://{}", plain.local_addr()?),
            tls_url: format!("https://localhost:{}", secure.local_addr()?.port()),
            ca,
            state: Mutex::default(),
        });
        let serving = cloud.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = plain.accept().await {
                if stream.set_nodelay(true).is_ok() {
                    tokio::spawn(serving.clone().serve(stream));
                }
            }
        });
        let serving = cloud.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = secure.accept().await {
                let (cloud, acceptor) = (serving.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if stream.set_nodelay(true).is_ok()
                        && let Ok(stream) = acceptor.accept(stream).await
                    {
                        cloud.serve(stream).await;
                    }
                });
            }
        });
        Ok(cloud)
    }

    /// Makes every later `DynamoDB` call take this much longer. Zero removes the delay.
    pub(crate) fn delay_calls(&self, delay: Duration) {
        self.state().call_delay = delay;
    }

    /// Makes every later post to `@connections` take this much longer. Zero removes the delay.
    pub(crate) fn delay_posts(&self, delay: Duration) {
        self.state().post_delay = delay;
    }

    pub(crate) fn put_object(&self, key: &str, bytes: Bytes) {
        self.state().objects.insert(key.to_owned(), bytes);
    }

    /// Returns the requests recorded since the last call, and deletes their record.
    pub(crate) fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut self.state().traffic)
    }

    async fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| {
            let cloud = self.clone();
            async move { cloud.answer(request).await }
        });
        // Serving ends with an error if the benchmark kills the function. That is expected, so the error is ignored.
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).map(str::to_owned);
        let (method, path) = (request.method().clone(), request.uri().path().replace("%40", "@"));
        let body = request.into_body().collect().await?.to_bytes();
        let (status, body) = match target.as_deref().and_then(|target| target.split_once('.')) {
            Some(("AmazonSQS", _)) => (200, Bytes::from_static(br#"{"MessageId":"1"}"#)),
            Some((_, operation)) => self.call(operation, body).await,
            None if path.contains("/@connections/") => self.post().await,
            None if path.ends_with("/invocations") => (200, decoded(&body)?),
            None => self.object(&method, path.trim_start_matches('/'), body),
        };
        let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
        response.body(Full::new(body)).context("cannot build the response")
    }

    async fn call(&self, operation: &str, body: Bytes) -> (u16, Bytes) {
        let delay = self.state().call_delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let start = Instant::now();
        let answer = engine::apply(&self.database, operation, &body);
        let mut state = self.state();
        state.traffic.engine += start.elapsed();
        state.traffic.calls.push((operation.to_owned(), body));
        answer
    }

    async fn post(&self) -> (u16, Bytes) {
        let delay = {
            let mut state = self.state();
            state.traffic.posts.push(Instant::now());
            state.post_delay
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.state().traffic.last_post_answered = Some(Instant::now());
        (200, Bytes::new())
    }

    fn object(&self, method: &Method, path: &str, body: Bytes) -> (u16, Bytes) {
        // The functions use path-style URLs: the path starts with the bucket's name, which is not part of the object's
        // key.
        let key = path.split_once('/').map_or(path, |(_, key)| key).to_owned();
        let mut state = self.state();
        match *method {
            Method::PUT => {
                state.objects.insert(key, body);
                (200, Bytes::new())
            }
            Method::DELETE => (204, Bytes::new()),
            // Functions send HeadBucket during init, to open their connection to S3.
            Method::HEAD => (200, Bytes::new()),
            _ => match state.objects.get(&key) {
                Some(bytes) => (200, bytes.clone()),
                None => (404, Bytes::from_static(b"<Error><Code>NoSuchKey</Code></Error>")),
            },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the answer of files-decode to a request of files-process: the file is published. files-decode does not run
/// here, because it is measured as a function of its own.
fn decoded(request: &[u8]) -> Result<Bytes> {
    let request: Value = serde_json::from_slice(request)?;
    let (id, hash) = (request["fileId"].as_str().context("the request has no file ID")?, "0".repeat(64));
    let (original, thumbnail) = (format!("files/{id}/{hash}"), format!("thumbs/{id}/{hash}.jpg"));
    Ok(json!({"result": "published", "original": original, "thumbnail": thumbnail}).to_string().into())
}

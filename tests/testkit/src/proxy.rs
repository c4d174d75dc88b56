use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

/// A request on its way to the engine.
#[derive(Debug)]
pub struct Passing {
    /// `PutItem`, `Query` …
    pub operation: String,
    /// What is asked.
    pub request: Value,
}

impl Passing {
    /// Whether it is this operation and speaks of this text anywhere.
    #[must_use]
    pub fn is(&self, operation: &str, text: &str) -> bool {
        self.operation == operation && self.request.to_string().contains(text)
    }
}

/// What happens to a request on its way.
pub enum Fault {
    /// Nothing.
    Pass,
    /// It takes effect, and the answer is lost.
    LoseAnswer,
    /// It is answered with this error of `DynamoDB` and has no effect.
    Refuse(&'static str),
    /// It is answered with this and has no effect.
    Answer(Value),
    /// This happens first.
    After(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Stands between the store and its engine, and lets `fault` decide over each request. Returns its own endpoint.
pub(crate) async fn start<F>(engine: String, fault: F) -> String
where
    F: Fn(&Passing) -> Fault + Send + Sync + 'static,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let (engine, fault) = (Arc::new(engine), Arc::new(fault));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (engine, fault) = (engine.clone(), fault.clone());
            let service = service_fn(move |request| {
                let (engine, fault) = (engine.clone(), fault.clone());
                async move { forward(&engine, fault.as_ref(), request).await }
            });
            // Losing an answer ends the connection with an error, as it is meant to.
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    endpoint
}

async fn forward<F>(engine: &str, fault: &F, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, LostAnswer>
where
    F: Fn(&Passing) -> Fault,
{
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.expect("a whole request").to_bytes();
    let target = parts.headers["x-amz-target"].to_str().expect("a text");
    let operation = target.split_once('.').expect("a target").1.to_owned();
    let passing = Passing { operation, request: serde_json::from_slice(&body).expect("a request of JSON") };
    let mut lose = false;
    match fault(&passing) {
        Fault::Pass => {}
        Fault::LoseAnswer => lose = true,
        Fault::Refuse(code) => return Ok(answer(400, &json!({"__type": code, "message": "as the test wants it"}))),
        Fault::Answer(value) => return Ok(answer(200, &value)),
        Fault::After(first) => first.await,
    }
    parts.uri = engine.parse().expect("an endpoint");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answered = client.request(Request::from_parts(parts, Full::new(body))).await.expect("an answer");
    let (parts, body) = answered.into_parts();
    let body = body.collect().await.expect("a whole answer").to_bytes();
    if lose { Err(LostAnswer) } else { Ok(Response::from_parts(parts, Full::new(body))) }
}

fn answer(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status.try_into().expect("a status");
    response
}

#[derive(Debug)]
struct LostAnswer;

impl std::fmt::Display for LostAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for LostAnswer {}

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use s3s::S3ErrorCode;
use serde_json::{Value, json};

use crate::serve::serve;

/// A request on its way to the engine.
#[derive(Debug)]
pub struct Intercepted {
    /// `PutItem`, `Query`, `SendMessage` …; with S3 the method: `GET`, `PUT` …
    pub operation: String,
    /// What is asked; with S3 the path, a text.
    pub request: Value,
}

impl Intercepted {
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
    /// It takes effect, and the answer's body ends half-way.
    CutAnswer,
    /// It is answered with this error of the service and has no effect.
    Refuse(&'static str),
    /// It is answered with this and has no effect.
    Answer(Value),
    /// This happens first.
    After(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// `fault` for the first request that `which` picks, and nothing for the rest.
pub fn once(
    which: impl Fn(&Intercepted) -> bool + Send + Sync + 'static,
    fault: impl Fn(&Intercepted) -> Fault + Send + Sync + 'static,
) -> impl Fn(&Intercepted) -> Fault + Send + Sync + 'static {
    let seen = AtomicBool::new(false);
    move |call| {
        if which(call) && !seen.swap(true, Ordering::SeqCst) { fault(call) } else { Fault::Pass }
    }
}

type Answer = Response<BoxBody<Bytes, LostAnswer>>;

/// Stands between a client and its engine, and lets `fault` decide over each request. Returns its own endpoint.
pub(crate) async fn start<F>(engine: String, fault: F) -> String
where
    F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
{
    let (engine, fault) = (Arc::new(engine), Arc::new(fault));
    let service = service_fn(move |request| {
        let (engine, fault) = (engine.clone(), fault.clone());
        async move { forward(&engine, fault.as_ref(), request).await }
    });
    serve(service).await
}

async fn forward<F>(engine: &str, fault: &F, request: Request<Incoming>) -> Result<Answer, LostAnswer>
where
    F: Fn(&Intercepted) -> Fault,
{
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.expect("a whole request").to_bytes();
    // DynamoDB and SQS say in a header what the JSON in the body is for; S3 is REST.
    let target = parts.headers.get("x-amz-target").map(|target| target.to_str().expect("a text"));
    let call = match target {
        Some(target) => Intercepted {
            operation: target.split_once('.').expect("a target").1.to_owned(),
            request: serde_json::from_slice(&body).expect("a request of JSON"),
        },
        None => Intercepted { operation: parts.method.to_string(), request: parts.uri.path().into() },
    };
    let (mut lose, mut cut) = (false, false);
    match fault(&call) {
        Fault::Pass => {}
        Fault::LoseAnswer => lose = true,
        Fault::CutAnswer => cut = true,
        Fault::Refuse(code) if target.is_none() => return Ok(refuse_as_s3(code)),
        Fault::Refuse(code) => {
            let error = json!({"__type": code, "message": "as the test wants it"});
            return Ok(answer(StatusCode::BAD_REQUEST, error.to_string()));
        }
        Fault::Answer(value) => return Ok(answer(StatusCode::OK, value.to_string())),
        Fault::After(first) => first.await,
    }
    // The header `host` stays as it is, for S3 signatures hold it.
    parts.uri = format!("{}{}", engine.trim_end_matches('/'), parts.uri).parse().expect("a URL");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answered = client.request(Request::from_parts(parts, Full::new(body))).await.expect("an answer");
    let (parts, body) = answered.into_parts();
    let body = body.collect().await.expect("a whole answer").to_bytes();
    if lose {
        return Err(LostAnswer);
    }
    let body = if cut {
        let half = Frame::data(body.slice(..body.len() / 2));
        let end = async {
            // Or the half would not have left yet, and be lost with the rest.
            tokio::task::yield_now().await;
            Err(LostAnswer)
        };
        BoxBody::new(StreamBody::new(stream::iter([Ok(half)]).chain(stream::once(end))))
    } else {
        whole(body)
    };
    Ok(Response::from_parts(parts, body))
}

/// An error as S3 has it, with the status that belongs to its code.
fn refuse_as_s3(code: &str) -> Answer {
    let status = S3ErrorCode::from_bytes(code.as_bytes()).and_then(|code| code.status_code());
    let error = format!("<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>");
    answer(status.expect("an error of S3"), error)
}

fn answer(status: StatusCode, body: String) -> Answer {
    let mut response = Response::new(whole(body.into()));
    *response.status_mut() = status;
    response
}

fn whole(body: Bytes) -> BoxBody<Bytes, LostAnswer> {
    BoxBody::new(Full::new(body).map_err(|never| match never {}))
}

#[derive(Debug)]
struct LostAnswer;

impl std::fmt::Display for LostAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for LostAnswer {}

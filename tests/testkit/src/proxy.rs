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

/// A request that the proxy has received but not yet forwarded to the AWS service behind it. This service is a fake or
/// an emulator.
#[derive(Debug)]
pub struct Intercepted {
    /// Operation, such as `PutItem` or `SendMessage`. For S3 and Lambda, the HTTP method.
    pub operation: String,
    /// JSON body of the request. For S3 and Lambda, the path as a JSON string.
    pub request: Value,
}

impl Intercepted {
    /// Whether the request has the given operation and its JSON (for S3: its path) contains `text`.
    #[must_use]
    pub fn is(&self, operation: &str, text: &str) -> bool {
        self.operation == operation && self.request.to_string().contains(text)
    }
}

/// What the proxy does with a request.
pub enum Fault {
    /// Forwards the request and the response.
    Pass,
    /// Forwards the request, then closes the connection instead of responding.
    LoseAnswer,
    /// Forwards the request, then closes the connection after half of the response's body.
    CutAnswer,
    /// Responds with the given AWS error code, without forwarding the request.
    Refuse(&'static str),
    /// Responds to a transaction that `DynamoDB` has canceled it, with the code of the reason for each of its writes. Does not
    /// forward the request.
    Cancel(&'static [&'static str]),
    /// Responds with status 200 and the given JSON, without forwarding the request.
    Answer(Value),
    /// Waits for the given future, then forwards the request and the response.
    After(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Returns a function that applies `fault` to the first request for which `which` is true, and forwards all others.
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

/// Starts a proxy for a fake or an emulator of an AWS service, such as the `DynamoDB` engine of a test. `engine` is its
/// URL. `fault` decides what happens to each request. Returns the proxy's URL.
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
    let body = body.collect().await.expect("cannot read the request body").to_bytes();
    // DynamoDB and SQS name the operation in this header and use JSON bodies. S3 and Lambda are REST APIs without the header.
    let target =
        parts.headers.get("x-amz-target").map(|target| target.to_str().expect("the header x-amz-target is not text"));
    let call = match target {
        Some(target) => Intercepted {
            operation: target.split_once('.').expect("the header x-amz-target has no `.`").1.to_owned(),
            request: serde_json::from_slice(&body).expect("the request is not JSON"),
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
            let error = json!({"__type": code, "message": "injected by the test"});
            return Ok(answer(StatusCode::BAD_REQUEST, error.to_string()));
        }
        Fault::Cancel(codes) => {
            let reasons: Vec<_> = codes.iter().map(|code| json!({"Code": code})).collect();
            let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
            let error = json!({"__type": code, "Message": "injected by the test", "CancellationReasons": reasons});
            return Ok(answer(StatusCode::BAD_REQUEST, error.to_string()));
        }
        Fault::Answer(value) => return Ok(answer(StatusCode::OK, value.to_string())),
        Fault::After(first) => first.await,
    }
    // Only the URL changes. The `host` header must stay the same, because S3 signatures cover it.
    parts.uri = format!("{}{}", engine.trim_end_matches('/'), parts.uri)
        .parse()
        .expect("the URL of the emulator or fake behind the proxy is not valid");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answered = client
        .request(Request::from_parts(parts, Full::new(body)))
        .await
        .expect("the emulator or fake behind the proxy does not respond");
    let (parts, body) = answered.into_parts();
    let body = body.collect().await.expect("cannot read the response body").to_bytes();
    if lose {
        return Err(LostAnswer);
    }
    let body = if cut {
        let half = Frame::data(body.slice(..body.len() / 2));
        let end = async {
            // Lets hyper send the first half of the body before the error closes the connection.
            tokio::task::yield_now().await;
            Err(LostAnswer)
        };
        BoxBody::new(StreamBody::new(stream::iter([Ok(half)]).chain(stream::once(end))))
    } else {
        whole(body)
    };
    Ok(Response::from_parts(parts, body))
}

/// Returns the response that S3 gives with an error code. The code determines the HTTP status.
fn refuse_as_s3(code: &str) -> Answer {
    let status = S3ErrorCode::from_bytes(code.as_bytes()).and_then(|code| code.status_code());
    let error = format!("<Error><Code>{code}</Code><Message>injected by the test</Message></Error>");
    answer(status.expect("not an error code of S3"), error)
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
        f.write_str("the test injected a lost response")
    }
}

impl std::error::Error for LostAnswer {}

//! HTTP requests of API Gateway: who calls, what they ask, and how the answer is made.

use std::future::Future;

use contract::{ApiError, FileId, Problem, ThreadId};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _, Response, service_fn};
use serde::Serialize;

use crate::error::report;
use crate::identity::{Caller, Verifier, bearer};

/// What a handler of a route answers.
pub type Answer = Response<Body>;

/// A request: by default an authenticated one, or a `Call<()>` of a route that takes no token.
#[derive(Debug)]
pub struct Call<C = Caller> {
    /// Who calls, by their verified token.
    pub caller: C,
    request: Request,
}

impl<C> Call<C> {
    /// `request` as `caller` sent it.
    #[must_use]
    pub fn new(caller: C, request: Request) -> Self {
        Self { caller, request }
    }

    /// The thread that the path names. A text that cannot be an id names no thread.
    pub fn thread_id(&self) -> Result<ThreadId, Problem> {
        self.path("threadId").and_then(|id| ThreadId::parse(&id)).ok_or_else(Problem::thread_not_found)
    }

    /// The file that the path names. A text that cannot be an id names no file.
    pub fn file_id(&self) -> Result<FileId, Problem> {
        self.path("fileId").and_then(|id| FileId::parse(&id)).ok_or_else(Problem::file_not_found)
    }

    /// A parameter of the path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<String> {
        self.request.path_parameters().first(name).map(str::to_owned)
    }

    /// A query parameter; the first where it comes several times.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.request.query_string_parameters().first(name).map(str::to_owned)
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.request.headers().get(name).map(HeaderValue::as_bytes)
    }

    /// The bytes of the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.request.body()
    }
}

/// An answer of `status` with `body` as JSON and these headers.
pub fn json<T: Serialize>(status: StatusCode, body: &T, headers: &[(HeaderName, &str)]) -> Result<Answer, ApiError> {
    response(status, "application/json", serde_json::to_string(body)?, headers)
}

/// An answer that sends the client on to `location`, which it may remember for `max_age` seconds.
pub fn redirect(location: &str, max_age: u64) -> Result<Answer, ApiError> {
    let response = Response::builder()
        .status(StatusCode::FOUND)
        .header(LOCATION, location)
        .header(CACHE_CONTROL, format!("private, max-age={max_age}"))
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff");
    response.body(Body::Empty).map_err(|error| ApiError::Internal(error.to_string()))
}

fn response(
    status: StatusCode,
    content_type: &str,
    body: String,
    headers: &[(HeaderName, &str)],
) -> Result<Answer, ApiError> {
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        // What one person reads is nobody else's to cache.
        .header(CACHE_CONTROL, "no-store");
    for (name, value) in headers {
        response = response.header(name, *value);
    }
    response.body(body.into()).map_err(|error| ApiError::Internal(error.to_string()))
}

/// The answer to a request that failed: RFC 9457.
fn problem(error: ApiError, request_id: &str) -> Result<Answer, ApiError> {
    let problem = report(error);
    let status = StatusCode::from_u16(problem.code.status()).map_err(|error| ApiError::Internal(error.to_string()))?;
    let body = problem.to_json(request_id);
    let headers: &[_] = match status {
        // RFC 6750, section 3.
        StatusCode::UNAUTHORIZED => &[(WWW_AUTHENTICATE, "Bearer")],
        StatusCode::SERVICE_UNAVAILABLE => &[(RETRY_AFTER, "1")],
        _ => &[],
    };
    response(status, "application/problem+json", body, headers)
}

/// Serves a route: authenticates each request, hands it to `handle`, and turns what comes back into an answer.
/// Returns only when the environment ends.
pub async fn serve<H, F>(verifier: Verifier, handle: H) -> Result<(), lambda_http::Error>
where
    H: Fn(Call) -> F + Send + Sync,
    F: Future<Output = Result<Answer, ApiError>> + Send,
{
    let (verifier, handle) = (&verifier, &handle);
    lambda_http::run(service_fn(move |request: Request| async move { respond(verifier, handle, request).await })).await
}

/// Serves a route that takes no token, because its URLs carry what allows to call them.
pub async fn serve_public<H, F>(handle: H) -> Result<(), lambda_http::Error>
where
    H: Fn(Call<()>) -> F + Send + Sync,
    F: Future<Output = Result<Answer, ApiError>> + Send,
{
    let handle = &handle;
    lambda_http::run(service_fn(move |request: Request| async move {
        answer(&request_id(&request), handle(Call::new((), request)).await)
    }))
    .await
}

/// The answer to one request of a route; an error only where not even an error could be told.
pub async fn respond<H, F>(verifier: &Verifier, handle: &H, request: Request) -> Result<Answer, lambda_http::Error>
where
    H: Fn(Call) -> F,
    F: Future<Output = Result<Answer, ApiError>>,
{
    let request_id = request_id(&request);
    let answered = async {
        let caller = authenticate(verifier, &request).await?;
        handle(Call::new(caller, request)).await
    };
    answer(&request_id, answered.await)
}

fn request_id(request: &Request) -> String {
    request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default()
}

fn answer(request_id: &str, answered: Result<Answer, ApiError>) -> Result<Answer, lambda_http::Error> {
    match answered {
        Ok(response) => Ok(response),
        Err(error) => Ok(problem(error, request_id)?),
    }
}

/// Who calls: by the claims that API Gateway's authorizer has verified, and where there is no authorizer (`sam local`,
/// `cargo lambda watch`) by verifying the bearer token here. There is no third way.
async fn authenticate(verifier: &Verifier, request: &Request) -> Result<Caller, ApiError> {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(jwt) = context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref())
    {
        return Ok(Caller::from_claims(&jwt.claims)?);
    }
    let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok(verifier.verify(bearer(header)?).await?)
}

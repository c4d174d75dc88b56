//! Serves HTTP routes behind API Gateway: authenticates each request, passes it to a handler, and builds the response.

use std::future::Future;
use std::time::Duration;

use contract::{ApiError, FileId, Problem, PushId, ThreadId, limits};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _, Response, service_fn};
use serde::Serialize;

use crate::error::report;
use crate::identity::{Caller, Verifier, bearer};

/// The response of a handler to an HTTP request.
pub type Answer = Response<Body>;

/// A request to a route. `Call` is an authenticated request; `Call<()>` is a request to a route without authentication.
#[derive(Debug)]
pub struct Call<C = Caller> {
    /// The user behind the request, taken from the verified token; `()` on a route without authentication.
    pub caller: C,
    request: Request,
}

impl<C> Call<C> {
    /// Combines a request with its caller.
    #[must_use]
    pub fn new(caller: C, request: Request) -> Self {
        Self { caller, request }
    }

    /// Returns the path parameter `threadId`. Fails with `thread_not_found` if it is not a valid thread ID.
    pub fn thread_id(&self) -> Result<ThreadId, Problem> {
        self.path("threadId").and_then(|id| ThreadId::parse(&id)).ok_or_else(Problem::thread_not_found)
    }

    /// Returns the path parameter `id` of a push subscription. Fails with `subscription_not_found` if it is not a valid ID.
    pub fn push_id(&self) -> Result<PushId, Problem> {
        self.path("id").and_then(|id| PushId::parse(&id)).ok_or_else(Problem::subscription_not_found)
    }

    /// Returns the path parameter `seq`. Fails with `message_not_found` if it is not the number of a message.
    pub fn seq(&self) -> Result<u64, Problem> {
        let digits = self.path("seq").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let seq = digits.and_then(|digits| digits.parse().ok()).filter(|seq| (1..=limits::SEQ).contains(seq));
        seq.ok_or_else(Problem::message_not_found)
    }

    /// Returns the path parameter `fileId`. Fails with `file_not_found` if it is not a valid file ID.
    pub fn file_id(&self) -> Result<FileId, Problem> {
        self.path("fileId").and_then(|id| FileId::parse(&id)).ok_or_else(Problem::file_not_found)
    }

    /// Returns the path parameter `name`, or `None` if the route does not have it.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<String> {
        self.request.path_parameters().first(name).map(str::to_owned)
    }

    /// Returns the query parameter `name`, or `None` if it is missing. Returns the first value if it is repeated.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.request.query_string_parameters().first(name).map(str::to_owned)
    }

    /// Returns the value of the header `name`, or `None` if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.request.headers().get(name).map(HeaderValue::as_bytes)
    }

    /// Returns the bytes of the request body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.request.body()
    }
}

/// Builds a response with a JSON body and the given additional headers. Its `cache-control` forbids clients and proxies
/// to cache it.
pub fn json<T: Serialize>(status: StatusCode, body: &T, headers: &[(HeaderName, &str)]) -> Result<Answer, ApiError> {
    response(status, "application/json", serde_json::to_string(body)?, headers)
}

/// Builds a 204 response, which has no body.
pub fn no_content() -> Result<Answer, ApiError> {
    let response = Response::builder().status(StatusCode::NO_CONTENT).header(CACHE_CONTROL, "no-store");
    response.body(Body::Empty).map_err(|error| ApiError::Internal(error.to_string()))
}

/// Builds a 302 redirect to `location`. The client may cache it for the whole seconds of `max_age`; shared caches may
/// not.
pub fn redirect(location: &str, max_age: Duration) -> Result<Answer, ApiError> {
    let response = Response::builder()
        .status(StatusCode::FOUND)
        .header(LOCATION, location)
        .header(CACHE_CONTROL, format!("private, max-age={}", max_age.as_secs()))
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
        // Responses contain private data, so no cache may store them.
        .header(CACHE_CONTROL, "no-store");
    for (name, value) in headers {
        response = response.header(name, *value);
    }
    response.body(body.into()).map_err(|error| ApiError::Internal(error.to_string()))
}

/// Logs the error and builds the response that the client gets, a problem document (RFC 9457).
fn problem(error: ApiError, request_id: &str) -> Result<Answer, ApiError> {
    let problem = report(error);
    let status = StatusCode::from_u16(problem.code.status()).map_err(|error| ApiError::Internal(error.to_string()))?;
    let body = problem.to_json(request_id);
    let retry_after = problem.retry_after.map(|seconds| seconds.to_string());
    let headers: &[_] = match (status, &retry_after) {
        // RFC 6750 §3 requires this header on a 401.
        (StatusCode::UNAUTHORIZED, _) => &[(WWW_AUTHENTICATE, "Bearer")],
        (_, Some(seconds)) => &[(RETRY_AFTER, seconds.as_str())],
        _ => &[],
    };
    response(status, "application/problem+json", body, headers)
}

/// Runs a Lambda function that serves an HTTP route. Authenticates each request, passes it to `handle`, and turns
/// errors into problem documents. Returns only when Lambda shuts the instance down.
pub async fn serve<H, F>(verifier: Verifier, handle: H) -> Result<(), lambda_http::Error>
where
    H: Fn(Call) -> F + Send + Sync,
    F: Future<Output = Result<Answer, ApiError>> + Send,
{
    let (verifier, handle) = (&verifier, &handle);
    lambda_http::run(service_fn(move |request: Request| async move { respond(verifier, handle, request).await })).await
}

/// Runs a Lambda function that serves an HTTP route as [`serve`] does, but does not authenticate requests. Use it for
/// routes whose URLs have a signature that `handle` verifies.
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

/// Authenticates and answers one request, as [`serve`] does for each. Returns an error only if no response could be
/// built.
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

/// Returns the caller from the claims that API Gateway's authorizer has verified. Without an authorizer (`sam local`,
/// `cargo lambda watch`), verifies the bearer token here. There is no unauthenticated mode.
async fn authenticate(verifier: &Verifier, request: &Request) -> Result<Caller, ApiError> {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(jwt) = context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref())
    {
        return Ok(Caller::from_claims(&jwt.claims)?);
    }
    let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok(verifier.verify(bearer(header)?).await?)
}

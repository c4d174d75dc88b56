//! Tests of authentication and error responses, with API Gateway's event as input and the response as output.

use contract::{ApiError, ErrorCode, Problem};
use lambda_http::Request;
use lambda_http::http::StatusCode;
use runtime::{Answer, Call, Verifier, json, respond};
use serde_json::{Value, json};
use testkit::issuer::Issuer;

use super::verifier;

const EVENT: &str = include_str!("../../../../events/threads-get.json");

/// Returns a request with the given `Authorization` header. If `claims` is true, the request also contains the claims
/// that API Gateway's authorizer adds.
fn request(authorization: Option<&str>, claims: bool) -> Request {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["headers"]["authorization"] = json!(authorization.unwrap_or_default());
    if authorization.is_none() {
        event["headers"].as_object_mut().unwrap().remove("authorization");
    }
    if !claims {
        event["requestContext"]["authorizer"] = Value::Null;
    }
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

async fn whoami(call: Call) -> Result<Answer, ApiError> {
    json(StatusCode::OK, &call.caller.id, &[])
}

async fn call(verifier: &Verifier, request: Request) -> (u16, Value) {
    let answer = respond(verifier, &whoami, request).await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

#[tokio::test]
async fn authorizer_claims_identify_the_caller_without_a_key_fetch() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    assert_eq!(call(&verifier, request(Some("Bearer a.b.c"), true)).await, (200, json!("user-sarah")));
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn token_is_verified_without_an_authorizer() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let token = format!("Bearer {}", issuer.token(&issuer.claims("user-dad", "Dad")));
    assert_eq!(call(&verifier, request(Some(&token), false)).await, (200, json!("user-dad")));
    for bad in [None, Some(""), Some("Bearer a.b.c"), Some("Basic YTpi"), Some(&token[..token.len() - 4])] {
        let (status, problem) = call(&verifier, request(bad, false)).await;
        assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{bad:?}");
    }
}

#[tokio::test]
async fn authorizer_claims_without_subject_are_rejected() {
    let issuer = Issuer::start().await;
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().unwrap().remove("sub");
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert_eq!(call(&verifier(&issuer), request).await.0, 401);
}

#[tokio::test]
async fn unreachable_issuer_gives_503_with_retry_after() {
    let issuer = Issuer::start().await;
    let token = format!("Bearer {}", issuer.token(&issuer.claims("user-dad", "Dad")));
    issuer.answer(testkit::issuer::Answer::Status(500));
    let answer = respond(&verifier(&issuer), &whoami, request(Some(&token), false)).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
}

#[tokio::test]
async fn errors_become_problem_responses_without_internal_details() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let rate_limited = Problem::retry_later(ErrorCode::RateLimited, "No.", 17);
    for (error, status, code, retry_after) in [
        (ApiError::Problem(Problem::thread_not_found()), 404, "thread_not_found", None),
        (ApiError::Problem(Problem::new(ErrorCode::Unauthorized, "No.")), 401, "unauthorized", None),
        (ApiError::Problem(rate_limited), 429, "rate_limited", Some("17")),
        (ApiError::Unavailable("table hearth-secret is busy".into()), 503, "unavailable", Some("1")),
        (ApiError::Internal("row THREAD#secret is broken".into()), 500, "internal", None),
    ] {
        let fail = |_: Call| std::future::ready(Err(error.clone()));
        let answer = respond(&verifier, &fail, request(None, true)).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
        assert_eq!(answer.headers().get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert!(!body.contains("secret"), "{body}");
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)));
    }
}

//! From API Gateway's event to the answer: who calls, and what they get when something goes wrong.

use contract::{ApiError, ErrorCode, Problem};
use lambda_http::Request;
use lambda_http::http::StatusCode;
use runtime::{Answer, Call, Verifier, json, respond};
use serde_json::{Value, json};
use testkit::issuer::Issuer;

use super::verifier;

const EVENT: &str = include_str!("../../../../events/threads-get.json");

/// The event as API Gateway sends it or, with `authorization`, as it comes where there is no authorizer.
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

async fn ask(verifier: &Verifier, request: Request) -> (u16, Value) {
    let answer = respond(verifier, &whoami, request).await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

#[tokio::test]
async fn the_claims_of_the_authorizer_say_who_calls_and_nothing_is_fetched() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    assert_eq!(ask(&verifier, request(Some("Bearer a.b.c"), true)).await, (200, json!("user-sarah")));
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn without_an_authorizer_the_token_is_verified_here() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let token = format!("Bearer {}", issuer.token(&issuer.claims("user-dad", "Dad")));
    assert_eq!(ask(&verifier, request(Some(&token), false)).await, (200, json!("user-dad")));
    for bad in [None, Some(""), Some("Bearer a.b.c"), Some("Basic YTpi"), Some(&token[..token.len() - 4])] {
        let (status, problem) = ask(&verifier, request(bad, false)).await;
        assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{bad:?}");
    }
}

#[tokio::test]
async fn claims_without_a_subject_are_nobody() {
    let issuer = Issuer::start().await;
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().unwrap().remove("sub");
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert_eq!(ask(&verifier(&issuer), request).await.0, 401);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_our_problem_and_not_the_callers() {
    let issuer = Issuer::start().await;
    let token = format!("Bearer {}", issuer.token(&issuer.claims("user-dad", "Dad")));
    issuer.answer(testkit::issuer::Answer::Status(500));
    let answer = respond(&verifier(&issuer), &whoami, request(Some(&token), false)).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
}

#[tokio::test]
async fn every_error_is_a_problem_and_tells_no_secrets() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    for (error, status, code) in [
        (ApiError::Problem(Problem::thread_not_found()), 404, "thread_not_found"),
        (ApiError::Problem(Problem::new(ErrorCode::Unauthorized, "No.")), 401, "unauthorized"),
        (ApiError::Unavailable("table hearth-secret is busy".into()), 503, "unavailable"),
        (ApiError::Internal("row THREAD#secret is broken".into()), 500, "internal"),
    ] {
        let fail = |_: Call| std::future::ready(Err(error.clone()));
        let answer = respond(&verifier, &fail, request(None, true)).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert!(!body.contains("secret"), "{body}");
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)));
    }
}

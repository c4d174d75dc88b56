//! Every route of the API needs a token that verifies.

use e2e::{User, api_url, fetch, http, with_another_signature, with_another_subject, without_signature};
use reqwest::Method;
use serde_json::json;

fn routes(thread: &str) -> [(Method, String); 8] {
    [
        (Method::GET, "/api/threads".to_owned()),
        (Method::POST, "/api/threads".to_owned()),
        (Method::GET, format!("/api/threads/{thread}")),
        (Method::GET, format!("/api/threads/{thread}/messages")),
        (Method::POST, format!("/api/threads/{thread}/messages")),
        (Method::POST, "/api/ws-tickets".to_owned()),
        (Method::POST, "/api/files".to_owned()),
        (Method::GET, "/api/files/file_nope/status".to_owned()),
    ]
}

async fn assert_unauthorized(method: Method, path: &str, authorization: Option<&str>) {
    let mut request = http().request(method, api_url(path, &[])).json(&json!({ "body": "hi", "memberIds": ["x"] }));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let reply = fetch(request).await;
    assert_eq!(reply.status, 401, "{reply}");
}

#[tokio::test]
async fn no_token_is_unauthorized_on_every_route() {
    let thread = User::sarah().await.open_thread(&[]).await;
    for (method, path) in routes(&thread) {
        assert_unauthorized(method, &path, None).await;
    }
}

#[tokio::test]
async fn a_changed_token_is_unauthorized_on_every_route() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let token = with_another_subject(&michael.token, &sarah.id);
    for (method, path) in routes(&thread) {
        assert_unauthorized(method, &path, Some(&format!("Bearer {token}"))).await;
    }
}

#[tokio::test]
async fn what_does_not_verify_is_unauthorized() {
    let sarah = User::sarah().await;
    let credentials = [
        "Bearer".to_owned(),
        "Bearer garbage".to_owned(),
        "Bearer a.b.c".to_owned(),
        "Basic c2FyYWg6c2FyYWg=".to_owned(),
        format!("Bearer {}", sarah.id),
        format!("Bearer {}", without_signature(&sarah.token)),
        format!("Bearer {}", with_another_subject(&sarah.token, "user_other")),
        format!("Bearer {}", with_another_signature(&sarah.token)),
        format!("Bearer {}", "x".repeat(6000)),
    ];
    for credentials in credentials {
        assert_unauthorized(Method::GET, "/api/threads", Some(&credentials)).await;
    }
}

#[tokio::test]
async fn a_token_in_the_url_is_no_token() {
    let sarah = User::sarah().await;
    for key in ["token", "access_token", "authorization", "Authorization"] {
        let reply = fetch(http().get(api_url("/api/threads", &[(key, &sarah.token)]))).await;
        assert_eq!(reply.status, 401, "{key}: {}", reply.text);
    }
}

//! Access tests: every route under `/api/` requires a valid token, and every other route a signed link.

use e2e::{Route, User, api_url, fetch, http, routes, with_another_signature, with_another_subject, without_signature};
use serde_json::json;

/// Returns the path of a route with example values for its parameters. A new path parameter needs a value here.
fn example_path(route: &Route, thread: &str) -> String {
    route.path_with(&[("threadId", thread), ("fileId", "file_missing"), ("name", "file_missing.jpg")])
}

async fn assert_unauthorized(route: &Route, thread: &str, authorization: Option<&str>) {
    let url = api_url(&example_path(route, thread), &[]);
    let mut request = http().request(route.method.clone(), url).json(&json!({}));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let reply = fetch(request).await;
    assert_eq!(reply.status, 401, "{route}: {reply}");
}

fn routes_with_token() -> impl Iterator<Item = Route> {
    routes().into_iter().filter(Route::needs_token)
}

#[tokio::test]
async fn request_without_token_is_unauthorized_on_every_route() {
    let thread = User::sarah().await.new_thread(&[]).await;
    for route in routes_with_token() {
        assert_unauthorized(&route, &thread, None).await;
    }
}

#[tokio::test]
async fn token_with_changed_subject_is_unauthorized_on_every_route() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let token = with_another_subject(&michael.token, &sarah.id);
    for route in routes_with_token() {
        assert_unauthorized(&route, &thread, Some(&format!("Bearer {token}"))).await;
    }
}

#[tokio::test]
async fn invalid_credentials_are_unauthorized() {
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
    let route = Route { method: reqwest::Method::GET, path: "/api/threads".to_owned() };
    for credentials in credentials {
        assert_unauthorized(&route, "", Some(&credentials)).await;
    }
}

#[tokio::test]
async fn token_in_the_url_is_unauthorized() {
    let sarah = User::sarah().await;
    for key in ["token", "access_token", "authorization", "Authorization"] {
        let reply = fetch(http().get(api_url("/api/threads", &[(key, &sarah.token)]))).await;
        assert_eq!(reply.status, 401, "{key}: {}", reply.text);
    }
}

#[tokio::test]
async fn routes_outside_api_require_a_signed_link() {
    let sarah = User::sarah().await;
    for route in routes().into_iter().filter(|route| !route.needs_token()) {
        let path = example_path(&route, "");
        for request in
            [http().request(route.method.clone(), api_url(&path, &[])), sarah.request(route.method.clone(), &path)]
        {
            fetch(request).await.assert_problem(403, "invalid_file_url");
        }
    }
}

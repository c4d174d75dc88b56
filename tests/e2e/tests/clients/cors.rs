//! Tests of CORS: pages of the allowed origin may call the API and upload files; pages of other origins may not.

use std::collections::HashSet;

use e2e::{Reply, Upload, User, allowed_origin, api_url, fetch, http, routes};
use reqwest::{Method, Url};

const OTHER_ORIGINS: [&str; 3] = ["https://evil.example", "http://localhost:5173.evil.example", "null"];

async fn preflight(origin: &str, method: &str) -> Reply {
    preflight_for(api_url("/api/threads", &[]), origin, method, "authorization,content-type,idempotency-key").await
}

async fn preflight_for(url: Url, origin: &str, method: &str, headers: &str) -> Reply {
    let request = http()
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers);
    fetch(request).await
}

async fn create_upload() -> Upload {
    User::sarah().await.create_file("a.txt", "text/plain", 4).await
}

/// Whether the value of a response header is a comma-separated list that contains `wanted` or `*`.
fn lists(reply: &Reply, header: &str, wanted: &str) -> bool {
    let listed = reply.header(header).unwrap_or_default();
    listed.split(',').map(str::trim).any(|entry| entry == "*" || entry.eq_ignore_ascii_case(wanted))
}

// make verify: only if AllowedOrigins is set
#[tokio::test]
async fn preflight_of_the_allowed_origin_needs_no_token() {
    let methods: HashSet<Method> = routes().into_iter().map(|route| route.method).collect();
    for method in methods.iter().map(Method::as_str) {
        let reply = preflight(allowed_origin(), method).await;
        assert!((200..300).contains(&reply.status), "{reply}");
        assert!(lists(&reply, "access-control-allow-origin", allowed_origin()), "{reply}");
        assert!(lists(&reply, "access-control-allow-methods", method), "{reply}");
        for header in ["authorization", "content-type", "idempotency-key"] {
            assert!(lists(&reply, "access-control-allow-headers", header), "{header}: {reply}");
        }
    }
}

#[tokio::test]
async fn preflight_of_another_origin_is_not_granted() {
    for origin in OTHER_ORIGINS {
        let reply = preflight(origin, "POST").await;
        assert!(!lists(&reply, "access-control-allow-origin", origin), "{reply}");
    }
}

// make verify: only if AllowedOrigins is set
#[tokio::test]
async fn response_allows_the_allowed_origin() {
    let sarah = User::sarah().await;
    let request = sarah.request(Method::GET, "/api/threads").header("origin", allowed_origin());
    let reply = fetch(request).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert!(lists(&reply, "access-control-allow-origin", allowed_origin()), "{reply}");
    // Browsers hide these response headers from pages unless the server exposes them.
    for header in ["idempotency-replayed", "location", "retry-after"] {
        assert!(lists(&reply, "access-control-expose-headers", header), "{reply}");
    }
}

// make verify: only if AllowedOrigins is set
#[tokio::test]
async fn page_of_the_allowed_origin_may_upload() {
    let upload = create_upload().await;
    let reply = preflight_for(upload.url.clone(), allowed_origin(), "PUT", "content-type").await;
    assert!((200..300).contains(&reply.status), "{reply}");
    assert!(lists(&reply, "access-control-allow-origin", allowed_origin()), "{reply}");
    assert!(lists(&reply, "access-control-allow-methods", "PUT"), "{reply}");
    assert!(lists(&reply, "access-control-allow-headers", "content-type"), "{reply}");
    let request = http().put(upload.url).header("content-type", upload.content_type).body("text");
    let reply = fetch(request.header("origin", allowed_origin())).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert!(lists(&reply, "access-control-allow-origin", allowed_origin()), "{reply}");
}

// make verify: only if AllowedOrigins is set
#[tokio::test]
async fn page_of_another_origin_may_not_upload() {
    let upload = create_upload().await;
    for origin in OTHER_ORIGINS {
        let reply = preflight_for(upload.url.clone(), origin, "PUT", "content-type").await;
        assert!(!lists(&reply, "access-control-allow-origin", origin), "{reply}");
    }
    let reply = preflight_for(upload.url, allowed_origin(), "DELETE", "content-type").await;
    assert!(!lists(&reply, "access-control-allow-methods", "DELETE"), "{reply}");
}

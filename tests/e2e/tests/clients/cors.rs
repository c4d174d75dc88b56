//! Browsers of the allowed origin may call the API, others may not.

use e2e::{ALLOWED_ORIGIN, Reply, Upload, User, api_url, fetch, http};
use reqwest::{Method, Url};

const FOREIGN_ORIGINS: [&str; 3] = ["https://evil.example", "http://localhost:5173.evil.example", "null"];

async fn preflight(origin: &str, method: &str) -> Reply {
    preflight_of(api_url("/api/threads", &[]), origin, method, "authorization,content-type,idempotency-key").await
}

async fn preflight_of(url: Url, origin: &str, method: &str, headers: &str) -> Reply {
    let request = http()
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers);
    fetch(request).await
}

async fn announced() -> Upload {
    User::sarah().await.announce("a.txt", "text/plain", 4).await
}

fn lists(reply: &Reply, header: &str, wanted: &str) -> bool {
    let listed = reply.header(header).unwrap_or_default();
    listed.split(',').map(str::trim).any(|entry| entry == "*" || entry.eq_ignore_ascii_case(wanted))
}

#[tokio::test]
async fn a_preflight_of_the_allowed_origin_is_granted_without_a_token() {
    for method in ["GET", "POST"] {
        let reply = preflight(ALLOWED_ORIGIN, method).await;
        assert!((200..300).contains(&reply.status), "{reply}");
        assert!(lists(&reply, "access-control-allow-origin", ALLOWED_ORIGIN), "{reply}");
        assert!(lists(&reply, "access-control-allow-methods", method), "{reply}");
        for header in ["authorization", "content-type", "idempotency-key"] {
            assert!(lists(&reply, "access-control-allow-headers", header), "{header}: {reply}");
        }
    }
}

#[tokio::test]
async fn a_preflight_of_a_foreign_origin_is_not_granted() {
    for origin in FOREIGN_ORIGINS {
        let reply = preflight(origin, "POST").await;
        assert!(!lists(&reply, "access-control-allow-origin", origin), "{reply}");
    }
}

#[tokio::test]
async fn an_answer_to_the_allowed_origin_says_so() {
    let sarah = User::sarah().await;
    let request = sarah.request(Method::GET, "/api/threads").header("origin", ALLOWED_ORIGIN);
    let reply = fetch(request).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert!(lists(&reply, "access-control-allow-origin", ALLOWED_ORIGIN), "{reply}");
    // What a client needs of the headers, and would not see without.
    for header in ["idempotency-replayed", "location", "retry-after"] {
        assert!(lists(&reply, "access-control-expose-headers", header), "{reply}");
    }
}

#[tokio::test]
async fn a_page_of_the_allowed_origin_may_upload() {
    let upload = announced().await;
    let reply = preflight_of(upload.url.clone(), ALLOWED_ORIGIN, "PUT", "content-type").await;
    assert!((200..300).contains(&reply.status), "{reply}");
    assert!(lists(&reply, "access-control-allow-origin", ALLOWED_ORIGIN), "{reply}");
    assert!(lists(&reply, "access-control-allow-methods", "PUT"), "{reply}");
    assert!(lists(&reply, "access-control-allow-headers", "content-type"), "{reply}");
    let request = http().put(upload.url).header("content-type", upload.content_type).body("text");
    let reply = fetch(request.header("origin", ALLOWED_ORIGIN)).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert!(lists(&reply, "access-control-allow-origin", ALLOWED_ORIGIN), "{reply}");
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_may_not_upload() {
    let upload = announced().await;
    for origin in FOREIGN_ORIGINS {
        let reply = preflight_of(upload.url.clone(), origin, "PUT", "content-type").await;
        assert!(!lists(&reply, "access-control-allow-origin", origin), "{reply}");
    }
    let reply = preflight_of(upload.url, ALLOWED_ORIGIN, "DELETE", "content-type").await;
    assert!(!lists(&reply, "access-control-allow-methods", "DELETE"), "{reply}");
}

//! Tests of invalid tokens and credentials. The tests of `docs/access.md` check that every route requires a token or link.

use e2e::{User, api_url, fetch, http, with_another_signature, with_another_subject, without_signature};

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
    for credentials in credentials {
        let reply = fetch(http().get(api_url("/api/threads", &[])).header("authorization", &credentials)).await;
        assert_eq!(reply.status, 401, "{reply}");
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

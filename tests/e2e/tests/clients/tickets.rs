//! Tests of `POST /api/ws-tickets`, and of the credentials that open a socket

use e2e::{
    Handshake, User, allowed_origin, assert_keys, text, with_another_signature, with_another_subject, without_signature,
};
use futures::future::join_all;
use serde_json::json;

#[tokio::test]
async fn ticket_expires_in_60_seconds() {
    let reply = User::sarah().await.post("/api/ws-tickets", &json!({})).await;
    assert!(matches!(reply.status, 200 | 201), "{reply}");
    assert_keys(&reply.json, &["ticket", "expiresIn"]);
    assert_eq!(reply.json["expiresIn"], 60, "{reply}");
    assert!(text(&reply.json["ticket"]).len() >= 16, "the ticket is too short to be unguessable: {reply}");
}

#[tokio::test]
async fn request_needs_no_body() {
    let reply = User::sarah().await.post_raw("/api/ws-tickets", "").await;
    assert!(matches!(reply.status, 200 | 201), "{reply}");
}

#[tokio::test]
async fn tickets_differ() {
    let sarah = User::sarah().await;
    assert_ne!(sarah.ticket().await, sarah.ticket().await);
}

#[tokio::test]
async fn socket_belongs_to_the_ticket_owner() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[]).await;
    sarah.connect_and_subscribe(&thread).await.ping().await;
    let refused =
        michael.connect().await.request(json!({ "action": "subscribe", "channel": format!("thread:{thread}") })).await;
    assert_eq!(refused["data"]["code"], "thread_not_found", "{refused}");
}

#[tokio::test]
async fn ticket_opens_only_one_socket() {
    let ticket = User::sarah().await.ticket().await;
    let mut socket = Handshake::with_ticket(&ticket).accepted().await;
    Handshake::with_ticket(&ticket).refused().await;
    socket.ping().await;
    socket.close().await;
    Handshake::with_ticket(&ticket).refused().await;
}

#[tokio::test]
async fn concurrent_handshakes_with_one_ticket_open_one_socket() {
    let ticket = User::sarah().await.ticket().await;
    let sockets = join_all((0..8).map(|_| Handshake::with_ticket(&ticket).open())).await;
    assert_eq!(sockets.iter().filter(|socket| socket.is_ok()).count(), 1, "{sockets:?}");
}

#[tokio::test]
async fn missing_or_invalid_ticket_is_refused() {
    Handshake::without_credentials().refused().await;
    Handshake::with_ticket("").refused().await;
    Handshake::with_ticket("garbage").refused().await;
    Handshake::with_ticket("👪").refused().await;
    Handshake::with_ticket(&"x".repeat(3000)).refused().await;
}

#[tokio::test]
async fn token_in_the_header_opens_a_socket() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let mut socket = Handshake::with_bearer(&sarah.token).accepted().await;
    assert_eq!(socket.subscribe(&thread).await, 0);
}

#[tokio::test]
async fn invalid_token_is_refused() {
    let (sarah, michael) = User::sarah_and_michael().await;
    Handshake::with_bearer("garbage").refused().await;
    Handshake::with_bearer("a.b.c").refused().await;
    Handshake::with_bearer(&without_signature(&sarah.token)).refused().await;
    Handshake::with_bearer(&with_another_signature(&sarah.token)).refused().await;
    Handshake::with_bearer(&with_another_subject(&sarah.token, &michael.id)).refused().await;
}

#[tokio::test]
async fn token_in_the_url_is_refused() {
    let sarah = User::sarah().await;
    for key in ["ticket", "token", "access_token", "Authorization"] {
        Handshake::with_query(key, &sarah.token).refused().await;
    }
}

// make verify: only if AllowedOrigins is set
#[tokio::test]
async fn page_of_the_allowed_origin_can_open_a_socket() {
    let sarah = User::sarah().await;
    let ticket = sarah.ticket().await;
    Handshake::with_ticket(&ticket).from_origin(allowed_origin()).accepted().await.ping().await;
    Handshake::with_bearer(&sarah.token).from_origin(allowed_origin()).accepted().await.ping().await;
}

#[tokio::test]
async fn page_of_another_origin_is_refused() {
    let sarah = User::sarah().await;
    let origins = [
        "https://evil.example",
        "http://localhost:5173.evil.example",
        "http://evil.example/http://localhost:5173",
        "http://localhost:51730",
        "https://localhost:5173",
        "null",
    ];
    for origin in origins {
        let ticket = sarah.ticket().await;
        Handshake::with_ticket(&ticket).from_origin(origin).refused().await;
        Handshake::with_bearer(&sarah.token).from_origin(origin).refused().await;
    }
}

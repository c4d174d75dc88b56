//! POST /api/ws-tickets, and who may open a socket.

use e2e::{
    ALLOWED_ORIGIN, Handshake, User, assert_keys, text, with_another_signature, with_another_subject, without_signature,
};
use futures::future::join_all;
use serde_json::json;

#[tokio::test]
async fn a_ticket_is_good_for_60_seconds() {
    let reply = User::sarah().await.post("/api/ws-tickets", &json!({})).await;
    assert!(matches!(reply.status, 200 | 201), "{reply}");
    assert_keys(&reply.json, &["ticket", "expiresIn"]);
    assert_eq!(reply.json["expiresIn"], 60, "{reply}");
    assert!(text(&reply.json["ticket"]).len() >= 16, "guessable: {reply}");
}

#[tokio::test]
async fn a_ticket_needs_no_body() {
    let reply = User::sarah().await.post_raw("/api/ws-tickets", "").await;
    assert!(matches!(reply.status, 200 | 201), "{reply}");
}

#[tokio::test]
async fn each_ticket_is_another() {
    let sarah = User::sarah().await;
    assert_ne!(sarah.ticket().await, sarah.ticket().await);
}

#[tokio::test]
async fn a_ticket_opens_a_socket_in_its_owners_name() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let hers = sarah.open_thread(&[]).await;
    sarah.listen(&hers).await.ping().await;
    let refused =
        michael.connect().await.ask(json!({ "action": "subscribe", "channel": format!("thread:{hers}") })).await;
    assert_eq!(refused["data"]["code"], "thread_not_found", "{refused}");
}

#[tokio::test]
async fn a_ticket_is_good_for_one_socket() {
    let ticket = User::sarah().await.ticket().await;
    let mut socket = Handshake::with_ticket(&ticket).accepted().await;
    Handshake::with_ticket(&ticket).refused().await;
    socket.ping().await;
    socket.close().await;
    Handshake::with_ticket(&ticket).refused().await;
}

#[tokio::test]
async fn of_concurrent_sockets_on_one_ticket_one_opens() {
    let ticket = User::sarah().await.ticket().await;
    let sockets = join_all((0..8).map(|_| Handshake::with_ticket(&ticket).open())).await;
    assert_eq!(sockets.iter().filter(|socket| socket.is_ok()).count(), 1, "{sockets:?}");
}

#[tokio::test]
async fn no_credentials_open_no_socket() {
    Handshake::with_nothing().refused().await;
    Handshake::with_ticket("").refused().await;
    Handshake::with_ticket("garbage").refused().await;
    Handshake::with_ticket("👪").refused().await;
    Handshake::with_ticket(&"x".repeat(3000)).refused().await;
}

#[tokio::test]
async fn a_token_in_the_header_opens_a_socket() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let mut socket = Handshake::with_bearer(&sarah.token).accepted().await;
    assert_eq!(socket.subscribe(&thread).await, 0);
}

#[tokio::test]
async fn a_token_that_does_not_verify_opens_no_socket() {
    let (sarah, michael) = User::sarah_and_michael().await;
    Handshake::with_bearer("garbage").refused().await;
    Handshake::with_bearer("a.b.c").refused().await;
    Handshake::with_bearer(&without_signature(&sarah.token)).refused().await;
    Handshake::with_bearer(&with_another_signature(&sarah.token)).refused().await;
    Handshake::with_bearer(&with_another_subject(&sarah.token, &michael.id)).refused().await;
}

#[tokio::test]
async fn a_token_in_the_url_opens_no_socket() {
    let sarah = User::sarah().await;
    for key in ["ticket", "token", "access_token", "Authorization"] {
        Handshake::with_query(key, &sarah.token).refused().await;
    }
}

#[tokio::test]
async fn a_page_of_the_allowed_origin_opens_a_socket() {
    let sarah = User::sarah().await;
    let ticket = sarah.ticket().await;
    Handshake::with_ticket(&ticket).from_origin(ALLOWED_ORIGIN).accepted().await.ping().await;
    Handshake::with_bearer(&sarah.token).from_origin(ALLOWED_ORIGIN).accepted().await.ping().await;
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_opens_no_socket() {
    let sarah = User::sarah().await;
    let foreign = [
        "https://evil.example",
        "http://localhost:5173.evil.example",
        "http://evil.example/http://localhost:5173",
        "http://localhost:51730",
        "https://localhost:5173",
        "null",
    ];
    for origin in foreign {
        let ticket = sarah.ticket().await;
        Handshake::with_ticket(&ticket).from_origin(origin).refused().await;
        Handshake::with_bearer(&sarah.token).from_origin(origin).refused().await;
    }
}

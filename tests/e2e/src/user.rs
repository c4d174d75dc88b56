use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Reply, api_url, fetch, http};
use crate::handshake::Handshake;
use crate::operator::Operator;
use crate::shape::{assert_keys, items, text};
use crate::socket::Socket;
use crate::stack::Stack;
use crate::token::{id_token, new_account};
use crate::wait::eventually;

/// Returns a unique ID of a user who has never called the API. Such a user cannot become a member of a thread.
#[must_use]
pub fn unknown_user_id() -> String {
    format!("user_{}", Uuid::now_v7().simple())
}

/// Makes a new user without a name known, and returns the user's unique ID. No existing thread has this user as a
/// member.
pub async fn known_user_id() -> String {
    let id = unknown_user_id();
    Operator::new().make_known(&id).await;
    id
}

/// A user who is signed in.
pub struct User {
    /// ID of the user, the `sub` claim of the token.
    pub id: String,
    /// Display name of the user.
    pub name: String,
    /// Bearer token with which the user sends requests.
    pub token: String,
    http: Client,
}

/// A page of a thread's messages.
#[derive(Debug)]
pub struct Page {
    /// Messages of the page, in the order of the response.
    pub messages: Vec<Value>,
    /// Cursor of the next page, or `None` on the last page.
    pub next_cursor: Option<String>,
}

impl User {
    /// Signs in as Sarah. Most tests use threads with Sarah and Michael as members.
    pub async fn sarah() -> Self {
        Self::named("Sarah").await
    }

    /// Signs in as Michael. Most tests use threads with Sarah and Michael as members.
    pub async fn michael() -> Self {
        Self::named("Michael").await
    }

    /// Signs in as Dad, who is not a member of the threads that tests create for Sarah and Michael.
    pub async fn dad() -> Self {
        Self::named("Dad").await
    }

    /// Signs in as Sarah and as Michael.
    pub async fn sarah_and_michael() -> (Self, Self) {
        (Self::sarah().await, Self::michael().await)
    }

    /// Creates a user and signs in with an access token, which has no `name` claim. The user has not called the API yet.
    pub async fn newcomer() -> Self {
        let (id, token) = new_account().await;
        Self { name: id.clone(), id, token, http: http() }
    }

    async fn named(name: &str) -> Self {
        let account = Stack::get().account(name);
        Self { id: account.id.clone(), name: account.name.clone(), token: id_token(account).await, http: http() }
    }

    /// Returns a request with this user's token. The test completes it and passes it to [`fetch`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, api_url(path, &[])).bearer_auth(&self.token)
    }

    /// Sends a GET for a path such as `/api/threads`.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Reply {
        let url = api_url(path, query);
        fetch(self.http.get(url).bearer_auth(&self.token)).await
    }

    /// Sends a POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        fetch(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a PUT with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        fetch(self.request(Method::PUT, path).json(body)).await
    }

    /// Sends a PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        fetch(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sends a POST with the content type `application/json` and any body, even invalid JSON.
    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.request(Method::POST, path).header("content-type", "application/json").body(body);
        fetch(request).await
    }

    /// Registers a browser for this user's notifications: sends `PUT /api/push-subscriptions`.
    pub async fn register(&self, browser: &Value) -> Reply {
        self.put("/api/push-subscriptions", browser).await
    }

    /// Stops the notifications of a device: sends `DELETE /api/push-subscriptions/{id}`.
    pub async fn unregister(&self, device: &str) -> Reply {
        fetch(self.request(Method::DELETE, &format!("/api/push-subscriptions/{device}"))).await
    }

    /// Sends `POST /api/threads` with `members` as the `memberIds`.
    pub async fn create_thread(&self, members: &[&str]) -> Reply {
        self.post("/api/threads", &json!({ "memberIds": members })).await
    }

    /// Creates a thread with this user and `others` as members. A unique extra member makes sure that no other test
    /// uses the thread. Returns the thread's ID.
    pub async fn new_thread(&self, others: &[&Self]) -> String {
        let unique = known_user_id().await;
        let mut members: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
        members.push(&unique);
        // The status is 200 if an earlier attempt created the thread but its response was lost.
        let reply = with_retries(async || self.create_thread(&members).await).await;
        assert!(matches!(reply.status, 200 | 201), "{reply}");
        text(&reply.json["id"]).to_owned()
    }

    /// Sends a message without files to a thread. Panics if the API refuses the message.
    pub async fn send(&self, thread: &str, body: &str) -> Value {
        self.post_message(thread, &json!({ "body": body })).await.ok(201)
    }

    /// Sends `count` messages to a thread, one after the other.
    pub async fn send_many(&self, thread: &str, count: usize) {
        for n in 1..=count {
            self.send(thread, &format!("message {n}")).await;
        }
    }

    /// Sends `POST /api/threads/{threadId}/messages` without an `Idempotency-Key`.
    pub async fn post_message(&self, thread: &str, body: &Value) -> Reply {
        self.post(&messages_path(thread), body).await
    }

    /// Sends `POST /api/threads/{threadId}/messages` with an `Idempotency-Key`.
    pub async fn post_message_with_key(&self, thread: &str, key: &[u8], body: &Value) -> Reply {
        let request = self.request(Method::POST, &messages_path(thread)).header("idempotency-key", key).json(body);
        fetch(request).await
    }

    /// Sends a message as a client should: after a 429 or 5xx, it repeats the request with the same `Idempotency-Key`.
    /// Panics if the API refuses the message.
    pub async fn send_with_retries(&self, thread: &str, body: &str) -> Value {
        let (key, body) = (Uuid::now_v7().to_string(), json!({ "body": body }));
        with_retries(async || self.post_message_with_key(thread, key.as_bytes(), &body).await).await.ok(201)
    }

    /// Moves the user's read mark to `seq`. Returns the read mark that is then in effect. Panics if the API refuses the
    /// request.
    pub async fn mark_read(&self, thread: &str, seq: u64) -> u64 {
        let answer = self.put(&format!("/api/threads/{thread}/read"), &json!({ "seq": seq })).await.ok(200);
        assert_keys(&answer, &["readSeq"]);
        answer["readSeq"].as_u64().unwrap_or_else(|| panic!("readSeq is not a number: {answer}"))
    }

    /// Returns a thread as `GET /api/threads/{threadId}` shows it.
    pub async fn thread(&self, thread: &str) -> Value {
        self.get(&format!("/api/threads/{thread}"), &[]).await.ok(200)
    }

    /// Returns a thread as the list of threads shows it, or `None` if it is not among the first 100 threads of the
    /// list. If `archived` is true, reads the list of archived threads.
    pub async fn listed(&self, thread: &str, archived: bool) -> Option<Value> {
        let query = [("limit", "100"), ("archived", if archived { "true" } else { "false" })];
        let page = self.get("/api/threads", &query).await.ok(200);
        items(&page["threads"]).iter().find(|listed| listed["id"] == thread).cloned()
    }

    /// Sends `GET /api/threads/{threadId}/messages`.
    pub async fn get_messages(&self, thread: &str, query: &[(&str, &str)]) -> Reply {
        self.get(&messages_path(thread), query).await
    }

    /// Returns one page of a thread's messages.
    pub async fn page(&self, thread: &str, query: &[(&str, &str)]) -> Page {
        let mut page = self.get_messages(thread, query).await.ok(200);
        assert_keys(&page, &["messages", "nextCursor"]);
        let Value::Array(messages) = page["messages"].take() else {
            panic!("`messages` is not a list");
        };
        let next_cursor = match page["nextCursor"].take() {
            Value::Null => None,
            cursor => Some(text(&cursor).to_owned()),
        };
        Page { messages, next_cursor }
    }

    /// Requests the page that `query` selects and all pages after it, and returns their messages.
    pub async fn pages(&self, thread: &str, query: &[(&str, &str)]) -> Vec<Value> {
        let mut page = self.page(thread, query).await;
        let mut all = page.messages;
        while let Some(cursor) = page.next_cursor {
            let next = [query, &[("cursor", cursor.as_str())]].concat();
            page = self.page(thread, &next).await;
            all.append(&mut page.messages);
        }
        all
    }

    /// Requests a ticket, a single-use secret that opens one socket.
    pub async fn ticket(&self) -> String {
        ticket_from(self.post_ticket().await)
    }

    async fn post_ticket(&self) -> Reply {
        self.post("/api/ws-tickets", &json!({})).await
    }

    /// Opens a socket. Tries again if the server refuses it, because a busy local cloud refuses valid sockets, too.
    pub async fn connect(&self) -> Socket {
        eventually("opening a socket", async || {
            let ticket = ticket_from(with_retries(async || self.post_ticket().await).await);
            Handshake::with_ticket(&ticket).open().await.ok()
        })
        .await
    }

    /// Opens a socket and subscribes it to the user's inbox. Repeats each step until it succeeds.
    pub async fn connect_inbox(&self) -> Socket {
        let mut socket = self.connect().await;
        eventually("subscribing to the inbox", async || socket.try_subscribe_inbox().await).await;
        socket
    }

    /// Opens a socket and subscribes it to a thread. Repeats each step until it succeeds.
    pub async fn connect_and_subscribe(&self, thread: &str) -> Socket {
        let mut socket = self.connect().await;
        eventually("subscribing", async || socket.try_subscribe(thread).await).await;
        socket
    }
}

/// Repeats a request until the response is neither a 429 nor a 5xx, as a client does.
async fn with_retries(mut send: impl AsyncFnMut() -> Reply) -> Reply {
    eventually("a response that is neither a 429 nor a 5xx", async || {
        let reply = send().await;
        (!reply.is_retryable()).then_some(reply)
    })
    .await
}

fn ticket_from(reply: Reply) -> String {
    text(&reply.ok(200)["ticket"]).to_owned()
}

fn messages_path(thread: &str) -> String {
    format!("/api/threads/{thread}/messages")
}

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Reply, api_url, fetch, http};
use crate::shape::{assert_keys, text};
use crate::socket::{Handshake, Socket};
use crate::stack::Stack;
use crate::token::id_token;
use crate::wait::eventually;

/// Returns a unique user ID that has never signed in. A set of members with such an ID is always new.
#[must_use]
pub fn new_user_id() -> String {
    format!("user_{}", Uuid::now_v7().simple())
}

/// A demo user who is signed in.
pub struct User {
    /// Their user ID, the `sub` of their token.
    pub id: String,
    /// Their display name.
    pub name: String,
    /// Their bearer token.
    pub token: String,
    http: Client,
}

/// A page of messages.
#[derive(Debug)]
pub struct Page {
    /// The messages, in the order of the page.
    pub messages: Vec<Value>,
    /// The cursor of the next page; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl User {
    /// Signs in as Sarah, who shares most tests' threads with Michael.
    pub async fn sarah() -> Self {
        Self::named("Sarah").await
    }

    /// Signs in as Michael, who shares most tests' threads with Sarah.
    pub async fn michael() -> Self {
        Self::named("Michael").await
    }

    /// Signs in as Dad, who is not a member of Sarah's and Michael's threads.
    pub async fn dad() -> Self {
        Self::named("Dad").await
    }

    /// Signs in as Sarah and as Michael.
    pub async fn sarah_and_michael() -> (Self, Self) {
        (Self::sarah().await, Self::michael().await)
    }

    async fn named(name: &str) -> Self {
        let account = Stack::get().account(name);
        Self { id: account.id.clone(), name: account.name.clone(), token: id_token(account).await, http: http() }
    }

    /// Returns a request with this user's token, to complete and to pass to [`fetch`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, api_url(path, &[])).bearer_auth(&self.token)
    }

    /// Sends a GET for a path such as `/api/threads`.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Reply {
        let url = api_url(path, query);
        fetch(self.http.get(url).bearer_auth(&self.token)).await
    }

    /// Sends a POST with a JSON value.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        fetch(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a POST with any body and the content type `application/json`.
    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.request(Method::POST, path).header("content-type", "application/json").body(body);
        fetch(request).await
    }

    /// Sends `POST /api/threads` with these members.
    pub async fn create_thread(&self, members: &[&str]) -> Reply {
        self.post("/api/threads", &json!({ "memberIds": members })).await
    }

    /// Creates a thread with these members and a unique extra member, so that no other test uses it. Returns its ID.
    pub async fn new_thread(&self, others: &[&Self]) -> String {
        let unique = new_user_id();
        let mut members: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
        members.push(&unique);
        // 200 if an earlier attempt created the thread and its response was lost.
        let reply = with_retries(async || self.create_thread(&members).await).await;
        assert!(matches!(reply.status, 200 | 201), "{reply}");
        text(&reply.json["id"]).to_owned()
    }

    /// Sends a message. Panics if the API refuses it.
    pub async fn send(&self, thread: &str, body: &str) -> Value {
        self.post_message(thread, &json!({ "body": body })).await.ok(201)
    }

    /// Sends `count` messages, one after the other.
    pub async fn send_many(&self, thread: &str, count: usize) {
        for n in 1..=count {
            self.send(thread, &format!("message {n}")).await;
        }
    }

    /// Sends `POST /api/threads/{threadId}/messages`.
    pub async fn post_message(&self, thread: &str, body: &Value) -> Reply {
        self.post(&messages_path(thread), body).await
    }

    /// Sends `POST /api/threads/{threadId}/messages` with an `Idempotency-Key`.
    pub async fn post_message_with_key(&self, thread: &str, key: &[u8], body: &Value) -> Reply {
        let request = self.request(Method::POST, &messages_path(thread)).header("idempotency-key", key).json(body);
        fetch(request).await
    }

    /// Sends a message as a client should: it repeats the request with the same key after a 429 or 5xx. Panics if the API
    /// refuses the message.
    pub async fn send_with_retries(&self, thread: &str, body: &str) -> Value {
        let (key, body) = (Uuid::now_v7().to_string(), json!({ "body": body }));
        with_retries(async || self.post_message_with_key(thread, key.as_bytes(), &body).await).await.ok(201)
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
            panic!("messages is not a list");
        };
        let next_cursor = match page["nextCursor"].take() {
            Value::Null => None,
            cursor => Some(text(&cursor).to_owned()),
        };
        Page { messages, next_cursor }
    }

    /// Returns all messages from the page of `query` to the last page.
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

    /// Returns a ticket for one socket.
    pub async fn ticket(&self) -> String {
        ticket_from(self.post_ticket().await)
    }

    async fn post_ticket(&self) -> Reply {
        self.post("/api/ws-tickets", &json!({})).await
    }

    /// Opens a socket. Tries again if the socket is refused, since the local cloud also refuses sockets when it is busy.
    pub async fn connect(&self) -> Socket {
        eventually("opening a socket", async || {
            let ticket = ticket_from(with_retries(async || self.post_ticket().await).await);
            Handshake::with_ticket(&ticket).open().await.ok()
        })
        .await
    }

    /// Opens a socket and subscribes it to this thread. Repeats both until they succeed.
    pub async fn connect_and_subscribe(&self, thread: &str) -> Socket {
        let mut socket = self.connect().await;
        eventually("subscribing", async || socket.try_subscribe(thread).await).await;
        socket
    }
}

/// Repeats a request until the response is not a 429 or 5xx, as a client does.
async fn with_retries(mut send: impl AsyncFnMut() -> Reply) -> Reply {
    eventually("a response other than 429 and 5xx", async || {
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

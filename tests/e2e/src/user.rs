use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Reply, api_url, fetch, http};
use crate::patience::eventually;
use crate::shape::{assert_keys, text};
use crate::socket::{Handshake, Socket};
use crate::stack::Stack;
use crate::token::id_token;

/// The id of a member whom nobody has seen yet. With one of them, a set of members is a new one.
#[must_use]
pub fn fresh_member() -> String {
    format!("user_{}", Uuid::now_v7().simple())
}

/// A demo user who has logged in.
pub struct User {
    /// Their id, the `sub` of their token.
    pub id: String,
    /// Their name as others see it.
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
    /// What to ask for next, unless this was the last page.
    pub next_cursor: Option<String>,
}

impl User {
    /// One of the two who write to each other.
    pub async fn sarah() -> Self {
        Self::named("Sarah").await
    }

    /// The other of the two who write to each other.
    pub async fn michael() -> Self {
        Self::named("Michael").await
    }

    /// Who is no member of their threads.
    pub async fn dad() -> Self {
        Self::named("Dad").await
    }

    /// Both who write to each other.
    pub async fn sarah_and_michael() -> (Self, Self) {
        (Self::sarah().await, Self::michael().await)
    }

    async fn named(name: &str) -> Self {
        let account = Stack::get().account(name);
        Self { id: account.id.clone(), name: account.name.clone(), token: id_token(account).await, http: http() }
    }

    /// A request in this user's name, to be completed and fetched.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, api_url(path, &[])).bearer_auth(&self.token)
    }

    /// GET of a path such as `/api/threads`.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Reply {
        let url = api_url(path, query);
        fetch(self.http.get(url).bearer_auth(&self.token)).await
    }

    /// POST of a JSON value.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        fetch(self.request(Method::POST, path).json(body)).await
    }

    /// POST of anything that claims to be JSON.
    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.request(Method::POST, path).header("content-type", "application/json").body(body);
        fetch(request).await
    }

    /// POST `/api/threads` with these members.
    pub async fn create(&self, members: &[&str]) -> Reply {
        self.post("/api/threads", &json!({ "memberIds": members })).await
    }

    /// A new thread with these members and one more nobody knows, so that it is this test's own.
    pub async fn open_thread(&self, others: &[&Self]) -> String {
        let fresh = fresh_member();
        let mut members: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
        members.push(&fresh);
        // 200 where an attempt that was not answered has made it.
        let reply = at_last(async || self.create(&members).await).await;
        assert!(matches!(reply.status, 200 | 201), "{reply}");
        text(&reply.json["id"]).to_owned()
    }

    /// Sends a message that has to be accepted.
    pub async fn say(&self, thread: &str, body: &str) -> Value {
        self.post_message(thread, &json!({ "body": body })).await.ok(201)
    }

    /// Sends a few messages, one after the other.
    pub async fn say_all(&self, thread: &str, count: usize) {
        for n in 1..=count {
            self.say(thread, &format!("message {n}")).await;
        }
    }

    /// POST to a thread's messages.
    pub async fn post_message(&self, thread: &str, body: &Value) -> Reply {
        self.post(&messages_of(thread), body).await
    }

    /// POST to a thread's messages with an `Idempotency-Key`.
    pub async fn post_message_once(&self, thread: &str, key: &[u8], body: &Value) -> Reply {
        let request = self.request(Method::POST, &messages_of(thread)).header("idempotency-key", key).json(body);
        fetch(request).await
    }

    /// Sends a message as a client does that means to lose nothing: again and again with the same key. It has to be
    /// accepted then.
    pub async fn say_at_last(&self, thread: &str, body: &str) -> Value {
        let (key, body) = (Uuid::now_v7().to_string(), json!({ "body": body }));
        at_last(async || self.post_message_once(thread, key.as_bytes(), &body).await).await.ok(201)
    }

    /// GET of a thread's messages.
    pub async fn get_messages(&self, thread: &str, query: &[(&str, &str)]) -> Reply {
        self.get(&messages_of(thread), query).await
    }

    /// One page of a thread's messages.
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

    /// Every message from the page of `query` on to the last page.
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

    /// A ticket for one WebSocket connection.
    pub async fn ticket(&self) -> String {
        ticket_of(self.post_ticket().await)
    }

    async fn post_ticket(&self) -> Reply {
        self.post("/api/ws-tickets", &json!({})).await
    }

    /// An open socket. Refused, it tries again: so the local cloud answers where it is too busy for the function, too.
    pub async fn connect(&self) -> Socket {
        eventually("a socket", async || {
            let ticket = ticket_of(at_last(async || self.post_ticket().await).await);
            Handshake::with_ticket(&ticket).open().await.ok()
        })
        .await
    }

    /// An open socket that is subscribed to this thread, again and again until that is done.
    pub async fn listen(&self, thread: &str) -> Socket {
        let mut socket = self.connect().await;
        eventually("a subscription", async || socket.try_subscribe(thread).await).await;
        socket
    }
}

/// Asks again and again until there is an answer other than "later", as a client does.
async fn at_last(mut ask: impl AsyncFnMut() -> Reply) -> Reply {
    eventually("an answer", async || {
        let reply = ask().await;
        (!reply.is_for_later()).then_some(reply)
    })
    .await
}

fn ticket_of(reply: Reply) -> String {
    text(&reply.ok(200)["ticket"]).to_owned()
}

fn messages_of(thread: &str) -> String {
    format!("/api/threads/{thread}/messages")
}

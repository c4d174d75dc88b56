use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use documents::AsyncApi;
use futures::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

use crate::patience::PATIENCE;
use crate::shape::{assert_keys, seq_of, text};
use crate::stack::Stack;

/// The longest frame that a client has to take, in bytes.
pub const MAX_FRAME_BYTES: usize = 32 * 1024;

/// A connection that was refused, with the status of the handshake's answer.
#[derive(Debug)]
pub struct Refused(pub u16);

/// What a client shows when it opens a socket.
#[derive(Debug, Default)]
pub struct Handshake {
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
}

impl Handshake {
    /// Shows nothing at all.
    #[must_use]
    pub fn with_nothing() -> Self {
        Self::default()
    }

    /// Shows a ticket.
    #[must_use]
    pub fn with_ticket(ticket: &str) -> Self {
        Self::with_query("ticket", ticket)
    }

    /// Shows a token in the `Authorization` header.
    #[must_use]
    pub fn with_bearer(token: &str) -> Self {
        Self { headers: vec![("authorization", format!("Bearer {token}"))], ..Self::default() }
    }

    /// Shows something in the URL.
    #[must_use]
    pub fn with_query(key: &'static str, value: &str) -> Self {
        Self { query: vec![(key, value.to_owned())], ..Self::default() }
    }

    /// Comes from a page of this origin.
    #[must_use]
    pub fn from_origin(mut self, origin: &str) -> Self {
        self.headers.push(("origin", origin.to_owned()));
        self
    }

    /// Opens the socket, which has to succeed.
    pub async fn accepted(self) -> Socket {
        match self.open().await {
            Ok(socket) => socket,
            Err(Refused(status)) => panic!("the socket was refused with {status}"),
        }
    }

    /// Tries to open the socket, which has to be refused as the client's fault.
    pub async fn refused(self) {
        let shown = self.query.iter().chain(&self.headers).map(|(key, _)| *key).collect::<Vec<_>>();
        match self.open().await {
            Ok(_) => panic!("a socket was opened with {shown:?} that had to be refused"),
            Err(Refused(status)) => {
                assert!((400..500).contains(&status), "refused with {status}, which is not the client's fault");
            }
        }
    }

    /// Opens the socket or says how it was refused.
    pub async fn open(self) -> Result<Socket, Refused> {
        let mut url = Url::parse(&Stack::get().ws_url).unwrap_or_else(|error| panic!("wsUrl is not a URL: {error}"));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        let mut request = url.as_str().into_client_request().unwrap_or_else(|error| panic!("not a handshake: {error}"));
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).unwrap_or_else(|error| panic!("{name} is not a header: {error}"));
            request.headers_mut().insert(name, value);
        }
        match timeout(PATIENCE, connect_async(request)).await {
            Ok(Ok((stream, _))) => Ok(Socket { stream, unclaimed: Vec::new(), patience: PATIENCE }),
            Ok(Err(Error::Http(answer))) => Err(Refused(answer.status().as_u16())),
            Ok(Err(error)) => panic!("the handshake broke: {error}"),
            Err(late) => panic!("no answer to the handshake: {late}"),
        }
    }
}

/// An open WebSocket. Every frame that arrives is checked to be what `docs/asyncapi.yaml` says, in at most
/// [`MAX_FRAME_BYTES`]; what nobody waited for yet is kept.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    unclaimed: Vec<Value>,
    patience: Duration,
}

impl Socket {
    /// The same, which waits for frames so long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends a frame as it is.
    pub async fn send(&mut self, frame: impl Into<Message>) {
        if let Err(error) = self.stream.send(frame.into()).await {
            panic!("the socket took no frame: {error}; unclaimed: {:?}", self.unclaimed);
        }
    }

    /// Sends an action with an `id` of its own and returns the answer that carries this `id`.
    pub async fn ask(&mut self, mut action: Value) -> Value {
        let id = Uuid::now_v7().to_string();
        action["id"] = id.as_str().into();
        let shown = action.to_string();
        self.send(shown.as_str()).await;
        self.take(&format!("an answer to {shown}"), |frame| frame["id"] == id).await
    }

    /// Asks what the document allows.
    async fn act(&mut self, action: Value) -> Value {
        document().check_action(&action).unwrap_or_else(|error| panic!("{error}"));
        self.ask(action).await
    }

    /// Subscribes to a thread, which has to succeed, and returns the thread's `seq`.
    pub async fn subscribe(&mut self, thread: &str) -> u64 {
        self.try_subscribe(thread).await.unwrap_or_else(|| panic!("not available just now"))
    }

    /// The same, where it may be that this is not available just now.
    pub async fn try_subscribe(&mut self, thread: &str) -> Option<u64> {
        let channel = format!("thread:{thread}");
        let answer = self.act(json!({ "action": "subscribe", "channel": channel })).await;
        if answer["event"] == "error" && answer["data"]["code"] == "unavailable" {
            return None;
        }
        assert_keys(&answer, &["event", "data", "id"]);
        assert_eq!(answer["event"], "subscribed", "{answer}");
        assert_keys(&answer["data"], &["channel", "seq"]);
        assert_eq!(answer["data"]["channel"], channel, "{answer}");
        Some(answer["data"]["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {answer}")))
    }

    /// Unsubscribes from a thread, which has to succeed.
    pub async fn unsubscribe(&mut self, thread: &str) {
        let channel = format!("thread:{thread}");
        let answer = self.act(json!({ "action": "unsubscribe", "channel": channel })).await;
        assert_eq!(answer["event"], "unsubscribed", "{answer}");
        assert_eq!(answer["data"]["channel"], channel, "{answer}");
    }

    /// Checks that the connection answers.
    pub async fn ping(&mut self) {
        let answer = self.act(json!({ "action": "ping" })).await;
        assert_eq!(answer["event"], "pong", "{answer}");
    }

    /// Sends a frame that has to be answered by an error, and returns that error's code.
    pub async fn provoke(&mut self, frame: impl Into<Message>) -> String {
        self.send(frame).await;
        let answer = self.take("an error event", |frame| frame["event"] == "error").await;
        text(&answer["data"]["code"]).to_owned()
    }

    /// Waits for a frame, among those unclaimed and those to come.
    pub async fn take(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unclaimed.iter().position(&wanted) {
            return self.unclaimed.remove(index);
        }
        let found = timeout(self.patience, async {
            while let Some(frame) = self.read().await {
                if wanted(&frame) {
                    return Some(frame);
                }
                self.unclaimed.push(frame);
            }
            None
        })
        .await;
        match found {
            Ok(Some(frame)) => frame,
            Ok(None) => panic!("closed before {what}; unclaimed: {:?}", self.unclaimed),
            Err(late) => panic!("{what}: {late}; unclaimed: {:?}", self.unclaimed),
        }
    }

    /// Waits for the `data` of the first `message:new` of this thread and `seq`.
    pub async fn pushed(&mut self, thread: &str, seq: u64) -> Value {
        let frame = self
            .take(&format!("message {seq} of {thread}"), |frame| {
                is_push(frame, thread) && frame["data"]["message"]["seq"] == seq
            })
            .await;
        assert_keys(&frame, &["event", "data"]);
        frame["data"].clone()
    }

    /// Waits until each of these messages was pushed, in whatever order and however often.
    pub async fn pushed_all(&mut self, thread: &str, seqs: RangeInclusive<u64>) -> BTreeMap<u64, Value> {
        let mut messages = BTreeMap::new();
        for seq in seqs {
            let mut data = self.pushed(thread, seq).await;
            messages.insert(seq, data["message"].take());
        }
        messages
    }

    /// Which messages of a thread arrived and were not waited for.
    #[must_use]
    pub fn unclaimed_seqs(&self, thread: &str) -> Vec<u64> {
        self.unclaimed
            .iter()
            .filter(|frame| is_push(frame, thread))
            .map(|frame| seq_of(&frame["data"]["message"]))
            .collect()
    }

    /// Waits for the `data` of the first `file:status` of this file.
    pub async fn file_status(&mut self, file: &str) -> Value {
        let frame = self.take(&format!("the status of {file}"), |frame| is_status(frame, file)).await;
        assert_keys(&frame, &["event", "data"]);
        let data = &frame["data"];
        assert_keys(data, &["fileId", "status", "thumbUrl"]);
        assert!(data["status"] == "ready" || data["status"] == "failed", "{frame}");
        assert!(data["thumbUrl"].is_null() || data["thumbUrl"].is_string(), "{frame}");
        data.clone()
    }

    /// Whether a `file:status` of this file arrived and was not waited for.
    #[must_use]
    pub fn has_unclaimed_status(&self, file: &str) -> bool {
        self.unclaimed.iter().any(|frame| is_status(frame, file))
    }

    /// The next frame to arrive that is not about a file, or nothing when the server has closed instead. A user's
    /// sockets hear of all of their files, those of other tests among them.
    pub async fn next_or_closed(&mut self) -> Option<Value> {
        let next = timeout(PATIENCE, async {
            loop {
                match self.read().await {
                    Some(frame) if frame["event"] == "file:status" => self.unclaimed.push(frame),
                    next => return next,
                }
            }
        });
        match next.await {
            Ok(frame) => frame,
            Err(late) => panic!("neither a frame nor a close: {late}"),
        }
    }

    /// Says goodbye and waits until the connection is down.
    pub async fn close(mut self) {
        if let Err(error) = self.stream.close(None).await {
            panic!("the socket cannot be closed: {error}");
        }
        let down = timeout(PATIENCE, async { while self.read().await.is_some() {} }).await;
        assert!(down.is_ok(), "not closed within {PATIENCE:?}");
    }

    /// The next frame, or nothing once the connection is down.
    async fn read(&mut self) -> Option<Value> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(frame))) => return Some(parse(&frame)),
                Some(Ok(Message::Binary(frame))) => panic!("a binary frame: {frame:?}"),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}

fn parse(frame: &str) -> Value {
    let size = frame.len();
    assert!(size <= MAX_FRAME_BYTES, "a frame of {size} bytes");
    let frame = serde_json::from_str(frame).unwrap_or_else(|error| panic!("not JSON: {error}: {frame}"));
    document().check_event(&frame).unwrap_or_else(|error| panic!("{error}"));
    frame
}

fn document() -> &'static AsyncApi {
    AsyncApi::get().unwrap_or_else(|error| panic!("{error}"))
}

fn is_status(frame: &Value, file: &str) -> bool {
    frame["event"] == "file:status" && frame["data"]["fileId"] == file
}

fn is_push(frame: &Value, thread: &str) -> bool {
    frame["event"] == "message:new" && frame["data"]["threadId"] == thread
}

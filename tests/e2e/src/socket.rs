use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use documents::AsyncApi;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

use crate::shape::{assert_keys, seq_of, text};
use crate::wait::TIMEOUT;

/// Maximum size of a frame in the contract, in bytes.
pub const MAX_FRAME_BYTES: usize = 32 * 1024;

/// An open WebSocket. It checks every received frame against `docs/asyncapi.yaml` and [`MAX_FRAME_BYTES`]. Frames are
/// *unread* until a call waits for them.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    unread: Vec<Value>,
    timeout: Duration,
}

impl Socket {
    pub(crate) fn new(stream: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self { stream, unread: Vec::new(), timeout: TIMEOUT }
    }

    /// Sets how long the socket waits for a frame before it panics.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends a frame without checking it, so that a test can send an invalid one.
    pub async fn send(&mut self, frame: impl Into<Message>) {
        if let Err(error) = self.stream.send(frame.into()).await {
            panic!("cannot send a frame: {error}; unread frames: {:?}", self.unread);
        }
    }

    /// Adds a unique `id` to an action, sends it and returns the response with that `id`.
    pub async fn request(&mut self, mut action: Value) -> Value {
        let id = Uuid::now_v7().to_string();
        action["id"] = id.as_str().into();
        let shown = action.to_string();
        self.send(shown.as_str()).await;
        self.wait_for(&format!("a response to {shown}"), |frame| frame["id"] == id).await
    }

    /// Checks that `docs/asyncapi.yaml` allows an action, then sends it as [`request`](Self::request) does.
    async fn request_documented(&mut self, action: Value) -> Value {
        asyncapi().check_action(&action).unwrap_or_else(|error| panic!("{error}"));
        self.request(action).await
    }

    /// Subscribes to a thread and returns the thread's last `seq`. Panics if the subscription fails.
    pub async fn subscribe(&mut self, thread: &str) -> u64 {
        self.try_subscribe(thread).await.unwrap_or_else(|| panic!("the subscription failed with `unavailable`"))
    }

    /// Subscribes to a thread and returns the thread's last `seq`, or `None` if the server responds with the error
    /// `unavailable`. Panics if the subscription fails otherwise.
    pub async fn try_subscribe(&mut self, thread: &str) -> Option<u64> {
        let channel = format!("thread:{thread}");
        let answer = self.request_documented(json!({ "action": "subscribe", "channel": channel })).await;
        if answer["event"] == "error" && answer["data"]["code"] == "unavailable" {
            return None;
        }
        assert_keys(&answer, &["event", "data", "id"]);
        assert_eq!(answer["event"], "subscribed", "{answer}");
        assert_keys(&answer["data"], &["channel", "seq", "rev"]);
        assert_eq!(answer["data"]["channel"], channel, "{answer}");
        Some(answer["data"]["seq"].as_u64().unwrap_or_else(|| panic!("`subscribed` has no seq: {answer}")))
    }

    /// Subscribes to the user's inbox. Returns `None` if the server responds with the error `unavailable`. Panics if the
    /// subscription fails otherwise.
    pub async fn try_subscribe_inbox(&mut self) -> Option<()> {
        let answer = self.request_documented(json!({ "action": "subscribe", "channel": "inbox" })).await;
        if answer["event"] == "error" && answer["data"]["code"] == "unavailable" {
            return None;
        }
        assert_eq!(answer["event"], "subscribed", "{answer}");
        assert_eq!(answer["data"], json!({ "channel": "inbox" }));
        Some(())
    }

    /// Unsubscribes from a thread. Panics if the server responds with an error.
    pub async fn unsubscribe(&mut self, thread: &str) {
        self.unsubscribe_from(&format!("thread:{thread}")).await;
    }

    /// Unsubscribes from the user's inbox. Panics if the server responds with an error.
    pub async fn unsubscribe_inbox(&mut self) {
        self.unsubscribe_from("inbox").await;
    }

    async fn unsubscribe_from(&mut self, channel: &str) {
        let answer = self.request_documented(json!({ "action": "unsubscribe", "channel": channel })).await;
        assert_eq!(answer["event"], "unsubscribed", "{answer}");
        assert_eq!(answer["data"], json!({ "channel": channel }));
    }

    /// Sends a `typing` frame with an ID. Panics if the server responds with an error.
    pub async fn type_in(&mut self, thread: &str) {
        let channel = format!("thread:{thread}");
        let answer = self.request_documented(json!({ "action": "typing", "channel": channel })).await;
        assert_eq!(answer["event"], "accepted", "{answer}");
        assert_eq!(answer["data"], json!({ "channel": channel }));
    }

    /// Sends a `ping` and checks that a `pong` comes back.
    pub async fn ping(&mut self) {
        let answer = self.request_documented(json!({ "action": "ping" })).await;
        assert_eq!(answer["event"], "pong", "{answer}");
    }

    /// Sends a frame that the server must reject, waits for an error event and returns its code.
    pub async fn send_invalid(&mut self, frame: impl Into<Message>) -> String {
        self.send(frame).await;
        let answer = self.wait_for("an error event", |frame| frame["event"] == "error").await;
        text(&answer["data"]["code"]).to_owned()
    }

    /// Returns the first frame that `wanted` accepts, among the unread frames and those that arrive later. `what` names
    /// the expected frame in the panic message.
    pub async fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unread.iter().position(&wanted) {
            return self.unread.remove(index);
        }
        let found = timeout(self.timeout, async {
            while let Some(frame) = self.read().await {
                if wanted(&frame) {
                    return Some(frame);
                }
                self.unread.push(frame);
            }
            None
        })
        .await;
        match found {
            Ok(Some(frame)) => frame,
            Ok(None) => panic!("the socket was closed before {what} arrived; unread frames: {:?}", self.unread),
            Err(late) => panic!("{what} did not arrive: {late}; unread frames: {:?}", self.unread),
        }
    }

    /// Waits for the first `message:new` event of the message `seq` of a thread, and returns the event's `data`.
    pub async fn wait_for_message(&mut self, thread: &str, seq: u64) -> Value {
        let frame = self
            .wait_for(&format!("message {seq} of {thread}"), |frame| {
                is_message_of(frame, thread) && frame["data"]["message"]["seq"] == seq
            })
            .await;
        assert_keys(&frame, &["event", "data"]);
        frame["data"].clone()
    }

    /// Waits until each of a thread's messages `seqs` was pushed at least once, in any order. Returns the messages by
    /// `seq`.
    pub async fn wait_for_messages(&mut self, thread: &str, seqs: RangeInclusive<u64>) -> BTreeMap<u64, Value> {
        let mut messages = BTreeMap::new();
        for seq in seqs {
            let mut data = self.wait_for_message(thread, seq).await;
            messages.insert(seq, data["message"].take());
        }
        messages
    }

    /// Waits for the first event `name` about a thread that `wanted` accepts, and returns the event's `data`.
    pub async fn wait_for_event(&mut self, name: &str, thread: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut frame = self
            .wait_for(&format!("{name} of {thread}"), |frame| {
                frame["event"] == name && is_about(frame, thread) && wanted(&frame["data"])
            })
            .await;
        assert_keys(&frame, &["event", "data"]);
        frame["data"].take()
    }

    /// Returns the names of the unread events about a thread.
    #[must_use]
    pub fn unread_events(&self, thread: &str) -> Vec<&str> {
        self.unread.iter().filter(|frame| is_about(frame, thread)).map(|frame| text(&frame["event"])).collect()
    }

    /// Returns the `seq` of the message in each unread `message:new` event of a thread.
    #[must_use]
    pub fn unread_seqs(&self, thread: &str) -> Vec<u64> {
        self.unread
            .iter()
            .filter(|frame| is_message_of(frame, thread))
            .map(|frame| seq_of(&frame["data"]["message"]))
            .collect()
    }

    /// Waits for the first `file:status` event of a file, and returns the event's `data`.
    pub async fn wait_for_file_status(&mut self, file: &str) -> Value {
        let frame = self.wait_for(&format!("the status of {file}"), |frame| is_file_status(frame, file)).await;
        assert_keys(&frame, &["event", "data"]);
        let data = &frame["data"];
        let is_image = !data["thumbUrl"].is_null();
        let keys: &[_] = if is_image { &["width", "height"] } else { &[] };
        assert_keys(data, &[&["fileId", "status", "thumbUrl"], keys].concat());
        assert!(data["status"] == "ready" || data["status"] == "failed", "{frame}");
        assert!(!is_image || data["thumbUrl"].is_string(), "{frame}");
        data.clone()
    }

    /// Whether an unread frame has arrived that `wanted` accepts.
    #[must_use]
    pub fn has_unread(&self, wanted: impl Fn(&Value) -> bool) -> bool {
        self.unread.iter().any(wanted)
    }

    /// Whether a `file:status` event of a file has arrived and is unread.
    #[must_use]
    pub fn has_unread_file_status(&self, file: &str) -> bool {
        self.has_unread(|frame| is_file_status(frame, file))
    }

    /// Returns the next frame that is neither a `file:status` nor a `read:updated` event, or `None` if the server closes
    /// the socket first. It skips those events because a user's sockets receive them for all files and read marks of the
    /// user, including those of other tests.
    pub async fn next_frame_or_close(&mut self) -> Option<Value> {
        let next = timeout(TIMEOUT, async {
            loop {
                match self.read().await {
                    Some(frame) if frame["event"] == "file:status" || frame["event"] == "read:updated" => {
                        self.unread.push(frame);
                    }
                    next => return next,
                }
            }
        });
        match next.await {
            Ok(frame) => frame,
            Err(late) => panic!("neither a frame nor a close arrived: {late}"),
        }
    }

    /// Closes the socket and waits until the server has closed it, too.
    pub async fn close(mut self) {
        if let Err(error) = self.stream.close(None).await {
            panic!("cannot close the socket: {error}");
        }
        let down = timeout(TIMEOUT, async { while self.read().await.is_some() {} }).await;
        assert!(down.is_ok(), "the server did not close the socket within {TIMEOUT:?}");
    }

    /// Returns the next frame, or `None` once the socket is closed.
    async fn read(&mut self) -> Option<Value> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(frame))) => return Some(parse(&frame)),
                Some(Ok(Message::Binary(frame))) => panic!("the server sent a binary frame: {frame:?}"),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}

fn parse(frame: &str) -> Value {
    let size = frame.len();
    assert!(size <= MAX_FRAME_BYTES, "the server sent a frame of {size} bytes, more than {MAX_FRAME_BYTES}");
    let frame = serde_json::from_str(frame).unwrap_or_else(|error| panic!("a frame is not JSON: {error}: {frame}"));
    asyncapi().check_event(&frame).unwrap_or_else(|error| panic!("{error}"));
    frame
}

fn asyncapi() -> &'static AsyncApi {
    AsyncApi::get().unwrap_or_else(|error| panic!("{error}"))
}

fn is_file_status(frame: &Value, file: &str) -> bool {
    frame["event"] == "file:status" && frame["data"]["fileId"] == file
}

fn is_about(frame: &Value, thread: &str) -> bool {
    frame["data"]["threadId"] == thread || frame["data"]["thread"]["id"] == thread
}

fn is_message_of(frame: &Value, thread: &str) -> bool {
    frame["event"] == "message:new" && frame["data"]["threadId"] == thread
}

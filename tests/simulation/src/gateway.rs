//! Simulated WebSocket API of API Gateway: the server side of the clients' sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::limits;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// The open sockets, by connection ID.
#[derive(Default)]
pub(crate) struct Gateway(Mutex<BTreeMap<String, Socket>>);

pub(crate) struct Socket {
    /// Frames posted to the client. After the client has left, nobody reads them.
    inbox: UnboundedSender<Value>,
    /// When API Gateway notices that the connection is broken. `None` while the connection is not broken.
    noticed: Option<Instant>,
    /// When the last frame was sent, in either direction.
    last_frame: Instant,
    /// The messages that were posted, by thread and `seq`.
    messages: BTreeSet<(String, u64)>,
    /// The `thread:updated` events that were posted, by thread.
    updates: BTreeMap<String, Updates>,
}

/// The `thread:updated` events of a thread.
#[derive(Default)]
struct Updates {
    /// Number of the events about new messages: those whose `sent` is not empty.
    number: usize,
    /// The largest `lastSeq` of all events.
    last_seq: u64,
}

impl Socket {
    /// Records the frame if it is a `message:new` or a `thread:updated`.
    fn record(&mut self, frame: &Value) {
        let data = &frame["data"];
        match frame["event"].as_str() {
            Some("message:new") => {
                _ = self.messages.insert((name(&data["threadId"]), data["message"]["seq"].as_u64().unwrap()));
            }
            Some("thread:updated") => {
                let updates = self.updates.entry(name(&data["thread"]["id"])).or_default();
                updates.number += usize::from(data["sent"] != serde_json::json!([]));
                updates.last_seq = updates.last_seq.max(data["thread"]["lastSeq"].as_u64().unwrap());
            }
            _ => {}
        }
    }
}

fn name(id: &Value) -> String {
    id.as_str().unwrap().to_owned()
}

impl Gateway {
    /// Opens a socket. Returns a receiver of the frames that are posted to the socket.
    pub(crate) fn open(&self, id: &str) -> UnboundedReceiver<Value> {
        let (inbox, frames) = unbounded_channel();
        let (messages, updates) = (BTreeSet::new(), BTreeMap::new());
        let socket = Socket { inbox, noticed: None, last_frame: Instant::now(), messages, updates };
        self.sockets().insert(id.to_owned(), socket);
        frames
    }

    /// Records that a client has sent a frame.
    pub(crate) fn receive(&self, id: &str) {
        if let Some(socket) = self.sockets().get_mut(id) {
            socket.last_frame = Instant::now();
        }
    }

    /// Returns when the last frame was sent on a socket. Returns `None` if the socket is closed or broken.
    pub(crate) fn last_frame(&self, id: &str) -> Option<Instant> {
        self.sockets().get(id).filter(|socket| socket.noticed.is_none()).map(|socket| socket.last_frame)
    }

    /// Returns whether a client knows the message `seq` of a thread: from `message:new`, or from a `thread:updated` with
    /// this or a later message. A client whose socket is closed or broken needs to know nothing.
    pub(crate) fn knows(&self, id: &str, thread: &str, seq: u64) -> bool {
        self.sockets().get(id).is_none_or(|socket| {
            socket.noticed.is_some()
                || socket.messages.contains(&(thread.to_owned(), seq))
                || socket.updates.get(thread).is_some_and(|updates| updates.last_seq >= seq)
        })
    }

    /// Posts a frame to a socket. Returns false if the socket is closed.
    pub(crate) fn post(&self, id: &str, frame: &[u8]) -> bool {
        assert!(
            frame.len() <= limits::FRAME_BYTES,
            "the frame has {} bytes; API Gateway would close the socket",
            frame.len()
        );
        let frame: Value = serde_json::from_slice(frame).expect("the frame is not JSON");
        match self.sockets().get_mut(id) {
            Some(socket) if socket.noticed.is_none_or(|noticed| Instant::now() < noticed) => {
                socket.last_frame = Instant::now();
                socket.record(&frame);
                // Sending fails if the client has left, but API Gateway has not noticed that yet.
                socket.inbox.send(frame).ok();
                true
            }
            _ => false,
        }
    }

    /// Returns the number of `thread:updated` events of a thread's new messages that were posted to a socket.
    pub(crate) fn updates(&self, id: &str, thread: &str) -> usize {
        self.sockets().get(id).and_then(|socket| socket.updates.get(thread)).map_or(0, |updates| updates.number)
    }

    /// Breaks a connection. API Gateway still accepts frames for it until `noticed`.
    pub(crate) fn vanish(&self, id: &str, noticed: Instant) {
        if let Some(socket) = self.sockets().get_mut(id) {
            socket.noticed = Some(noticed);
        }
    }

    /// Closes a socket. Returns false if it was already closed.
    pub(crate) fn close(&self, id: &str) -> bool {
        self.sockets().remove(id).is_some()
    }

    fn sockets(&self) -> MutexGuard<'_, BTreeMap<String, Socket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! API Gateway's side of the sockets.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::limits;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// The sockets by their ids.
#[derive(Default)]
pub(crate) struct Gateway(Mutex<BTreeMap<String, Socket>>);

pub(crate) struct Socket {
    /// The client's end; nothing is read there once it has gone.
    inbox: UnboundedSender<Value>,
    /// When it is noticed that the client has gone without a word.
    noticed: Option<Instant>,
}

impl Gateway {
    /// Opens a socket: until then there is none of this id.
    pub(crate) fn open(&self, id: &str) -> UnboundedReceiver<Value> {
        let (inbox, frames) = unbounded_channel();
        self.sockets().insert(id.to_owned(), Socket { inbox, noticed: None });
        frames
    }

    /// Sends a frame; false where there is no such socket.
    pub(crate) fn post(&self, id: &str, frame: &[u8]) -> bool {
        assert!(frame.len() <= limits::FRAME_BYTES, "API Gateway closes a socket over this frame");
        let frame = serde_json::from_slice(frame).expect("a frame of JSON");
        match self.sockets().get(id) {
            Some(socket) if socket.noticed.is_none_or(|noticed| Instant::now() < noticed) => {
                // Nobody may read it any more.
                socket.inbox.send(frame).ok();
                true
            }
            _ => false,
        }
    }

    /// The client has gone without a word, which is noticed at `noticed`.
    pub(crate) fn vanish(&self, id: &str, noticed: Instant) {
        if let Some(socket) = self.sockets().get_mut(id) {
            socket.noticed = Some(noticed);
        }
    }

    /// Closes a socket; false where there is none.
    pub(crate) fn close(&self, id: &str) -> bool {
        self.sockets().remove(id).is_some()
    }

    fn sockets(&self) -> MutexGuard<'_, BTreeMap<String, Socket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Simulated WebSocket API of API Gateway: the server side of the clients' sockets.

use std::collections::BTreeMap;
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
}

impl Gateway {
    /// Opens a socket. Returns a receiver of the frames that are posted to the socket.
    pub(crate) fn open(&self, id: &str) -> UnboundedReceiver<Value> {
        let (inbox, frames) = unbounded_channel();
        self.sockets().insert(id.to_owned(), Socket { inbox, noticed: None });
        frames
    }

    /// Posts a frame to a socket. Returns false if the socket is closed.
    pub(crate) fn post(&self, id: &str, frame: &[u8]) -> bool {
        assert!(
            frame.len() <= limits::FRAME_BYTES,
            "the frame has {} bytes; API Gateway would close the socket",
            frame.len()
        );
        let frame = serde_json::from_slice(frame).expect("the frame is not JSON");
        match self.sockets().get(id) {
            Some(socket) if socket.noticed.is_none_or(|noticed| Instant::now() < noticed) => {
                // Sending fails if the client has left, but API Gateway has not noticed that yet.
                socket.inbox.send(frame).ok();
                true
            }
            _ => false,
        }
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

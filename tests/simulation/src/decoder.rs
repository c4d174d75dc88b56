//! Runs files-decode when files-process invokes it. At random, files-decode crashes, or returns an answer that
//! files-process must reject.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use files::DecodeRequest;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::cloud::{Answer, Cloud};
use crate::faults::CRASH;
use crate::parts::Parts;
use crate::sender::CRASHES;

/// `Timeout` of files-decode in template.yaml.
const FILES_DECODE_TIMEOUT: Duration = Duration::from_mins(1);

impl Cloud {
    /// Invokes files-decode with the given payload and returns Lambda's response. The calls of files-decode may fail.
    pub(crate) async fn decode(self: &Arc<Self>, payload: &[u8]) -> Answer {
        let request: DecodeRequest = serde_json::from_slice(payload).unwrap();
        if let Some(answer) = self.untrusted(&request) {
            self.trace.note("files-decode gives an invalid answer");
            return Answer::ok(answer.to_string());
        }
        let crash = Arc::new(Notify::new());
        let crashed = crash.clone();
        if self.objects().get(&format!("uploads/{}", request.file_id)).map(Bytes::as_ref) == Some(CRASHES) {
            crash.notify_one();
        }
        // The ledger measures the costs of files-process here. The calls of files-decode are not part of them.
        let suspended = self.ledger.suspend();
        let deps = Parts::new(self).files_decode();
        let work = CRASH.scope(crash, timeout(FILES_DECODE_TIMEOUT, files_decode::handle(&deps, &request)));
        let decoded = tokio::select! {
            biased;
            () = crashed.notified() => None,
            decoded = work => decoded.ok(),
        };
        self.ledger.resume(suspended);
        let Some(decoded) = decoded else {
            self.trace.note("files-decode crashed or timed out");
            let header = Some(("x-amz-function-error", "Unhandled"));
            return Answer { status: 200, header, body: r#"{"errorType":"Runtime.ExitError"}"#.into() };
        };
        Answer::ok(serde_json::to_vec(&decoded).unwrap())
    }

    /// Returns, at random, an answer that files-process must reject. An attacker who has taken over files-decode with
    /// an upload could return it.
    fn untrusted(&self, request: &DecodeRequest) -> Option<Value> {
        if !self.faults.one_in(20, &self.chance) {
            return None;
        }
        Some(match self.chance.number(0..=2) {
            0 => Value::Null,
            1 => json!({"result": "refused", "reason": "\u{202e}\u{0}"}),
            _ => {
                let original = format!("files/{}_of_somebody_else/{}", request.file_id, "0".repeat(64));
                json!({"result": "published", "original": original, "thumbnail": null})
            }
        })
    }
}

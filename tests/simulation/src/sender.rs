//! A simulated user who sends messages, some of them with files, and changes messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use contract::{Message, ThreadId};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::changer::change_a_message;
use crate::content::parse;
use crate::world::World;

pub(crate) const PICTURE: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const OTHER: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// An upload that has the size of [`PICTURE`] but is not a valid GIF.
const BROKEN: &[u8] = b"GIF89a, it says, but no picture yet";
/// An upload that crashes files-decode.
pub(crate) const CRASHES: &[u8] = b"GIF89a, and every decoder crashes!!";
/// Bytes that a sender uploads for a file, chosen at random. The size of the last element differs from the file's
/// announced size.
const UPLOADS: [&[u8]; 6] = [PICTURE, PICTURE, OTHER, BROKEN, CRASHES, b"GIF89a"];

pub(crate) struct Sender {
    world: Arc<World>,
    pub(crate) user: &'static str,
    /// Messages that were answered with 201.
    acknowledged: Mutex<Vec<Message>>,
}

impl Sender {
    pub(crate) fn new(world: &Arc<World>, user: &'static str) -> Arc<Self> {
        Arc::new(Self { world: world.clone(), user, acknowledged: Mutex::default() })
    }

    /// Acts `times` times: each time, sends a message, or lets one or several of `users` change a message.
    pub(crate) async fn run(self: Arc<Self>, times: u64, users: &'static [&'static str]) {
        let World { cloud, .. } = &*self.world;
        let chance = &cloud.chance;
        let mut files: Vec<String> = Vec::new();
        for n in 1..=times {
            chance.pause(0..=3_000).await;
            if chance.one_in(3) && change_a_message(&self.world, users).await {
                continue;
            }
            let mut threads = self.world.threads();
            threads.retain(|thread| thread.member_ids.iter().any(|id| id.as_str() == self.user));
            let thread = &chance.pick(&threads).id;
            let created = if chance.one_in(3) { self.create_file().await } else { None };
            files.extend(created.clone());
            // Without a new file, sends the last one again at random, so that several messages use one file.
            let file = created.or_else(|| files.last().filter(|_| chance.one_in(2)).cloned());
            let reply_to = if chance.one_in(4) { cloud.journal.pick(chance, Some(thread)) } else { None };
            let filler = too_long(chance);
            let body = json!({
                "body": format!("{} {n}.{filler}", self.user), "fileIds": Vec::from_iter(file),
                "replyTo": reply_to.map(|message| message.seq),
            });
            if chance.one_in(4) {
                self.try_once(thread, body).await;
            } else {
                self.send(thread, &format!("{}-{n}", self.user), body).await;
            }
        }
    }

    /// Sends a message once, without an `Idempotency-Key`. If no response arrives, the message may be stored or not.
    async fn try_once(&self, thread: &ThreadId, body: Value) {
        if let Some((201, message)) = self.world.send(self.user, thread, None, body).await {
            self.acknowledge(&message);
        }
    }

    /// Sends a message and repeats the request with the same `Idempotency-Key` until a final response arrives.
    pub(crate) async fn send(&self, thread: &ThreadId, key: &str, body: Value) {
        let start = Instant::now();
        loop {
            if start.elapsed() > Duration::from_hours(1) {
                return self.world.problem(format!("{key} got no final response within an hour"));
            }
            match self.world.send(self.user, thread, Some(key), body.clone()).await {
                Some((201, message)) => {
                    self.world.cloud.trace.note(format!("{key} is number {} of {thread}", message["seq"]));
                    self.acknowledge(&message);
                    return;
                }
                None | Some((503, _)) => self.world.cloud.chance.pause(50..=1_000).await,
                // The file failed before the message was committed, so messages-send refused the message.
                Some((422, _)) if body["fileIds"][0].is_string() => return,
                Some((status, _)) => return self.world.problem(format!("{key} got the unexpected status {status}")),
            }
        }
    }

    /// Creates a file and uploads bytes for it immediately, later or never. Returns the file's ID, or `None` if the
    /// file was not created or no response arrived.
    async fn create_file(&self) -> Option<String> {
        let World { cloud, .. } = &*self.world;
        let request = json!({"filename": "a.gif", "mimetype": "image/gif", "size": PICTURE.len()});
        let Some((200, created)) = self.world.announce(self.user, request).await else { return None };
        let id = created["file"]["id"].as_str().unwrap().to_owned();
        let (world, key) = (self.world.clone(), format!("uploads/{id}"));
        let delay = Duration::from_millis(*cloud.chance.pick(&[0, 0, 500, 3_000, 600_000]));
        let uploads = *cloud.chance.pick(&[1, 1, 1, 2, 0]);
        let upload = self.world.spawn("an upload", async move {
            for _ in 0..uploads {
                tokio::time::sleep(delay).await;
                let bytes = world.cloud.chance.pick(&UPLOADS);
                world.cloud.put_object(&key, Bytes::from_static(bytes));
            }
            Some(())
        });
        if delay.is_zero() {
            upload.await;
        }
        Some(id)
    }

    /// Records that a message was answered with 201.
    pub(crate) fn acknowledge(&self, message: &Value) {
        let message: Message = parse(message);
        let journal = &self.world.cloud.journal;
        if let Some(problem) = journal.wrong_copy(&message) {
            self.world.problem(problem);
        }
        journal.acknowledge_sent(message.clone());
        self.acknowledged().push(message);
    }

    pub(crate) fn acknowledged(&self) -> MutexGuard<'_, Vec<Message>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns, at random, the end of a text that is too long for a frame: JSON escapes each of these 7,000 characters as six
/// bytes. Otherwise returns an empty text.
pub(crate) fn too_long(chance: &Chance) -> String {
    if chance.one_in(15) { "\u{1}".repeat(7_000) } else { String::new() }
}

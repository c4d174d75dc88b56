//! A simulated device. It follows the client algorithm in docs/catching-up.md.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::{Channel, FileId, FileStatus, Message, ThreadId, limits};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use crate::content::{self, parse, status_name};
use crate::world::World;

/// How long a client waits for `subscribed` before it subscribes again, and for `pong` before it reconnects.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two pings. API Gateway closes a socket after 10 idle minutes.
const PING_INTERVAL: Duration = Duration::from_mins(9);

/// How long a push that started before a connection expired may still be in flight. A push that arrives later violates
/// an invariant.
const PUSH_TIME: Duration = Duration::from_secs(12);

pub(crate) struct Client {
    world: Arc<World>,
    name: String,
    user: &'static str,
    threads: Vec<ThreadId>,
    /// Whether the client stays connected until the end of the history. Such a client must have all messages then.
    stays: bool,
    state: Mutex<State>,
}

/// An open socket of a client.
struct Session {
    id: String,
    frames: UnboundedReceiver<Value>,
    /// When the connection expires: together with its token, or at API Gateway's limit for a connection.
    expires: Instant,
}

/// What a client still knows after it has reconnected.
#[derive(Default)]
struct State {
    /// Messages of each thread in `seq` order, without gaps.
    messages: BTreeMap<ThreadId, Vec<Message>>,
    files: BTreeMap<FileId, FileStatus>,
    /// Number of sockets that the client has tried to open. It makes the connection IDs of the client distinct.
    connections: u32,
    /// ID of the socket that is subscribed to all of the client's threads, if there is one.
    subscribed: Option<String>,
}

impl Client {
    pub(crate) fn new(world: &Arc<World>, name: String, user: &'static str, stays: bool) -> Arc<Self> {
        let threads = world.threads.iter().filter(|thread| thread.member_ids.iter().any(|id| id.as_str() == user));
        let threads = threads.map(|thread| thread.id.clone()).collect();
        Arc::new(Self { world: world.clone(), name, user, threads, stays, state: Mutex::default() })
    }

    /// Runs `sessions` short sessions. Then a client that does not stay returns. A staying client connects, and
    /// reconnects whenever a session ends, until its task is aborted.
    pub(crate) async fn run(self: Arc<Self>, sessions: u64) {
        let chance = &self.world.cloud.chance;
        for _ in 0..sessions {
            chance.pause(0..=4_000).await;
            let until = Instant::now() + chance.millis(50..=6_000);
            if let Ok(Some(mut session)) = timeout_at(until, self.connect()).await {
                timeout_at(until, self.receive(&mut session)).await.ok();
                self.leave(&session.id);
            }
        }
        chance.pause(0..=4_000).await;
        if !self.stays {
            return;
        }
        loop {
            if let Some(mut session) = self.connect().await {
                self.receive(&mut session).await;
                self.leave(&session.id);
            }
        }
    }

    async fn connect(&self) -> Option<Session> {
        let World { cloud, .. } = &*self.world;
        // Lifetime of the token in seconds. 10,000 s is longer than API Gateway's limit for a connection.
        let token = if cloud.faults.one_in(4, &cloud.chance) { cloud.chance.number(2..=120) } else { 10_000 };
        let expires = Instant::now() + Duration::from_secs(token.min(limits::CONNECTION_SECONDS.unsigned_abs()));
        let Some((200, ticket)) = self.world.ticket(self.user, token).await else {
            cloud.chance.pause(100..=1_000).await;
            return None;
        };
        let id = {
            let mut state = self.state();
            state.connections += 1;
            format!("{}-{}", self.name, state.connections)
        };
        let frames = self.world.connect(&id, ticket["ticket"].as_str().unwrap()).await;
        cloud.trace.note(format!("{id} is {}", if frames.is_some() { "open" } else { "refused" }));
        Some(Session { id, frames: frames?, expires })
    }

    /// Subscribes to all of the client's threads and processes frames. Returns when the socket is closed or the client
    /// must reconnect.
    async fn receive(&self, Session { id, frames, expires }: &mut Session) {
        let mut unsubscribed: Vec<&ThreadId> = self.threads.iter().collect();
        let (mut subscribe, mut ping, mut pinged) = (Instant::now(), Instant::now() + PING_INTERVAL, false);
        loop {
            let frame = tokio::select! {
                biased;
                frame = frames.recv() => frame,
                () = sleep_until(subscribe), if !unsubscribed.is_empty() => {
                    for thread in &unsubscribed {
                        self.world.frame(id, &json!({"action": "subscribe", "channel": Channel::Thread((*thread).clone())}));
                    }
                    subscribe = Instant::now() + RESPONSE_TIMEOUT;
                    continue;
                }
                () = sleep_until(ping), if !pinged => {
                    self.world.frame(id, &json!({"action": "ping"}));
                    (ping, pinged) = (Instant::now() + RESPONSE_TIMEOUT, true);
                    continue;
                }
                () = sleep_until(ping) => return,
            };
            let Some(frame) = frame else { return };
            let data = &frame["data"];
            match frame["event"].as_str().unwrap() {
                "subscribed" => {
                    let of = |thread: &&ThreadId| data["channel"] == json!(Channel::Thread((*thread).clone()));
                    let thread = self.threads.iter().find(of).unwrap();
                    if data["seq"].as_u64().unwrap() > self.last_seq(thread) {
                        self.catch_up(thread).await;
                    }
                    self.request_pending_files(thread).await;
                    unsubscribed.retain(|other| *other != thread);
                    if unsubscribed.is_empty() {
                        self.state().subscribed = Some(id.clone());
                    }
                }
                "message:new" => {
                    if Instant::now() > *expires + PUSH_TIME {
                        self.world.problem(format!("{id} received a message after it expired"));
                    }
                    let (thread, message): (ThreadId, Message) = (parse(&data["threadId"]), parse(&data["message"]));
                    let seq = message.seq;
                    self.store(&thread, message, data["truncated"] != true);
                    if self.last_seq(&thread) < seq {
                        self.world.cloud.trace.note(format!("{id} lacks an earlier message, or the body of this one"));
                        self.catch_up(&thread).await;
                    }
                }
                "file:status" => self.store_status(parse(&data["fileId"]), parse(&data["status"])),
                "pong" => (ping, pinged) = (Instant::now() + PING_INTERVAL, false),
                "error" if data["code"] == "connection_expired" => return,
                "error" => {}
                other => panic!("the simulated client does not know the event {other}"),
            }
        }
    }

    /// Fetches the thread's messages after the last one that the client has, up to the last page.
    async fn catch_up(&self, thread: &ThreadId) {
        loop {
            let after = self.last_seq(thread).to_string();
            // A small page size makes several pages likely.
            match self.world.list(self.user, thread, &[("after", &after), ("limit", "5")]).await {
                Some((200, page)) => {
                    for message in page["messages"].as_array().unwrap() {
                        self.store(thread, parse(message), true);
                    }
                    if page["nextCursor"].is_null() {
                        return;
                    }
                }
                _ => self.world.cloud.chance.pause(100..=1_000).await,
            }
        }
    }

    /// Requests the status of the thread's files that the client knows as pending, because it may have missed their
    /// `file:status`.
    async fn request_pending_files(&self, thread: &ThreadId) {
        let pending: Vec<FileId> = {
            let state = self.state();
            let files = state.messages.get(thread).into_iter().flatten().flat_map(file_ids);
            files.filter(|id| state.files[*id] == FileStatus::Pending).cloned().collect()
        };
        for id in pending {
            loop {
                match self.world.status(self.user, id.as_str()).await {
                    Some((200, file)) => break self.store_status(parse(&file["id"]), parse(&file["status"])),
                    _ => self.world.cloud.chance.pause(100..=1_000).await,
                }
            }
        }
    }

    /// Stores a message if it is whole (not truncated) and has the next `seq`. Stores the status of its files in any
    /// case.
    fn store(&self, thread: &ThreadId, message: Message, whole: bool) {
        for file in &message.attachments {
            self.store_status(file.id.clone(), file.status);
        }
        let mut state = self.state();
        let messages = state.messages.entry(thread.clone()).or_default();
        if whole && message.seq == messages.len() as u64 + 1 {
            messages.push(message);
        }
    }

    /// Stores the status of a file, unless the client already knows the file's outcome. A late response may still say
    /// that the file is pending.
    fn store_status(&self, id: FileId, status: FileStatus) {
        let mut state = self.state();
        let known = state.files.entry(id).or_insert(status);
        if *known == FileStatus::Pending {
            *known = status;
        }
    }

    /// Closes the socket or breaks the connection, at random. Whether and when `$disconnect` is invoked is random, too.
    fn leave(&self, id: &str) {
        self.state().subscribed = None;
        let World { cloud, .. } = &*self.world;
        let breaks = cloud.faults.one_in(3, &cloud.chance);
        let noticed = Instant::now() + if breaks { cloud.chance.millis(0..=10_000) } else { Duration::ZERO };
        let disconnect = (!cloud.faults.one_in(4, &cloud.chance)).then(|| noticed + cloud.chance.millis(0..=3_000));
        cloud.trace.note(format!("{id} leaves: breaks {breaks}, $disconnect {}", disconnect.is_some()));
        cloud.gateway.vanish(id, noticed);
        let (world, id) = (self.world.clone(), id.to_owned());
        if let Some(disconnect) = disconnect {
            drop(self.world.spawn("the end of a socket", async move {
                sleep_until(disconnect).await;
                world.disconnected(&id);
                Some(())
            }));
        }
    }

    /// Breaks the connection of a staying client at the end of a history, without invoking `$disconnect`.
    pub(crate) fn break_connection(&self) {
        let subscribed = self.state().subscribed.take();
        if let Some(id) = subscribed {
            self.world.cloud.gateway.vanish(&id, Instant::now());
        }
    }

    /// Returns the `seq` up to which the client has all messages of `thread`, or 0 if it has none.
    fn last_seq(&self, thread: &ThreadId) -> u64 {
        self.state().messages.get(thread).map_or(0, |messages| messages.len() as u64)
    }

    /// Compares the client's messages of `thread` with the stored messages. Returns a problem if they differ, or if the
    /// client has no subscribed socket. Does not check a client that does not stay or whose user is not a member.
    pub(crate) fn wrong_messages(&self, thread: &ThreadId, stored: &[Value]) -> Option<String> {
        if !self.stays || !self.threads.contains(thread) {
            return None;
        }
        let state = self.state();
        let Some(socket) = &state.subscribed else {
            return Some(format!("{} has no socket that is subscribed to all its threads", self.name));
        };
        let messages = state.messages.get(thread).map(Vec::as_slice).unwrap_or_default();
        let received: Vec<_> = messages.iter().map(content::of_message).collect();
        if received.len() != stored.len() {
            return Some(format!("{socket} has {} of {} messages of {thread}", received.len(), stored.len()));
        }
        let different = received.iter().zip(stored).find(|(received, stored)| received != stored)?.0;
        Some(format!("{socket} has message {} of {thread} with other content than stored", different["seq"]))
    }

    /// Returns a problem for each file in the client's messages whose status differs from the stored status. `status`
    /// returns the stored status of a file ID. A client that does not stay is not checked.
    pub(crate) fn wrong_file_statuses<'a>(&self, status: impl Fn(&str) -> &'a str) -> Vec<String> {
        let state = self.state();
        let Some(socket) = state.subscribed.as_ref().filter(|_| self.stays) else { return Vec::new() };
        let problems = state.messages.values().flatten().flat_map(file_ids).filter_map(|id| {
            let (known, stored) = (status_name(state.files[id]), status(id.as_str()));
            (known != stored).then(|| format!("{socket} shows {id} as {known}, but it is {stored}"))
        });
        problems.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file_ids(message: &Message) -> impl Iterator<Item = &FileId> {
    message.attachments.iter().map(|attachment| &attachment.id)
}

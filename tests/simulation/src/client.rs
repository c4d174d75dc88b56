//! A device that listens, by the algorithm that clients are told to follow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::{Channel, ThreadId, limits};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use crate::check::shown;
use crate::world::World;

/// Without an acknowledgement for so long, a client subscribes again; without a pong, it connects anew.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it pings: API Gateway closes what is idle for 10 minutes.
const PING: Duration = Duration::from_mins(9);

/// For so long, a push may be under way to a connection whose time has ended meanwhile.
const DELIVERY: Duration = Duration::from_secs(12);

pub(crate) struct Client {
    world: Arc<World>,
    name: String,
    user: &'static str,
    threads: Vec<ThreadId>,
    /// Whether it listens in the end.
    stays: bool,
    has: Mutex<Has>,
}

/// A connection of it.
struct Session {
    id: String,
    frames: UnboundedReceiver<Value>,
    /// When it is over: with the token, or where API Gateway ends it.
    ends: Instant,
}

/// What a device has, which outlives its connections.
#[derive(Default)]
struct Has {
    /// By `seq`; a message is taken when it is the next.
    messages: BTreeMap<ThreadId, Vec<Value>>,
    /// What is known of files: pending, until anything says otherwise.
    files: BTreeMap<String, String>,
    connections: u32,
    /// The connection, while there is one that has subscribed to everything.
    live: Option<String>,
}

impl Client {
    pub(crate) fn new(world: &Arc<World>, name: String, user: &'static str, stays: bool) -> Arc<Self> {
        let threads = world.threads.iter().filter(|thread| thread.member_ids.iter().any(|id| id.as_str() == user));
        let threads = threads.map(|thread| thread.id.clone()).collect();
        Arc::new(Self { world: world.clone(), name, user, threads, stays, has: Mutex::default() })
    }

    /// Connects and goes again so many times, and then connects for good or stays away.
    pub(crate) async fn run(self: Arc<Self>, sessions: u64) {
        let chance = &self.world.cloud.chance;
        for _ in 0..sessions {
            chance.pause(0..=4_000).await;
            let until = Instant::now() + chance.millis(50..=6_000);
            if let Ok(Some(mut session)) = timeout_at(until, self.connect()).await {
                timeout_at(until, self.listen(&mut session)).await.ok();
                self.leave(&session.id);
            }
        }
        chance.pause(0..=4_000).await;
        if !self.stays {
            return;
        }
        loop {
            if let Some(mut session) = self.connect().await {
                // Back here, it has to connect anew.
                self.listen(&mut session).await;
                self.leave(&session.id);
            }
        }
    }

    async fn connect(&self) -> Option<Session> {
        let World { cloud, .. } = &*self.world;
        // Mostly longer than API Gateway lets a socket live.
        let token = if cloud.faults.one_in(4, &cloud.chance) { cloud.chance.number(2..=120) } else { 10_000 };
        let ends = Instant::now() + Duration::from_secs(token.min(limits::CONNECTION_SECONDS.unsigned_abs()));
        let Some((200, ticket)) = self.world.ticket(self.user, token).await else {
            cloud.chance.pause(100..=1_000).await;
            return None;
        };
        let id = {
            let mut has = self.has();
            has.connections += 1;
            format!("{}-{}", self.name, has.connections)
        };
        let frames = self.world.connect(&id, ticket["ticket"].as_str().unwrap()).await;
        cloud.trace.note(format!("{id} is {}", if frames.is_some() { "open" } else { "refused" }));
        Some(Session { id, frames: frames?, ends })
    }

    /// Subscribes to all threads and keeps up, until the socket is closed or it is time to connect anew.
    async fn listen(&self, Session { id, frames, ends }: &mut Session) {
        let mut open: Vec<&ThreadId> = self.threads.iter().collect();
        let (mut subscribe, mut ping, mut pinged) = (Instant::now(), Instant::now() + PING, false);
        loop {
            let frame = tokio::select! {
                biased;
                frame = frames.recv() => frame,
                () = sleep_until(subscribe), if !open.is_empty() => {
                    for thread in &open {
                        self.world.frame(id, &json!({"action": "subscribe", "channel": Channel::Thread((*thread).clone())}));
                    }
                    subscribe = Instant::now() + PATIENCE;
                    continue;
                }
                () = sleep_until(ping), if !pinged => {
                    self.world.frame(id, &json!({"action": "ping"}));
                    (ping, pinged) = (Instant::now() + PATIENCE, true);
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
                    if data["seq"].as_u64().unwrap() > self.last(thread) {
                        self.catch_up(thread).await;
                    }
                    self.look_at_pending_files(thread).await;
                    open.retain(|other| *other != thread);
                    if open.is_empty() {
                        self.has().live = Some(id.clone());
                    }
                }
                "message:new" => {
                    if Instant::now() > *ends + DELIVERY {
                        self.world.problem(format!("{id} hears a message after its time"));
                    }
                    let thread = data["threadId"].as_str().and_then(ThreadId::parse).unwrap();
                    self.take(&thread, &data["message"], data["truncated"] != true);
                    if self.last(&thread) < data["message"]["seq"].as_u64().unwrap() {
                        self.world.cloud.trace.note(format!("{id} lacks something before this, or of it"));
                        self.catch_up(&thread).await;
                    }
                }
                "file:status" => self.learn(&data["fileId"], &data["status"]),
                "pong" => (ping, pinged) = (Instant::now() + PING, false),
                "error" if data["code"] == "connection_expired" => return,
                "error" => {}
                other => panic!("an event {other}"),
            }
        }
    }

    /// Asks for everything behind what it has, until there is no more.
    async fn catch_up(&self, thread: &ThreadId) {
        loop {
            let after = self.last(thread).to_string();
            // Few, so that there are pages to turn.
            match self.world.list(self.user, thread, &[("after", &after), ("limit", "5")]).await {
                Some((200, page)) => {
                    for message in page["messages"].as_array().unwrap() {
                        self.take(thread, message, true);
                    }
                    if page["nextCursor"].is_null() {
                        return;
                    }
                }
                _ => self.world.cloud.chance.pause(100..=1_000).await,
            }
        }
    }

    /// Asks how files are that it knows as pending: what was pushed of them while it was away, it has missed.
    async fn look_at_pending_files(&self, thread: &ThreadId) {
        let pending: Vec<String> = {
            let has = self.has();
            let files = has.messages.get(thread).into_iter().flatten().flat_map(attachments);
            files.filter(|id| has.files[*id] == "pending").map(str::to_owned).collect()
        };
        for id in pending {
            loop {
                match self.world.status(self.user, &id).await {
                    Some((200, file)) => break self.learn(&file["id"], &file["status"]),
                    _ => self.world.cloud.chance.pause(100..=1_000).await,
                }
            }
        }
    }

    /// Keeps a message if it is whole and the next; whatever it is, it says how its files are.
    fn take(&self, thread: &ThreadId, message: &Value, whole: bool) {
        for file in message["attachments"].as_array().unwrap() {
            self.learn(&file["id"], &file["status"]);
        }
        let mut has = self.has();
        let messages = has.messages.entry(thread.clone()).or_default();
        if whole && message["seq"].as_u64().unwrap() == messages.len() as u64 + 1 {
            messages.push(message.clone());
        }
    }

    /// A file is settled once, and nothing that comes late makes it pending again.
    fn learn(&self, id: &Value, status: &Value) {
        let (id, status) = (id.as_str().unwrap().to_owned(), status.as_str().unwrap());
        let mut has = self.has();
        let known = has.files.entry(id).or_insert_with(|| status.to_owned());
        if known == "pending" {
            status.clone_into(known);
        }
    }

    /// Closes the socket, or vanishes; whether and when anybody is told is up to chance.
    fn leave(&self, id: &str) {
        self.has().live = None;
        let World { cloud, .. } = &*self.world;
        let vanishes = cloud.faults.one_in(3, &cloud.chance);
        let noticed = Instant::now() + if vanishes { cloud.chance.millis(0..=10_000) } else { Duration::ZERO };
        let told = (!cloud.faults.one_in(4, &cloud.chance)).then(|| noticed + cloud.chance.millis(0..=3_000));
        cloud.trace.note(format!("{id} is left: vanished {vanishes}, told {}", told.is_some()));
        cloud.gateway.vanish(id, noticed);
        let (world, id) = (self.world.clone(), id.to_owned());
        if let Some(told) = told {
            drop(self.world.spawn("the end of a socket", async move {
                sleep_until(told).await;
                world.disconnected(&id);
                Some(())
            }));
        }
    }

    /// At the end of a history, whoever still listens closes without a word.
    pub(crate) fn close(&self) {
        let live = self.has().live.take();
        if let Some(id) = live {
            self.world.cloud.gateway.vanish(&id, Instant::now());
        }
    }

    fn last(&self, thread: &ThreadId) -> u64 {
        self.has().messages.get(thread).map_or(0, |messages| messages.len() as u64)
    }

    /// What is missing of a thread whose messages are `contents`, if the client has stayed.
    pub(crate) fn lacks(&self, thread: &ThreadId, contents: &[Value]) -> Option<String> {
        if !self.stays || !self.threads.contains(thread) {
            return None;
        }
        let has = self.has();
        let Some(live) = &has.live else { return Some(format!("{} does not listen", self.name)) };
        let messages = has.messages.get(thread).map(Vec::as_slice).unwrap_or_default();
        let got: Vec<_> = messages.iter().map(shown).collect();
        (got != contents).then(|| format!("{live} has {} messages of {thread}, not the {}", got.len(), contents.len()))
    }

    /// The files of its messages that it takes for other than they are, if the client has stayed.
    pub(crate) fn mistaken(&self, status: impl Fn(&str) -> String) -> Vec<String> {
        let has = self.has();
        let Some(live) = has.live.as_ref().filter(|_| self.stays) else { return Vec::new() };
        let ids = has.messages.values().flatten().flat_map(attachments);
        let wrong = ids.filter(|id| has.files[*id] != status(id));
        wrong.map(|id| format!("to {live}, {id} is {}, not {}", has.files[id], status(id))).collect()
    }

    fn has(&self) -> MutexGuard<'_, Has> {
        self.has.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ids of a message's files.
fn attachments(message: &Value) -> impl Iterator<Item = &str> {
    message["attachments"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap())
}

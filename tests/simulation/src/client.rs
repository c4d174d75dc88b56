//! A simulated client with one socket at a time. It follows the algorithm in docs/catching-up.md.

mod actions;
mod changes;
mod copies;
mod inbox;
mod threads;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::{Channel, FileId, FileStatus, Message, ThreadId, limits};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use self::copies::Copies;
pub(crate) use self::inbox::{Entry, Inbox};
use crate::content::parse;
use crate::world::World;

/// How long a client waits for `subscribed` before it subscribes again, and for `pong` before it reconnects.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two pings. API Gateway closes a socket after 10 idle minutes.
const PING_INTERVAL: Duration = Duration::from_mins(9);

/// Time between two pings of a client whose computer sleeps. It is longer than the 10 idle minutes after which API
/// Gateway closes a socket.
const SLEEPING_PING_INTERVAL: Duration = Duration::from_mins(11);

/// Time after its expiry in which a connection may still receive an event: 12 s for a delivery that has read the
/// subscribers before the expiry, and 2 s because the clock of the delivering function may be slow. An event that
/// arrives later violates an invariant.
const PUSH_TIME: Duration = Duration::from_secs(14);

pub(crate) struct Client {
    world: Arc<World>,
    name: String,
    user: &'static str,
    /// The threads that the client shows. It subscribes to their channels.
    open: Vec<ThreadId>,
    /// Whether the client subscribes to its user's inbox.
    has_inbox: bool,
    /// Whether the client was written for the contract before messages could be changed: it ignores `rev` and
    /// `message:changed`, and has no inbox.
    is_old: bool,
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

/// The data that a client keeps when it reconnects.
#[derive(Default)]
struct State {
    /// The messages of each thread.
    threads: BTreeMap<ThreadId, Copies>,
    files: BTreeMap<FileId, FileStatus>,
    inbox: Inbox,
    /// Number of sockets that the client has tried to open. It makes the connection IDs of the client distinct.
    connections: u32,
    /// ID of the socket that is subscribed to all of the client's channels, if there is one.
    complete: Option<String>,
}

impl Client {
    /// Creates a client that shows all threads of its user and has no inbox, or only has an inbox, or has an inbox and
    /// shows some threads.
    pub(crate) fn new(world: &Arc<World>, name: String, user: &'static str, stays: bool) -> Arc<Self> {
        let chance = &world.cloud.chance;
        let mut open: Vec<_> =
            world.threads().into_iter().filter(|thread| is_member(&thread.member_ids, user)).collect();
        let has_inbox = !chance.one_in(3);
        if has_inbox {
            open.retain(|_| chance.one_in(2));
        }
        let is_old = !has_inbox && chance.one_in(3);
        let (world, open) = (world.clone(), open.into_iter().map(|thread| thread.id).collect::<Vec<_>>());
        let mut state = State::default();
        if let Some(message) = world.backlog.clone().filter(|message| !is_old && open.contains(&message.thread_id)) {
            state.threads.insert(message.thread_id.clone(), Copies::with(message));
        }
        Arc::new(Self { world, name, user, open, has_inbox, is_old, stays, state: Mutex::new(state) })
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
        // Lifetime of the token in seconds. 10,000 s is longer than API Gateway's limit for a connection, 7,200 s.
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

    /// Subscribes to all of the client's channels and processes frames. Returns when the socket is closed or the client
    /// must reconnect.
    async fn receive(&self, Session { id, frames, expires }: &mut Session) {
        let World { cloud, .. } = &*self.world;
        let threads = self.open.iter().map(|thread| Channel::Thread(thread.clone()).to_string());
        let mut unsubscribed: Vec<_> = threads.chain(self.has_inbox.then(|| "inbox".to_owned())).collect();
        if unsubscribed.is_empty() {
            self.state().complete = Some(id.clone());
        }
        let sleeps = cloud.faults.one_in(10, &cloud.chance);
        let interval = if sleeps { SLEEPING_PING_INTERVAL } else { PING_INTERVAL };
        let (mut subscribe, mut ping, mut pinged) = (Instant::now(), Instant::now() + interval, false);
        loop {
            let frame = tokio::select! {
                biased;
                frame = frames.recv() => frame,
                () = sleep_until(subscribe), if !unsubscribed.is_empty() => {
                    for channel in &unsubscribed {
                        self.world.frame(id, &json!({"action": "subscribe", "channel": channel, "id": "subscribe"}));
                    }
                    subscribe = Instant::now() + RESPONSE_TIMEOUT;
                    continue;
                }
                () = sleep_until(ping), if !pinged => {
                    self.world.frame(id, &json!({"action": "ping", "id": "ping"}));
                    (ping, pinged) = (Instant::now() + RESPONSE_TIMEOUT, true);
                    continue;
                }
                () = sleep_until(ping) => return,
            };
            let Some(frame) = frame else { return };
            self.check_frame(id, &frame, *expires);
            let (event, data) = (frame["event"].as_str().unwrap(), &frame["data"]);
            match event {
                "subscribed" => {
                    let channel: String = parse(&data["channel"]);
                    match Channel::parse(&channel) {
                        Some(Channel::Thread(thread)) => {
                            let rev = data["rev"].as_u64().unwrap();
                            self.start_at_revision(&thread, rev);
                            if data["seq"].as_u64().unwrap() > self.last_seq(&thread) {
                                self.catch_up(&thread).await;
                            }
                            if !self.is_old {
                                self.process_last_revision(&thread, rev).await;
                            }
                            self.request_pending_files(&thread).await;
                        }
                        _ => self.read_list().await,
                    }
                    unsubscribed.retain(|other| *other != channel);
                    if unsubscribed.is_empty() {
                        self.state().complete = Some(id.clone());
                    }
                }
                "message:new" => {
                    let (thread, message): (ThreadId, Message) = (parse(&data["threadId"]), parse(&data["message"]));
                    let seq = message.seq;
                    self.store(&thread, message, data["truncated"] != true);
                    if self.last_seq(&thread) < seq {
                        self.world.cloud.trace.note(format!("{id} lacks an earlier message, or the body of this one"));
                        self.catch_up(&thread).await;
                    }
                }
                "message:changed" if !self.is_old => self.process_change(&parse(&data["threadId"]), data).await,
                "file:status" => self.store_status(parse(&data["fileId"]), parse(&data["status"])),
                "pong" => (ping, pinged) = (Instant::now() + interval, false),
                "error" if data["code"] == "connection_expired" => return,
                "message:changed" | "thread:new" | "thread:updated" | "thread:settings" | "read:updated" | "typing"
                | "accepted" | "error" => {}
                other => panic!("the simulated client does not know the event {other}"),
            }
            if matches!(
                event,
                "message:new"
                    | "message:changed"
                    | "thread:new"
                    | "thread:updated"
                    | "thread:settings"
                    | "read:updated"
            ) {
                if self.has_inbox {
                    self.update_inbox(event, data).await;
                }
                if !matches!(event, "read:updated" | "message:changed") {
                    self.respond(id);
                }
            }
        }
    }

    /// Checks that the client may receive a frame.
    fn check_frame(&self, id: &str, frame: &Value, expires: Instant) {
        let (event, data) = (frame["event"].as_str().unwrap(), &frame["data"]);
        let channel = data["channel"].as_str().and_then(|channel| channel.strip_prefix("thread:"));
        let thread = data["threadId"].as_str().or(data["thread"]["id"].as_str()).or(channel);
        // An error repeats the channel of the client's frame, which may be that of a thread without the user.
        if let Some(thread) = thread.filter(|thread| event != "error" && !self.world.is_member(self.user, thread)) {
            self.world.problem(format!("{id} received {event} of {thread}, which the user does not belong to"));
        }
        let is_push = !matches!(event, "subscribed" | "accepted" | "pong" | "error");
        if is_push && Instant::now() > expires + PUSH_TIME {
            self.world.problem(format!("{id} received {event} after it expired"));
        }
        let is_answer = !is_push && data["code"] != "too_many_connections";
        if is_answer == frame["id"].is_null() {
            self.world.problem(format!("{id} received {event} with the id {}", frame["id"]));
        }
        if event == "typing" {
            let (thread, typist): (ThreadId, String) = (parse(&data["threadId"]), parse(&data["userId"]));
            if typist == self.user || !self.open.contains(&thread) || !self.world.marks.has_typed(&typist, &thread) {
                self.world.problem(format!("{id} received that {typist} is typing in {thread}"));
            }
        }
        if !self.has_inbox && event.starts_with("thread:") {
            self.world.problem(format!("{id} received {event} without an inbox"));
        }
    }

    /// Closes the socket or breaks the connection, at random. Whether and when `$disconnect` is invoked is random, too.
    fn leave(&self, id: &str) {
        self.state().complete = None;
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
        let complete = self.state().complete.take();
        if let Some(id) = complete {
            self.world.cloud.gateway.vanish(&id, Instant::now());
        }
    }

    /// Returns the user of the client.
    pub(crate) fn user(&self) -> &'static str {
        self.user
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_member(members: &[contract::UserId], user: &str) -> bool {
    members.iter().any(|member| member.as_str() == user)
}

//! The functions, and who invokes them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use chat_stream::Outbox;
use contract::{ApiError, Thread, ThreadId, Timestamp, limits};
use files_create::Desk;
use files_process::Process;
use lambda_http::RequestExt as _;
use push::Push;
use runtime::{Call, SocketEvent, report};
use serde_json::Value;
use store::{Chat, Links};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};
use ws_connect::Door;

use crate::cloud::{Cloud, Consequence};
use crate::faults::CRASH;
use crate::parts::Parts;

/// API Gateway waits no longer than that for an answer, and the functions behind it are given less.
const ROUTE: Duration = Duration::from_secs(10);
/// `Timeout` of messages-send.
const SEND: Duration = Duration::from_secs(28);
/// `Timeout` of outbox and of files-process.
const OUTBOX: Duration = Duration::from_secs(30);
const PROCESS: Duration = Duration::from_mins(2);

/// What a client is told: `None` where no answer came, else the status and the body.
pub(crate) type Told = Option<(u16, Value)>;

pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) threads: Vec<Thread>,
    pub(crate) links: Links,
    parts: Parts,
    push: Push,
    door: Door,
    send: Instances<Chat>,
    list: Instances<Chat>,
    message: Instances<Chat>,
    ticket: Instances<Chat>,
    desk: Instances<Desk>,
    status: Instances<Chat>,
    process: Instances<Process>,
    outbox: Instances<Outbox>,
    /// How often something that is no message was on the stream.
    pub(crate) poisoned: AtomicUsize,
    /// What queues and streams gave up.
    pub(crate) dead_letters: Mutex<Vec<String>>,
    /// What must not happen, wherever it is noticed.
    problems: Mutex<Vec<String>>,
}

/// The instances of a function that wait for their next invocation.
pub(crate) struct Instances<T>(Mutex<Vec<T>>);

impl<T> Default for Instances<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl World {
    /// A world with a thread of all `users`, and one of the first two.
    pub(crate) async fn new(seed: u64, users: &[&str]) -> (Arc<Self>, UnboundedReceiver<Consequence>) {
        let (consequences, receiver) = tokio::sync::mpsc::unbounded_channel();
        let cloud = Cloud::new(seed, consequences);
        let parts = Parts::new(&cloud);
        let mut world = Self {
            threads: Vec::new(),
            links: testkit::links(),
            push: parts.push(),
            door: parts.door(),
            parts,
            cloud,
            send: Instances::default(),
            list: Instances::default(),
            message: Instances::default(),
            ticket: Instances::default(),
            desk: Instances::default(),
            status: Instances::default(),
            process: Instances::default(),
            outbox: Instances::default(),
            poisoned: AtomicUsize::new(0),
            dead_letters: Mutex::default(),
            problems: Mutex::default(),
        };
        let calm = world.cloud.faults.pause();
        for members in [users, &users[..2]] {
            if world.threads.iter().all(|thread| thread.member_ids.len() != members.len()) {
                world.threads.push(testkit::new_thread(&world.parts.chat(), members).await);
            }
        }
        world.cloud.faults.resume(calm);
        (Arc::new(world), receiver)
    }

    /// `POST /api/threads/{threadId}/messages`
    pub(crate) async fn send(self: &Arc<Self>, user: &str, thread: &ThreadId, key: Option<&str>, body: Value) -> Told {
        let call = call(user, ("threadId", thread.as_str()), &[], key, &body);
        let world = self.clone();
        self.asked("messages-send", async move {
            let World { send, push, links, .. } = &*world;
            world
                .invoke(send, Parts::chat, SEND, async |chat| messages_send::handle(chat, push, links, call).await)
                .await
        })
        .await
    }

    /// `GET /api/threads/{threadId}/messages`
    pub(crate) async fn list(self: &Arc<Self>, user: &str, thread: &ThreadId, query: &[(&str, &str)]) -> Told {
        let call = call(user, ("threadId", thread.as_str()), query, None, &Value::Null);
        let world = self.clone();
        self.asked("messages-list", async move {
            let World { list, links, .. } = &*world;
            world.invoke(list, Parts::chat, ROUTE, async |chat| messages_list::handle(chat, links, call).await).await
        })
        .await
    }

    /// `POST /api/files`
    pub(crate) async fn announce(self: &Arc<Self>, user: &str, body: Value) -> Told {
        let call = call(user, ("", ""), &[], None, &body);
        let world = self.clone();
        self.asked("files-create", async move {
            world.invoke(&world.desk, Parts::desk, ROUTE, async |desk| files_create::handle(desk, call).await).await
        })
        .await
    }

    /// `GET /api/files/{fileId}/status`
    pub(crate) async fn status(self: &Arc<Self>, user: &str, file: &str) -> Told {
        let call = call(user, ("fileId", file), &[], None, &Value::Null);
        let world = self.clone();
        self.asked("files-status", async move {
            let World { status, links, .. } = &*world;
            world.invoke(status, Parts::chat, ROUTE, async |chat| files_status::handle(chat, links, call).await).await
        })
        .await
    }

    /// `POST /api/ws-tickets`, with a token that is good for so many seconds.
    pub(crate) async fn ticket(self: &Arc<Self>, user: &str, token: u64) -> Told {
        let mut call = call(user, ("", ""), &[], None, &Value::Null);
        call.caller.expires_at = Timestamp::now().seconds() + i64::try_from(token).unwrap();
        let world = self.clone();
        self.asked("ws-ticket", async move {
            let World { ticket, parts: Parts { connections, .. }, .. } = &*world;
            world
                .invoke(ticket, Parts::chat, ROUTE, async |chat| ws_ticket::handle(chat, connections, call).await)
                .await
        })
        .await
    }

    /// `$connect`: the frames of the socket, where it was let in.
    pub(crate) async fn connect(self: &Arc<Self>, id: &str, ticket: &str) -> Option<UnboundedReceiver<Value>> {
        let event = socket_event(id, "CONNECT", |event| {
            event.query_string_parameters = HashMap::from([("ticket".to_owned(), ticket.to_owned())]).into();
        });
        let world = self.clone();
        let answered = self.spawn("ws-connect", async move {
            world
                .invoke(&Instances::default(), |_| (), ROUTE, async |()| ws_connect::handle(&world.door, event).await)
                .await
        });
        (answered.await?.ok()?.status_code == 200).then(|| self.open(id))
    }

    fn open(self: &Arc<Self>, id: &str) -> UnboundedReceiver<Value> {
        let (world, id, frames) = (self.clone(), id.to_owned(), self.cloud.gateway.open(id));
        drop(self.spawn("the end of a socket", async move {
            sleep(Duration::from_secs(limits::CONNECTION_SECONDS.unsigned_abs())).await;
            if world.cloud.gateway.close(&id) && !world.cloud.faults.one_in(4, &world.cloud.chance) {
                world.disconnected(&id);
            }
            Some(())
        }));
        frames
    }

    /// `$disconnect`
    pub(crate) fn disconnected(self: &Arc<Self>, id: &str) {
        let event = socket_event(id, "DISCONNECT", |_| {});
        let world = self.clone();
        drop(self.spawn("ws-disconnect", async move {
            let connections = &world.parts.connections;
            world
                .invoke(
                    &Instances::default(),
                    |_| (),
                    ROUTE,
                    async |()| ws_disconnect::handle(connections, event).await,
                )
                .await
        }));
    }

    /// `$default`: the answer goes to the socket.
    pub(crate) fn frame(self: &Arc<Self>, id: &str, frame: &Value) {
        let event = socket_event(id, "MESSAGE", |event| event.body = Some(frame.to_string()));
        let (world, id) = (self.clone(), id.to_owned());
        drop(self.spawn("ws-message", async move {
            let World { message, parts: Parts { connections, .. }, .. } = &*world;
            let answered = world
                .invoke(message, Parts::chat, ROUTE, async |chat| ws_message::handle(chat, connections, event).await);
            if let Ok(ApiGatewayProxyResponse { body: Some(body), .. }) = answered.await? {
                let aws_lambda_events::encodings::Body::Text(body) = body else { panic!("a frame is text") };
                world.cloud.gateway.post(&id, body.as_bytes());
            }
            Some(())
        }));
    }

    /// outbox, with an event of the stream or of the queue of repairs: what has to come again; `None` where all of it has.
    pub(crate) async fn outbox(&self, event: Value) -> Option<Vec<String>> {
        let event = serde_json::from_value(event).unwrap();
        let handled = self.invoke(&self.outbox, Parts::outbox, OUTBOX, async |outbox| outbox.handle(event).await);
        Some(handled.await?.ok()?.identifiers().map(str::to_owned).collect())
    }

    /// files-process, with an event of the bucket or of the queue of reminders: whether it succeeded.
    pub(crate) async fn process(&self, event: Value) -> bool {
        let event = serde_json::from_value(event).unwrap();
        let handled = self.invoke(&self.process, Parts::process, PROCESS, async |process| process.handle(event).await);
        matches!(handled.await, Some(Ok(())))
    }

    /// An HTTP request, which goes on whether or not its client waits for the answer.
    async fn asked<F>(self: &Arc<Self>, what: &'static str, work: F) -> Told
    where
        F: Future<Output = Option<Result<runtime::Answer, ApiError>>> + Send + 'static,
    {
        let chance = &self.cloud.chance;
        let patience = Duration::from_secs(if self.cloud.faults.one_in(20, chance) { 1 } else { 30 });
        let lost = self.cloud.faults.one_in(30, chance);
        let answer = timeout(patience, self.spawn(what, work)).await.ok()??;
        if lost {
            self.cloud.trace.note(format!("{what}: the client's network is gone"));
            return None;
        }
        Some(match answer {
            Ok(answer) => (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or(Value::Null)),
            Err(error) => {
                if let ApiError::Internal(text) = &error {
                    self.problem(format!("{what} failed: {text}"));
                }
                (report(error).code.status(), Value::Null)
            }
        })
    }

    /// Runs `work` whether or not anybody waits for it; `None` where it panicked, which is a problem.
    pub(crate) fn spawn<T, F>(
        self: &Arc<Self>,
        what: &'static str,
        work: F,
    ) -> impl Future<Output = Option<T>> + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let world = self.clone();
        tokio::spawn(async move {
            match futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await {
                Ok(done) => drop(sender.send(done)),
                Err(_) => world.problem(format!("{what} panicked")),
            }
        });
        async { receiver.await.ok().flatten() }
    }

    /// One invocation, on an instance that waits for one or on a new one; `None` where it crashed or took longer than
    /// `limit`, which ends the instance as well.
    pub(crate) async fn invoke<T, R>(
        &self,
        instances: &Instances<T>,
        new: impl FnOnce(&Parts) -> T,
        limit: Duration,
        handle: impl AsyncFnOnce(&T) -> R,
    ) -> Option<R> {
        let instance = instances.take(&self.cloud).unwrap_or_else(|| new(&self.parts));
        let crash = Arc::new(Notify::new());
        let crashed = crash.clone();
        let work = CRASH.scope(crash, timeout(limit, handle(&instance)));
        let done = tokio::select! {
            biased;
            () = crashed.notified() => None,
            done = work => done.ok(),
        };
        if done.is_some() {
            instances.lock().push(instance);
        } else {
            self.cloud.trace.note("an invocation ended without an answer");
        }
        done
    }

    pub(crate) fn problem(&self, what: impl AsRef<str>) {
        let what = self.cloud.trace.note(what);
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T> Instances<T> {
    /// One that waits. Now and then, as if it were busy or had been retired, not even where there is one.
    fn take(&self, cloud: &Cloud) -> Option<T> {
        let mut waiting = self.lock();
        if waiting.is_empty() || cloud.chance.one_in(10) {
            return None;
        }
        let index = cloud.chance.index(waiting.len());
        Some(waiting.swap_remove(index))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose path has this one parameter.
pub(crate) fn call(user: &str, path: (&str, &str), query: &[(&str, &str)], key: Option<&str>, body: &Value) -> Call {
    let mut request = http::Request::builder();
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let map = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let request = request.body(lambda_http::Body::from(body.to_string())).unwrap();
    let request = request.with_query_string_parameters(map(query));
    Call::new(testkit::caller(user), request.with_path_parameters(map(&[path])))
}

pub(crate) fn socket_event(
    id: &str,
    kind: &str,
    change: impl FnOnce(&mut ApiGatewayWebsocketProxyRequest),
) -> SocketEvent {
    let mut event = ApiGatewayWebsocketProxyRequest::default();
    event.request_context.connection_id = Some(id.to_owned());
    event.request_context.event_type = Some(kind.to_owned());
    change(&mut event);
    SocketEvent::new(event).unwrap()
}

//! The world is the simulated system of one history: the functions on the simulated cloud. Its methods invoke the
//! functions as clients and event sources do.

mod instances;
mod requests;
mod routes;
mod sockets;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::{ApiError, FileId, Message, Thread, ThreadId};
use runtime::report;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout};

use self::instances::{Instance, Instances, WarmInstances};
pub(crate) use self::requests::{call, socket_event};
use self::routes::may_have_old_preview;
use crate::clock::SKEW;
use crate::cloud::{Cloud, Consequence};
use crate::faults::{BEGAN, CRASH};
use crate::marks::Marks;
use crate::notifications::ATTEMPT;
use crate::parts::Parts;
use crate::{backlog, notifications, push_services, starter, stream};

/// `Timeout` of the functions behind routes, from `Globals` in template.yaml. API Gateway's own timeout (30 s) is
/// longer, so the simulation does not need it.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(10);
/// `Timeout` of messages-send in template.yaml.
const MESSAGES_SEND_TIMEOUT: Duration = Duration::from_secs(28);
/// `Timeout` of messages-edit, messages-delete, messages-react and messages-unreact in template.yaml.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(20);
/// `Timeout` of chat-stream in template.yaml.
const CHAT_STREAM_TIMEOUT: Duration = Duration::from_secs(30);
/// `Timeout` of push-send in template.yaml.
const PUSH_SEND_TIMEOUT: Duration = Duration::from_mins(1);
/// `Timeout` of files-process in template.yaml.
const FILES_PROCESS_TIMEOUT: Duration = Duration::from_mins(2);

/// Response that a client receives: the status and the JSON body, or `None` if no response arrives.
pub(crate) type Received = Option<(u16, Value)>;

/// The simulated system of one history: the cloud, the functions with their warm instances, and the threads.
pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    /// Threads that users send messages to. A [starter](crate::starter) adds one.
    threads: Mutex<Vec<Thread>>,
    /// The members of the threads that [`is_member`](Self::is_member) has read. The members of a thread never change.
    members: Mutex<HashMap<String, Vec<String>>>,
    pub(crate) marks: Marks,
    /// A message as it was before its many changes. Clients hold this version when they start.
    pub(crate) backlog: Option<Message>,
    parts: Parts,
    warm: WarmInstances,
    /// Number of malformed records that the simulation has put on the stream.
    pub(crate) poisoned: AtomicUsize,
    /// Queue messages and stream records that have reached a dead-letter queue.
    pub(crate) dead_letters: Mutex<Vec<String>>,
    /// Violated invariants, found during the history or by the checks at its end.
    problems: Mutex<Vec<String>>,
}

impl World {
    /// Creates the simulated system (cloud, functions and their invocations) and a thread with all `users` as members.
    /// If there are more than two users, also creates a thread with only `users[0]` and `users[1]` as members.
    pub(crate) async fn new(seed: u64, users: &[&str]) -> (Arc<Self>, UnboundedReceiver<Consequence>) {
        let (consequences, receiver) = tokio::sync::mpsc::unbounded_channel();
        let cloud = Cloud::new(seed, consequences);
        let mut world = Self {
            threads: Mutex::default(),
            members: Mutex::default(),
            marks: Marks::default(),
            backlog: None,
            parts: Parts::new(&cloud),
            cloud,
            warm: WarmInstances::default(),
            poisoned: AtomicUsize::new(0),
            dead_letters: Mutex::default(),
            problems: Mutex::default(),
        };
        if seed % notifications::TURNED_ON == 1 {
            world.cloud.notifications.turn_on();
            push_services::choose_outage(&world.cloud);
        }
        let paused = world.cloud.faults.pause();
        let chat = world.parts.unrestricted_chat();
        for members in [users, &users[..2]] {
            if world.threads().iter().all(|thread| thread.member_ids.len() != members.len()) {
                world.add_thread(testkit::new_thread(&chat, members).await);
            }
        }
        testkit::make_known(&chat, &[starter::AUNT]).await;
        if seed % backlog::BACKLOGS == 13 {
            world.backlog = Some(backlog::create(&world.cloud, &chat, &world.threads()[0], users[0]).await);
        }
        if seed.is_multiple_of(starter::CROWDS) {
            let crowd = starter::crowd();
            testkit::make_known(&chat, &crowd.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        world.cloud.faults.resume(paused);
        (Arc::new(world), receiver)
    }

    /// Returns the threads that users send messages to.
    pub(crate) fn threads(&self) -> Vec<Thread> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether a user belongs to a thread, as the table says.
    pub(crate) fn is_member(&self, user: &str, thread: &str) -> bool {
        let is_member = |members: &Vec<String>| members.iter().any(|member| member == user);
        let mut known = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(members) = known.get(thread) {
            return is_member(members);
        }
        let key = json!({"pk": {"S": format!("THREAD#{thread}")}, "sk": {"S": "META"}});
        let Some(row) = stream::row(&self.cloud.database, &key) else { return false };
        let members = row["memberIds"]["L"].as_array().unwrap().iter();
        let members: Vec<_> = members.map(|id| id["S"].as_str().unwrap().to_owned()).collect();
        let is_member = is_member(&members);
        known.insert(thread.to_owned(), members);
        is_member
    }

    /// Adds a thread that users send messages to from now on.
    pub(crate) fn add_thread(&self, thread: Thread) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Returns a link to a file with a valid signature, even if the file is pending, failed or erased.
    pub(crate) async fn link_to(&self, file: &FileId) -> String {
        let row = self.parts.unrestricted_chat().file(file).await.unwrap().unwrap();
        row.attachment(&testkit::links()).url
    }

    /// Returns a new instance of messages-send that only the caller uses.
    pub(crate) fn new_sender(&self) -> messages_send::Deps {
        self.parts.messages_send()
    }

    /// Invokes the given instance of messages-send without a network in between. Returns the status of the response, or
    /// `None` if the invocation crashed or took too long. Then the instance must not be used again.
    pub(crate) async fn send_on(
        &self,
        instance: &messages_send::Deps,
        user: &str,
        thread: &ThreadId,
        body: Value,
    ) -> Option<(u16, Value)> {
        let call = call(user, ("threadId", thread.as_str()), &[], None, &body);
        let work = messages_send::handle(instance, call);
        Some(match self.run(MESSAGES_SEND_TIMEOUT, work).await? {
            Ok(answer) => (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap()),
            Err(error) => (report(error).code.status(), Value::Null),
        })
    }

    /// Invokes chat-stream with an event of the stream or of the repair queue. Returns the IDs of the failed items, or
    /// `None` if the invocation failed.
    pub(crate) async fn chat_stream(&self, event: Value) -> Option<Vec<String>> {
        let event = serde_json::from_value(event).unwrap();
        let handle = async |deps: &_| chat_stream::handle(deps, event).await;
        let handled = self.invoke(&self.warm.chat_stream, Parts::chat_stream, CHAT_STREAM_TIMEOUT, handle);
        Some(handled.await?.ok()?.failed().map(str::to_owned).collect())
    }

    /// Invokes files-process with an event of S3 or of the reminder queue. Returns whether the invocation succeeded.
    pub(crate) async fn files_process(&self, event: Value) -> bool {
        let event = serde_json::from_value(event).unwrap();
        let handle = async |deps: &_| files_process::handle(deps, event).await;
        let handled = self.invoke(&self.warm.files_process, Parts::files_process, FILES_PROCESS_TIMEOUT, handle);
        matches!(handled.await, Some(Ok(())))
    }

    /// Invokes push-send with a message of the queue of notifications, which was received `receives` times. Returns whether the
    /// invocation succeeded.
    pub(crate) async fn push_send(&self, body: &str, receives: u64, event: Value) -> bool {
        let event = serde_json::from_value(event).unwrap();
        let notifications = &self.cloud.notifications;
        let attempt = notifications.begin_attempt(body, u32::try_from(receives).unwrap());
        let handle = async |deps: &_| push_send::handle(deps, event).await;
        let handled = self.invoke(&self.warm.push_send, Parts::push_send, PUSH_SEND_TIMEOUT, handle);
        let succeeded = matches!(ATTEMPT.scope(attempt, handled).await, Some(Ok(())));
        if succeeded {
            notifications.end_attempt(attempt);
        }
        succeeded
    }

    /// Sends an HTTP request to `function`. The function runs to its end even if the client stops waiting or never
    /// receives the response.
    async fn request<F>(self: &Arc<Self>, function: &'static str, work: F) -> Received
    where
        F: Future<Output = Option<Result<runtime::Answer, ApiError>>> + Send + 'static,
    {
        let chance = &self.cloud.chance;
        let patience = Duration::from_secs(if self.cloud.faults.one_in(20, chance) { 1 } else { 30 });
        let lost = self.cloud.faults.one_in(30, chance);
        let began = Instant::now();
        let answer = timeout(patience, self.spawn(function, work)).await.ok()??;
        if let Ok(answer) = &answer
            && let Some(text) = self.cloud.journal.erased_text(answer.body(), began)
            && !may_have_old_preview(function)
        {
            self.problem(format!("{function} has answered with the erased text {text:?}"));
        }
        if lost {
            self.cloud.trace.note(format!("{function}: the response is lost, because the client is offline"));
            return None;
        }
        Some(match answer {
            Ok(answer) => (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or(Value::Null)),
            Err(error) => {
                if let ApiError::Internal(text) = &error {
                    self.problem(format!("{function} failed with an internal error: {text}"));
                }
                (report(error).code.status(), Value::Null)
            }
        })
    }

    /// Runs `work` in a task of its own, to its end even if the returned future is dropped. If `work` panics, records a
    /// problem that contains `name`, and the future returns `None`.
    pub(crate) fn spawn<T, F>(
        self: &Arc<Self>,
        name: &'static str,
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
                Err(_) => world.problem(format!("{name} panicked")),
            }
        });
        async { receiver.await.ok().flatten() }
    }

    /// Runs one invocation on a warm instance or on a new one. Returns `None` if the invocation crashed or took longer
    /// than `function_timeout`. After a crash or timeout, the instance is not used again, as on Lambda.
    async fn invoke<T, R>(
        &self,
        warm: &Instances<T>,
        new: impl FnOnce(&Parts) -> T,
        function_timeout: Duration,
        handle: impl AsyncFnOnce(&T) -> R,
    ) -> Option<R> {
        let Cloud { chance, clocks, .. } = &*self.cloud;
        let new = || Instance { deps: new(&self.parts), skew: clocks.skew(chance) };
        let instance = warm.take(&self.cloud).unwrap_or_else(new);
        let done = self.run(function_timeout, SKEW.scope(instance.skew, handle(&instance.deps))).await;
        if done.is_some() {
            warm.put(instance);
        }
        done
    }

    /// Runs the work of one invocation. Returns `None` if it crashed or took longer than `function_timeout`.
    async fn run<R>(&self, function_timeout: Duration, work: impl Future<Output = R>) -> Option<R> {
        let crash = Arc::new(Notify::new());
        let crashed = crash.clone();
        let work = BEGAN.scope(Instant::now(), CRASH.scope(crash, timeout(function_timeout, work)));
        let done = tokio::select! {
            biased;
            () = crashed.notified() => None,
            done = work => done.ok(),
        };
        if done.is_none() {
            self.cloud.trace.note("an invocation crashed or timed out");
        }
        done
    }

    /// Records a violated invariant, which makes the history fail.
    pub(crate) fn problem(&self, what: impl AsRef<str>) {
        let what = self.cloud.trace.note(what);
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Returns the texts of all violated invariants so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone();
        problems.extend(self.cloud.journal.problems());
        problems
    }
}

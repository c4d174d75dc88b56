//! One instance of a function: its process, and the Lambda runtime API that gives it events.
//!
//! API reference: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response, service::service_fn};
use hyper_util::rt::TokioIo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::usage::{self, Usage};

/// Longest wait for a start, an answer or an exit. Each of them normally takes less than a second.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A program to start, with its arguments and environment variables.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

/// A running instance that waits for its next event.
pub(crate) struct Instance {
    name: String,
    process: Child,
    _api: AbortOnDrop,
    events: mpsc::UnboundedSender<Bytes>,
    steps: mpsc::UnboundedReceiver<(Instant, Step)>,
    /// Time from the start of the process to its first request for an event.
    pub(crate) init: Duration,
}

/// A step of an invocation, as the runtime API sees it.
enum Step {
    /// The instance requested an event.
    Requested,
    /// The API sent an event to the instance.
    Sent,
    /// The instance answered the event.
    Answered(Bytes),
    /// The instance reported an error.
    Failed(Bytes),
}

/// Answer of an instance to an event.
pub(crate) struct Answer {
    /// Time from sending the event to receiving the answer.
    pub(crate) took: Duration,
    /// When the event was sent.
    pub(crate) sent: Instant,
    pub(crate) body: Value,
}

/// Task that accepts connections to the runtime API of one instance. A run has hundreds of instances, so each task
/// stops with its instance.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    steps: mpsc::UnboundedSender<(Instant, Step)>,
}

impl Instance {
    /// Starts the program and waits until it requests an event.
    pub(crate) async fn start(program: &Program) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, event_queue) = mpsc::unbounded_channel();
        let (step_sender, mut steps) = mpsc::unbounded_channel();
        let api = Arc::new(Api { events: Mutex::new(event_queue), steps: step_sender });
        let api = AbortOnDrop(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let api = api.clone();
                let service = service_fn(move |request| {
                    let api = api.clone();
                    async move { api.answer(request).await }
                });
                if stream.set_nodelay(true).is_ok() {
                    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                }
            }
        }));
        let mut command = Command::new(&program.path);
        command.args(&program.args).env_clear().envs(program.env.iter().cloned());
        command.env("AWS_LAMBDA_RUNTIME_API", &address).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in [("NAME", program.name.as_str()), ("VERSION", "1"), ("MEMORY_SIZE", "256")] {
            command.env(format!("AWS_LAMBDA_FUNCTION_{name}"), value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let start = Instant::now();
        let process = command.spawn().with_context(|| format!("cannot start {}", program.path.display()))?;
        let name = program.name.clone();
        match timeout(TIMEOUT, steps.recv()).await {
            Ok(Some((at, Step::Requested))) => Ok(Self { name, process, _api: api, events, steps, init: at - start }),
            Ok(Some((_, Step::Failed(error)))) => bail!("{name} failed to start: {}", String::from_utf8_lossy(&error)),
            _ => bail!("{name} requested no event within {} s", TIMEOUT.as_secs()),
        }
    }

    /// Sends an event and waits for the answer. Fails if the instance reports an error or answers with a status of 400
    /// or more.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<Answer> {
        self.events.send(event.to_string().into()).context("the runtime API has stopped")?;
        let (mut sent, mut answered) = (None, None);
        loop {
            let step = timeout(TIMEOUT, self.steps.recv()).await;
            let step = step.with_context(|| format!("{}: no answer within {} s", self.name, TIMEOUT.as_secs()))?;
            match step.context("the runtime API has stopped")? {
                (at, Step::Sent) => sent = Some(at),
                (at, Step::Answered(body)) => answered = Some((at, body)),
                (_, Step::Failed(error)) => bail!("{} failed: {}", self.name, String::from_utf8_lossy(&error)),
                // The instance has finished this event only when it requests the next one.
                (_, Step::Requested) => break,
            }
        }
        let sent = sent.context("the instance answered without an event")?;
        let (at, body) = answered.with_context(|| format!("{} did not answer the event", self.name))?;
        let body: Value =
            serde_json::from_slice(&body).with_context(|| format!("{}: the answer is not valid JSON", self.name))?;
        ensure!(body["statusCode"].as_u64().unwrap_or(200) < 400, "{} answered {body}", self.name);
        Ok(Answer { took: at - sent, sent, body })
    }

    /// Like [`invoke`](Self::invoke), but returns the JSON in the answer's `body`; null if the body is empty.
    pub(crate) async fn invoke_json(&mut self, event: &Value) -> Result<Value> {
        let answer = self.invoke(event).await?.body;
        let body = answer["body"].as_str().filter(|body| !body.is_empty());
        Ok(body.map_or(Ok(Value::Null), serde_json::from_str)?)
    }

    /// Returns the ID of the instance's process.
    pub(crate) fn id(&self) -> Result<u32> {
        self.process.id().with_context(|| format!("the process of {} has exited", self.name))
    }

    /// Returns the CPU time and the peak memory since the start of the process.
    pub(crate) fn usage(&self) -> Result<Usage> {
        usage::of(self.id()?)
    }

    /// Sends SIGTERM and waits until the process has exited. Unlike [`kill`](Self::kill), this lets callgrind write its
    /// output.
    pub(crate) async fn terminate(mut self) -> Result<()> {
        kill(Pid::from_raw(self.id()?.try_into()?), Signal::SIGTERM)?;
        let exit = timeout(TIMEOUT, self.process.wait()).await;
        exit.with_context(|| format!("{} did not exit within {} s", self.name, TIMEOUT.as_secs()))??;
        Ok(())
    }

    /// Kills the process, as Lambda does, and waits until it has exited.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}

impl Program {
    /// Returns the compiled program `name` in the folder `path`.
    pub(crate) fn binary(path: &Path, name: &str, env: &[(String, String)]) -> Self {
        Self { name: name.to_owned(), path: path.join(name), args: Vec::new(), env: env.to_vec() }
    }

    /// Returns the same program with an environment variable added or replaced.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.retain(|(existing, _)| existing != name);
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        let path = request.uri().path().to_owned();
        let at = Instant::now();
        let body = request.into_body().collect().await?.to_bytes();
        let record = |step| self.steps.send((at, step)).context("the instance has been dropped");
        if path.ends_with("/invocation/next") {
            record(Step::Requested)?;
            let event = self.events.lock().await.recv().await.context("the instance has been dropped")?;
            self.steps.send((Instant::now(), Step::Sent))?;
            let deadline = std::time::SystemTime::now() + Duration::from_secs(10);
            let deadline = deadline.duration_since(std::time::UNIX_EPOCH)?.as_millis();
            let response = Response::builder()
                .header("lambda-runtime-aws-request-id", uuid::Uuid::now_v7().to_string())
                .header("lambda-runtime-deadline-ms", deadline.to_string())
                .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
                .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
                .header("content-type", "application/json");
            return Ok(response.body(Full::new(event))?);
        }
        record(if path.ends_with("/response") { Step::Answered(body) } else { Step::Failed(body) })?;
        Ok(Response::builder().status(202).body(Full::new(Bytes::from_static(b"{}")))?)
    }
}

//! One instance of a function: its process, and the Lambda runtime's API that it asks for events.
//!
//! The API: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

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

/// Whatever takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// What to start.
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
    told: mpsc::UnboundedReceiver<(Instant, Told)>,
    /// From its start until it asked for its first event.
    pub(crate) init: Duration,
}

/// What the instance told the API.
enum Told {
    /// It asked for an event.
    Next,
    /// An event went out to it.
    Handed,
    Answer(Bytes),
    Error(Bytes),
}

/// What an event came to.
pub(crate) struct Answer {
    /// From the event's way out to the answer's coming in.
    pub(crate) took: Duration,
    /// When the event went out.
    pub(crate) handed: Instant,
    pub(crate) body: Value,
}

/// The listener of the API; a run has hundreds.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    tell: mpsc::UnboundedSender<(Instant, Told)>,
}

impl Instance {
    pub(crate) async fn start(program: &Program) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, queue) = mpsc::unbounded_channel();
        let (tell, mut told) = mpsc::unbounded_channel();
        let api = Arc::new(Api { events: Mutex::new(queue), tell });
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
        let process = command.spawn().with_context(|| program.path.display().to_string())?;
        let name = program.name.clone();
        match timeout(PATIENCE, told.recv()).await {
            Ok(Some((at, Told::Next))) => Ok(Self { name, process, _api: api, events, told, init: at - start }),
            Ok(Some((_, Told::Error(error)))) => bail!("{name}: {}", String::from_utf8_lossy(&error)),
            _ => bail!("{name} did not start"),
        }
    }

    /// Hands out an event that has to succeed, and waits for its answer.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<Answer> {
        self.events.send(event.to_string().into()).context("the API has ended")?;
        let (mut handed, mut answered) = (None, None);
        loop {
            let told =
                timeout(PATIENCE, self.told.recv()).await.with_context(|| format!("{}: no answer", self.name))?;
            match told.context("the API has ended")? {
                (at, Told::Handed) => handed = Some(at),
                (at, Told::Answer(body)) => answered = Some((at, body)),
                (_, Told::Error(error)) => bail!("{}: {}", self.name, String::from_utf8_lossy(&error)),
                // Only now is it done with the event.
                (_, Told::Next) => break,
            }
        }
        let handed = handed.context("an answer without an event")?;
        let (at, body) = answered.context("no answer to the event")?;
        let body: Value = serde_json::from_slice(&body).with_context(|| format!("{}: no JSON", self.name))?;
        ensure!(body["statusCode"].as_u64().unwrap_or(200) < 400, "{} answered {body}", self.name);
        Ok(Answer { took: at - handed, handed, body })
    }

    /// The same: the JSON in the answer's body.
    pub(crate) async fn ask(&mut self, event: &Value) -> Result<Value> {
        let answer = self.invoke(event).await?.body;
        let body = answer["body"].as_str().filter(|body| !body.is_empty());
        Ok(body.map_or(Ok(Value::Null), serde_json::from_str)?)
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.process.id().with_context(|| format!("{} has ended", self.name))
    }

    /// What it has used until now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        usage::of(self.id()?)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(mut self) -> Result<()> {
        kill(Pid::from_raw(self.id()?.try_into()?), Signal::SIGTERM)?;
        timeout(PATIENCE, self.process.wait()).await.with_context(|| format!("{} does not end", self.name))??;
        Ok(())
    }

    /// Ends it, as Lambda would.
    pub(crate) async fn stop(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}

impl Program {
    /// A compiled program.
    pub(crate) fn binary(path: &Path, name: &str, env: &[(String, String)]) -> Self {
        Self { name: name.to_owned(), path: path.join(name), args: Vec::new(), env: env.to_vec() }
    }

    /// The same with another setting.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.retain(|(there, _)| there != name);
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        let path = request.uri().path().to_owned();
        let at = Instant::now();
        let body = request.into_body().collect().await?.to_bytes();
        let tell = |told| self.tell.send((at, told)).context("nobody listens");
        if path.ends_with("/invocation/next") {
            tell(Told::Next)?;
            let event = self.events.lock().await.recv().await.context("no more events")?;
            self.tell.send((Instant::now(), Told::Handed))?;
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
        tell(if path.ends_with("/response") { Told::Answer(body) } else { Told::Error(body) })?;
        Ok(Response::builder().status(202).body(Full::new(Bytes::from_static(b"{}")))?)
    }
}

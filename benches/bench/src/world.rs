//! What is measured in: the cloud with a household's rows, the functions' programs, and their events.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use dynoxide::ImportOptions;
use dynoxide::types::Item;
use serde_json::{Value, json};
use testkit::engine::{self, CHAT, CONNECTIONS};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::instance::{Instance, Program};

pub(crate) const BODY: &str =
    "A message of a hundred characters, as people in a family write them to each other every day of a year.";

/// Who asks in all events.
const CALLER: &str = "user-sarah";

pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    /// Where cargo puts what is deployed.
    release: PathBuf,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        Ok(Self { cloud: Cloud::start().await?, release: target.join("release") })
    }

    /// A function as it is deployed.
    pub(crate) fn function(&self, name: &str) -> Program {
        Program::binary(&self.release, name, &environment(&self.cloud.url))
    }

    /// A function as it is built for tests, beside this program: for what is not measured.
    pub(crate) fn helper(&self, name: &str) -> Result<Program> {
        let here = std::env::current_exe()?;
        let folder = here.parent().context("a program in no folder")?;
        Ok(Program::binary(folder, name, &environment(&self.cloud.url)))
    }

    /// What is possible.
    pub(crate) fn floor(&self) -> Program {
        self.function("floor")
    }

    /// A route in JavaScript, as `benches/node` has it.
    pub(crate) fn peer(&self, name: &str) -> Program {
        let script = root().join("benches/node/dist").join(format!("{name}.mjs"));
        let args = vec![script.display().to_string()];
        let node = std::env::var_os("PEER_NODE").map_or_else(|| "node".into(), PathBuf::from);
        let peer = Program { path: node, args, name: name.to_owned(), env: environment(&self.cloud.url) };
        // Or each start says that this Node is old, and what is new in it.
        peer.with("NODE_NO_WARNINGS", "1")
    }

    /// The same over TLS, as on AWS.
    pub(crate) fn over_tls(&self, program: Program) -> Program {
        let ca = self.cloud.ca.display().to_string();
        let env =
            program.env.into_iter().map(|(name, value)| (name, value.replace(&self.cloud.url, &self.cloud.tls_url)));
        let secure = Program { env: env.collect(), ..program };
        secure.with("AWS_CA_BUNDLE", &ca).with("NODE_EXTRA_CA_CERTS", &ca)
    }

    /// A new thread of the caller's with another one, who has been here before and has a name.
    pub(crate) async fn thread(&self, other: &str) -> Result<String> {
        let pk = format!("USER#{other}");
        let profile = json!({
            "pk": {"S": pk}, "sk": {"S": "PROFILE"}, "id": {"S": other}, "name": {"S": "Dad"}, "issuedAt": {"N": "1"},
        });
        self.import(CHAT, std::iter::once(profile))?;
        let mut create = Instance::start(&self.helper("threads-create")?).await?;
        let event = event("threads-create", |event| event["body"] = json!({"memberIds": [other]}).to_string().into())?;
        let thread = create.ask(&event).await?;
        create.stop().await?;
        Ok(thread["id"].as_str().context("no thread")?.to_owned())
    }

    /// So many sockets hear the thread from now on, besides those that did; returns their ids.
    pub(crate) fn subscribe(&self, thread: &str, sockets: usize) -> Result<Vec<String>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let ids: Vec<_> = (0..sockets).map(|_| format!("socket-{}", Uuid::now_v7().simple())).collect();
        let rows = ids.iter().flat_map(|id| {
            let expires_at = (now + 7_000).to_string();
            let channel = format!("thread:{thread}");
            let connection = json!({
                "pk": {"S": format!("CONN#{id}")}, "sk": {"S": "META"}, "userId": {"S": CALLER},
                "expiresAt": {"N": &expires_at}, "channels": {"SS": [channel]},
            });
            let subscription = json!({
                "pk": {"S": format!("CHANNEL#{channel}")}, "sk": {"S": format!("CONN#{id}")},
                "connectionId": {"S": id}, "subscribedAt": {"N": "1"}, "expiresAt": {"N": expires_at},
            });
            [connection, subscription]
        });
        self.import(CONNECTIONS, rows)?;
        Ok(ids)
    }

    /// A socket that is open and hears nothing.
    pub(crate) fn socket(&self) -> Result<String> {
        self.subscribe("thread_nowhere", 1)?.pop().context("a socket")
    }

    /// A new thread as [`thread`](Self::thread) makes it, with so many messages: one that was sent, and copies of it.
    pub(crate) async fn thread_with(&self, other: &str, messages: usize) -> Result<String> {
        let thread = self.thread(other).await?;
        let mut send = Instance::start(&self.helper("messages-send")?).await?;
        send.ask(&message(&thread)?).await?;
        send.stop().await?;
        let row = self.message_row(&thread, 1)?;
        let copies = (2..=messages).map(|seq| {
            let mut copy = row.clone();
            copy["sk"]["S"] = format!("MSG#{seq:020}").into();
            copy["seq"]["N"] = seq.to_string().into();
            copy["id"]["S"] = format!("msg_{}", Uuid::now_v7().simple()).into();
            copy
        });
        self.import(CHAT, copies)?;
        Ok(thread)
    }

    /// The row of a message.
    pub(crate) fn message_row(&self, thread: &str, seq: u64) -> Result<Value> {
        let key = json!({"pk": {"S": format!("THREAD#{thread}")}, "sk": {"S": format!("MSG#{seq:020}")}});
        let read = json!({"TableName": CHAT, "Key": key}).to_string();
        let (_, answer) = engine::apply(&self.cloud.database, "GetItem", read.as_bytes());
        Ok(serde_json::from_slice::<Value>(&answer)?["Item"].take())
    }

    fn import(&self, table: &str, rows: impl Iterator<Item = Value>) -> Result<()> {
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let items: Result<Vec<Item>, _> = rows.by_ref().take(10_000).map(serde_json::from_value).collect();
            self.cloud.database.import_items(table, items?, ImportOptions::default())?;
        }
        Ok(())
    }
}

/// What the template gives the functions.
fn environment(cloud: &str) -> Vec<(String, String)> {
    let settings = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", cloud),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("CHAT_TABLE", CHAT),
        ("CONNECTIONS_TABLE", CONNECTIONS),
        ("BUCKET", "hearth"),
        ("LINK_KEY", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("MAX_FILE_BYTES", "26214400"),
        ("ALLOWED_ORIGINS", "http://localhost:5173"),
        ("TOKEN_ISSUER", "https://issuer.example.com"),
        ("TOKEN_AUDIENCE", "hearth-web"),
        ("TOKEN_JWKS_URL", "https://issuer.example.com/keys"),
    ];
    let mut env: Vec<_> = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let queues = ["REMINDERS_URL", "REPAIRS_URL", "DEAD_LETTERS_URL"];
    env.extend(queues.map(|name| (name.to_owned(), format!("{cloud}/queue"))));
    env.push(("WS_ENDPOINT".to_owned(), format!("{cloud}/live")));
    env
}

/// The sample event of a function, with what `change` makes of it.
pub(crate) fn event(function: &str, change: impl FnOnce(&mut Value)) -> Result<Value> {
    let file = root().join("events").join(format!("{function}.json"));
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let mut event = serde_json::from_str(&text)?;
    change(&mut event);
    Ok(event)
}

/// A message to the thread, without a key.
pub(crate) fn message(thread: &str) -> Result<Value> {
    event("messages-send", |event| {
        event["pathParameters"]["threadId"] = thread.into();
        event["headers"].as_object_mut().map(|headers| headers.remove("idempotency-key"));
        event["body"] = json!({"body": BODY}).to_string().into();
    })
}

/// A ping on a socket.
pub(crate) fn ping(socket: &str) -> Result<Value> {
    event("ws-message", |event| {
        event["requestContext"]["connectionId"] = socket.into();
        event["body"] = r#"{"action":"ping"}"#.into();
    })
}

/// What another function of the same thread is asked.
pub(crate) fn about(function: &str, thread: &str) -> Result<Value> {
    event(function, |event| event["pathParameters"]["threadId"] = thread.into())
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A pause that the machine takes to come to rest after what was started has ended.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

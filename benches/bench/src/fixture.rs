//! Provides what the measurements need: a server in place of AWS, stored rows, the programs, and their events.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use dynoxide::ImportOptions;
use dynoxide::types::Item;
use serde_json::{Value, json};
use testkit::engine::{self, CHAT, CONNECTIONS, PUSH_KEYS};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::instance::{Instance, Program};

/// Text of every message that is sent: about 100 characters.
const BODY: &str =
    "A message of a hundred characters, as people in a family write them to each other every day of a year.";

/// ID of the user who is the caller in the sample events.
const CALLER: &str = "user-sarah";

pub(crate) struct Fixture {
    pub(crate) cloud: Arc<Cloud>,
    /// Folder with the release builds.
    release: PathBuf,
}

impl Fixture {
    /// Creates a fixture whose server in place of AWS stores no rows.
    pub(crate) async fn new() -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
        Ok(Self { cloud: Cloud::start().await?, release: target.join("release") })
    }

    /// Returns the release build of a function, as it is deployed.
    pub(crate) fn function(&self, name: &str) -> Program {
        Program::binary(&self.release, name, &environment(&self.cloud.url))
    }

    /// Returns the debug build of a function, for preparations that are not measured.
    pub(crate) fn debug_function(&self, name: &str) -> Result<Program> {
        let program = std::env::current_exe()?;
        let folder = program.parent().context("this program's path has no folder")?;
        Ok(Program::binary(folder, name, &environment(&self.cloud.url)))
    }

    /// Returns the program `benches/floor`, which makes a function's calls without an SDK.
    pub(crate) fn floor(&self) -> Program {
        self.function("floor")
    }

    /// Returns the Node version of a function, or `None` if `benches/node/functions` has none.
    pub(crate) fn peer(&self, name: &str) -> Option<Program> {
        let node_folder = repository().join("benches/node");
        if !node_folder.join("functions").join(format!("{name}.mjs")).is_file() {
            return None;
        }
        let script = node_folder.join("dist").join(format!("{name}.mjs"));
        let args = vec![script.display().to_string()];
        let node = std::env::var_os("PEER_NODE").map_or_else(|| "node".into(), PathBuf::from);
        let peer = Program { path: node, args, name: name.to_owned(), env: environment(&self.cloud.url) };
        // Without this setting, the AWS SDK warns at each start that this Node version is old.
        Some(peer.with("NODE_NO_WARNINGS", "1"))
    }

    /// Returns the [`peer`](Self::peer) of a function, or an error if it has none.
    pub(crate) fn peer_of(&self, name: &str) -> Result<Program> {
        self.peer(name).with_context(|| format!("benches/node/functions/{name}.mjs is missing"))
    }

    /// Returns the same program, but with connections over TLS, as on AWS.
    pub(crate) fn over_tls(&self, program: Program) -> Program {
        let ca = self.cloud.ca.display().to_string();
        let env =
            program.env.into_iter().map(|(name, value)| (name, value.replace(&self.cloud.url, &self.cloud.tls_url)));
        let secure = Program { env: env.collect(), ..program };
        secure.with("AWS_CA_BUNDLE", &ca).with("NODE_EXTRA_CA_CERTS", &ca)
    }

    /// Creates a thread with the caller and `other` as members, and a profile with a name for `other`. Returns the
    /// thread's ID.
    pub(crate) async fn thread(&self, other: &str) -> Result<String> {
        let pk = format!("USER#{other}");
        let profile = json!({
            "pk": {"S": pk}, "sk": {"S": "PROFILE"}, "id": {"S": other}, "name": {"S": "Dad"}, "issuedAt": {"N": "1"},
        });
        self.import(CHAT, std::iter::once(profile))?;
        let mut create = Instance::start(&self.debug_function("threads-create")?).await?;
        let event = event("threads-create", |event| event["body"] = json!({"memberIds": [other]}).to_string().into())?;
        let thread = create.invoke_json(&event).await?;
        create.kill().await?;
        Ok(thread["id"].as_str().context("the created thread has no ID")?.to_owned())
    }

    /// Adds `connections` connections that are subscribed to the thread. Returns their IDs.
    pub(crate) fn subscribe(&self, thread: &str, connections: usize) -> Result<Vec<String>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let ids: Vec<_> = (0..connections).map(|_| format!("socket-{}", Uuid::now_v7().simple())).collect();
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

    /// Adds a connection whose only subscription is to a thread without messages. Returns the connection's ID.
    pub(crate) fn connection(&self) -> Result<String> {
        self.subscribe("thread_nowhere", 1)?.pop().context("no connection was added")
    }

    /// Creates a thread as [`thread`](Self::thread) does, and adds `messages` messages. messages-send sends the first
    /// one; the others are copies of its row. Returns the thread's ID.
    pub(crate) async fn thread_with(&self, other: &str, messages: usize) -> Result<String> {
        let thread = self.thread(other).await?;
        let mut send = Instance::start(&self.debug_function("messages-send")?).await?;
        send.invoke_json(&message_event(&thread)?).await?;
        send.kill().await?;
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

    /// Returns the row of a message in `DynamoDB`'s JSON, or null if there is no such message.
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

/// Returns the environment variables of every program. They include all variables that the template gives to the
/// functions.
pub(crate) fn environment(cloud: &str) -> Vec<(String, String)> {
    let settings = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", cloud),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("ALLOW_UNKNOWN_MEMBERS", "no"),
        ("CHAT_TABLE", CHAT),
        ("CONNECTIONS_TABLE", CONNECTIONS),
        ("PUSH_KEYS_TABLE", PUSH_KEYS),
        ("PUSH_HOSTS", "fcm.googleapis.com"),
        ("PUSH_CONTACT", "mailto:hearth@example.org"),
        ("PAGE_URL", "https://chat.example/"),
        ("BUCKET", "hearth"),
        ("DECODE_FUNCTION", "files-decode"),
        ("DIRECTORY", "yes"),
        ("LINK_KEY", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("SECOND_LINK_KEY", "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"),
        ("KEEP_METADATA", "no"),
        ("ALLOWED_ORIGINS", "http://localhost:5173"),
        ("TOKEN_ISSUER", "https://issuer.example.com"),
        ("TOKEN_AUDIENCE", "hearth-web"),
        ("TOKEN_JWKS_URL", "https://issuer.example.com/keys"),
    ];
    let mut env: Vec<_> = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let queues = ["REMINDERS_URL", "REPAIRS_URL", "DEAD_LETTERS_URL", "NOTIFICATIONS_URL"];
    env.extend(queues.map(|name| (name.to_owned(), format!("{cloud}/queue"))));
    env.push(("MAX_FILE_BYTES".to_owned(), contract::limits::FILE_BYTES.to_string()));
    // One user sends thousands of messages within a minute, so the quotas are lifted.
    let quotas = ["MESSAGES_PER_MINUTE", "THREADS_PER_DAY", "UPLOADS_PER_DAY", "UPLOAD_BYTES_PER_DAY"];
    env.extend(quotas.into_iter().chain(["CONNECTIONS_PER_USER"]).map(|name| (name.to_owned(), i64::MAX.to_string())));
    env.push(("EDIT_HOURS".to_owned(), contract::limits::EDIT_HOURS.to_string()));
    env.push(("WS_ENDPOINT".to_owned(), format!("{cloud}/live")));
    env
}

/// Returns the path of the file with a function's sample event.
pub(crate) fn event_file(function: &str) -> PathBuf {
    repository().join("events").join(format!("{function}.json"))
}

/// Returns the sample event of a function, modified by `change`.
pub(crate) fn event(function: &str, change: impl FnOnce(&mut Value)) -> Result<Value> {
    let file = event_file(function);
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut event = serde_json::from_str(&text)?;
    change(&mut event);
    Ok(event)
}

/// Returns a request that sends a message to the thread, without an `Idempotency-Key`.
pub(crate) fn message_event(thread: &str) -> Result<Value> {
    event("messages-send", |event| {
        event["pathParameters"]["threadId"] = thread.into();
        event["headers"].as_object_mut().map(|headers| headers.remove("idempotency-key"));
        event["body"] = json!({"body": BODY}).to_string().into();
    })
}

/// Returns the event of a `ping` frame from a connection.
pub(crate) fn ping_event(connection: &str) -> Result<Value> {
    event("ws-message", |event| {
        event["requestContext"]["connectionId"] = connection.into();
        event["body"] = r#"{"action":"ping"}"#.into();
    })
}

/// Returns the sample event of a function, with the given thread in its path.
pub(crate) fn thread_event(function: &str, thread: &str) -> Result<Value> {
    event(function, |event| event["pathParameters"]["threadId"] = thread.into())
}

/// Returns the root folder of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Waits until processes that were just killed no longer use the CPU.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use serde::Deserialize;

/// The contents of `stack.json`: URLs, resources and users of a running stack. `make up` writes it for the local cloud,
/// `make verify` for any stack.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// Base URL of the HTTP API, without a trailing slash.
    pub api_url: String,
    /// URL of the WebSocket API, without a query.
    pub ws_url: String,
    /// An origin whose pages may use the stack. `None` if no page may.
    pub allowed_origin: Option<String>,
    /// URL of the page that notifications open, on the local cloud without the slash at its end. `None` if the stack sends no
    /// notifications.
    pub page_url: Option<String>,
    /// Endpoint of the AWS services (Cognito, S3, `DynamoDB`, SQS) on the local cloud. `None` for other stacks, for which
    /// the AWS variables of the environment say where they are and with which credentials to call them.
    pub endpoint_url: Option<String>,
    /// ID of the Cognito user pool.
    pub user_pool_id: String,
    /// ID of the Cognito app client with which users sign in.
    pub client_id: String,
    /// Name of the `Chat` table.
    pub chat_table: String,
    /// Name of the `Connections` table.
    pub connections_table: String,
    /// URL of the reminder queue, whose messages make files-process check on a file.
    pub reminders_url: String,
    /// URL of the dead-letter queue, where events go that could not be processed.
    pub dead_letters_url: String,
    /// Quotas of each user.
    pub quotas: Quotas,
    /// Users, as whom tests sign in: one or several with each of the names Sarah, Michael and Dad.
    pub users: Vec<Account>,
}

/// The stack's parameters that limit what a user may do. See `docs/deploy.md`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quotas {
    /// Messages per minute, counted approximately.
    pub messages_per_minute: u64,
    /// New threads per day (UTC).
    pub threads_per_day: u64,
    /// New files per day (UTC).
    pub uploads_per_day: u64,
    /// Bytes of all new files per day (UTC).
    pub upload_bytes_per_day: u64,
    /// Connections that are open at the same time.
    pub connections_per_user: u64,
}

/// A user's identity and credentials.
#[derive(Deserialize)]
pub struct Account {
    /// ID of the user, the `sub` claim of the user's tokens.
    pub id: String,
    /// Display name, the `name` claim of the user's tokens.
    pub name: String,
    /// Email address for signing in.
    pub email: String,
    /// Password for signing in.
    pub password: String,
    /// Token of a user who has already signed in.
    pub token: Option<String>,
}

impl Stack {
    /// Returns the stack that `stack.json` describes. The environment variable `HEARTH_STACK` names that file; the
    /// default is `.local/stack.json` in this checkout. Panics if the file does not exist.
    #[must_use]
    pub fn get() -> &'static Self {
        static STACK: OnceLock<Result<Stack, String>> = OnceLock::new();
        match STACK.get_or_init(Self::read) {
            Ok(stack) => stack,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// Returns the user with the given name. Panics if the stack has none.
    ///
    /// If the stack has several users with this name, the name of the running test chooses one, so that a test gets the
    /// same user each time. The tests are spread over these users, so that no user exceeds their quotas.
    #[must_use]
    pub fn account(&self, name: &str) -> &Account {
        let named: Vec<_> = self.users.iter().filter(|account| account.name == name).collect();
        assert!(!named.is_empty(), "the stack has no user {name}");
        let test = thread::current().name().unwrap_or_default().to_owned();
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(test);
        named[usize::try_from(hash % named.len() as u64).unwrap_or_default()]
    }

    /// Returns the endpoint of the local cloud's AWS services. Panics if the stack is not a local cloud.
    #[must_use]
    pub fn local_endpoint(&self) -> &str {
        let reason =
            "the test needs the local cloud: add a comment `// make verify: never, …` before it, with the reason";
        self.endpoint_url.as_deref().unwrap_or_else(|| panic!("{reason}"))
    }

    fn read() -> Result<Self, String> {
        let path = Self::path();
        let shown = path.display();
        let file = std::fs::read(&path)
            .map_err(|_| format!("{shown} does not exist; run `make up` first, or `make test-e2e` instead"))?;
        let mut stack: Self =
            serde_json::from_slice(&file).map_err(|error| format!("{shown} is not a valid stack.json: {error}"))?;
        for url in [Some(&mut stack.api_url), stack.endpoint_url.as_mut()].into_iter().flatten() {
            url.truncate(url.trim_end_matches('/').len());
        }
        Ok(stack)
    }

    /// Returns the absolute path of `stack.json`.
    pub(crate) fn path() -> PathBuf {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = workspace.canonicalize().unwrap_or(workspace);
        workspace.join(std::env::var_os("HEARTH_STACK").unwrap_or_else(|| ".local/stack.json".into()))
    }
}

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;

/// The contents of `stack.json`: URLs, resources and demo users of a running stack.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// Base URL of the HTTP API, without a trailing slash.
    pub api_url: String,
    /// URL of the WebSocket API, without a query.
    pub ws_url: String,
    /// Endpoint of the AWS services (Cognito, S3, `DynamoDB`, SQS).
    pub endpoint_url: String,
    /// ID of the Cognito app client with which users sign in.
    pub client_id: String,
    /// ID of the Cognito user pool.
    pub user_pool_id: String,
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
    /// Demo users, as whom tests sign in.
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
    /// Open connections.
    pub connections_per_user: u64,
}

/// A demo user's identity and credentials.
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

    /// Returns the demo user with the given name. Panics if the stack has none.
    #[must_use]
    pub fn account(&self, name: &str) -> &Account {
        let found = self.users.iter().find(|account| account.name == name);
        found.unwrap_or_else(|| panic!("the stack has no user {name}"))
    }

    fn read() -> Result<Self, String> {
        let path = Self::path();
        let shown = path.display();
        let file = std::fs::read(&path)
            .map_err(|_| format!("{shown} does not exist; run `make up` first, or `make test-e2e` instead"))?;
        let mut stack: Self =
            serde_json::from_slice(&file).map_err(|error| format!("{shown} is not a valid stack.json: {error}"))?;
        for url in [&mut stack.api_url, &mut stack.endpoint_url] {
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

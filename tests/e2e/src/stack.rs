use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;

/// Where a running Hearth is and who may use it: the file `.local/stack.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// Base URL of the HTTP API, without a trailing slash.
    pub api_url: String,
    /// URL of the WebSocket API, without a query.
    pub ws_url: String,
    /// Where the cloud's own services answer: Cognito, the storage, and what the operator reaches.
    pub endpoint_url: String,
    /// The app client that the users log in through.
    pub client_id: String,
    /// The table of files, for the operator.
    pub chat_table: String,
    /// The table of sockets, for the operator.
    pub connections_table: String,
    /// The queue of reminders to look after a file, for the operator.
    pub reminders_url: String,
    /// URL of the queue of what could not be followed or delivered.
    pub dead_letters_url: String,
    /// The demo users.
    pub users: Vec<Account>,
}

/// A demo user and how to log in as them.
#[derive(Deserialize)]
pub struct Account {
    /// The `sub` of their tokens.
    pub id: String,
    /// The `name` of their tokens.
    pub name: String,
    /// What they log in with.
    pub email: String,
    /// The password that goes with it.
    pub password: String,
}

impl Stack {
    /// The stack that `HEARTH_STACK` names, by default `.local/stack.json` of this checkout.
    #[must_use]
    pub fn get() -> &'static Self {
        static STACK: OnceLock<Result<Stack, String>> = OnceLock::new();
        match STACK.get_or_init(Self::read) {
            Ok(stack) => stack,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// The demo user of this name.
    #[must_use]
    pub fn account(&self, name: &str) -> &Account {
        let found = self.users.iter().find(|account| account.name == name);
        found.unwrap_or_else(|| panic!("the stack has no user {name}"))
    }

    fn read() -> Result<Self, String> {
        let path = Self::path();
        let shown = path.display();
        let file = std::fs::read(&path).map_err(|_| format!("no stack at {shown}: run `make up`, or `make test`"))?;
        let mut stack: Self =
            serde_json::from_slice(&file).map_err(|error| format!("{shown} is not what `make up` writes: {error}"))?;
        for url in [&mut stack.api_url, &mut stack.endpoint_url] {
            url.truncate(url.trim_end_matches('/').len());
        }
        Ok(stack)
    }

    fn path() -> PathBuf {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = workspace.canonicalize().unwrap_or(workspace);
        workspace.join(std::env::var_os("HEARTH_STACK").unwrap_or_else(|| ".local/stack.json".into()))
    }
}

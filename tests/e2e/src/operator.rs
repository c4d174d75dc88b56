use std::collections::HashMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use runtime::sdk_config_for;
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, Time};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::stack::Stack;
use crate::wait::TIMEOUT;

/// Access to the stack's tables and queues, and to the local cloud's processes. Tests use it to simulate failures and the
/// passing of time.
pub struct Operator {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Operator {
    /// Connects to the local cloud with its root credentials, or to another stack with those of the environment.
    #[must_use]
    pub fn new() -> Self {
        let local = Stack::get().endpoint_url.clone();
        let (region, credentials, endpoint) = if local.is_some() {
            ("us-east-1".to_owned(), Credentials::from_keys("test", "test", None), local)
        } else {
            let required =
                |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `make verify`"));
            let (key, secret) = (required("AWS_ACCESS_KEY_ID"), required("AWS_SECRET_ACCESS_KEY"));
            let credentials = Credentials::from_keys(key, secret, env::var("AWS_SESSION_TOKEN").ok());
            (required("AWS_REGION"), credentials, env::var("AWS_ENDPOINT_URL").ok())
        };
        let config = sdk_config_for(region, credentials, endpoint);
        let config =
            config.unwrap_or_else(|error| panic!("cannot configure a client of AWS services: {error}")).into_builder();
        // `sdk_config_for` sets the timeouts of the functions, 1 s for an attempt. A busy local cloud may need longer.
        let config = config.timeout_config(TimeoutConfig::disabled()).build();
        Self { dynamodb: aws_sdk_dynamodb::Client::new(&config), sqs: aws_sdk_sqs::Client::new(&config) }
    }

    /// Writes a user's profile without a name, as if the user had called the API with a token without a name. Tests use
    /// it for members who never act, because creating and signing in a user takes four calls.
    pub async fn make_known(&self, user: &str) {
        let table = Stack::get().chat_table.as_str();
        let row = self.dynamodb.put_item().table_name(table).set_item(Some(key(&format!("USER#{user}"), "PROFILE")));
        let row = row.item("id", AttributeValue::S(user.to_owned()));
        row.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
    }

    /// Deletes a user's profile, as if the user had never called the API.
    pub async fn make_unknown(&self, user: &str) {
        let table = Stack::get().chat_table.as_str();
        let row = self.dynamodb.delete_item().table_name(table).set_key(Some(key(&format!("USER#{user}"), "PROFILE")));
        row.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
    }

    /// Makes a ticket expire now instead of after a minute.
    pub async fn expire_ticket(&self, ticket: &str) {
        let table = Stack::get().connections_table.as_str();
        let hash = ring::digest::digest(&ring::digest::SHA256, ticket.as_bytes());
        let hash = hash.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let key = key(&format!("TICKET#{hash}"), "META");
        let expired = self.dynamodb.update_item().table_name(table).set_key(Some(key));
        let expired = expired.update_expression("SET expiresAt = :past").condition_expression("attribute_exists(pk)");
        let expired = expired.expression_attribute_values(":past", AttributeValue::N("1000".to_owned()));
        expired.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
    }

    /// Moves a file's `createdAt` back by one hour, so that its upload window is over.
    pub async fn make_file_an_hour_older(&self, file: &str) {
        let table = Stack::get().chat_table.as_str();
        let key = key(&format!("FILE#{file}"), "META");
        let row = self.dynamodb.get_item().table_name(table).set_key(Some(key.clone())).send().await;
        let row = row.unwrap_or_else(|error| panic!("cannot read the table {table}: {error:?}")).item;
        let row = row.unwrap_or_else(|| panic!("the table {table} has no row of {file}"));
        let created = row.get("createdAt").and_then(|value| value.as_s().ok());
        let created = created.unwrap_or_else(|| panic!("{file} has no createdAt: {row:?}"));
        let earlier = an_hour_before(created);
        let moved = self.dynamodb.update_item().table_name(table).set_key(Some(key));
        let moved = moved
            .update_expression("SET createdAt = :earlier")
            .condition_expression("createdAt = :created")
            .expression_attribute_values(":earlier", AttributeValue::S(earlier))
            .expression_attribute_values(":created", AttributeValue::S(created.clone()));
        moved.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
    }

    /// Writes a message's row with the undelivered flag, as if messages-send had been killed after committing the
    /// message and before delivering it.
    pub async fn commit_undelivered_message(&self, thread: &str, seq: u64, author: &str, body: &str) {
        let undelivered = AttributeValue::Ss(vec!["*".to_owned()]);
        let message = [
            ("id", AttributeValue::S(format!("msg_{}", Uuid::now_v7().simple()))),
            ("threadId", AttributeValue::S(thread.to_owned())),
            ("seq", AttributeValue::N(seq.to_string())),
            ("authorId", AttributeValue::S(author.to_owned())),
            ("body", AttributeValue::S(body.to_owned())),
            ("createdAt", AttributeValue::S("2026-01-01T00:00:00.000Z".to_owned())),
            ("undelivered", undelivered),
        ];
        self.put(thread, &format!("{seq:020}"), message).await;
    }

    /// Writes a row with the sort key of a message, `MSG#` and `name`, whose attributes are not those of a message. One
    /// attribute is the text `body`.
    pub async fn put_invalid_row(&self, thread: &str, name: &str, body: &str) {
        let attributes = [("seq", "none"), ("body", body)];
        self.put(thread, name, attributes.map(|(name, value)| (name, AttributeValue::S(value.to_owned())))).await;
    }

    /// Runs `local/dead_letters.py` with the given task and message IDs. Returns the lines that it prints.
    #[must_use]
    pub fn dead_letters(&self, task: &[&str]) -> Vec<String> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let stack = Stack::path();
        let state = stack.parent().unwrap_or_else(|| panic!("{} has no directory", stack.display()));
        let mut script = Command::new(checkout.join(".local/venv/bin/python"));
        script.arg(checkout.join("local/dead_letters.py")).arg("--state").arg(state).args(task);
        let done = script.output().unwrap_or_else(|error| panic!("cannot run {script:?}: {error}"));
        assert!(done.status.success(), "{script:?} failed: {done:?}");
        String::from_utf8_lossy(&done.stdout).lines().map(str::to_owned).collect()
    }

    /// Whether a message's row has the undelivered flag, that is, whether a subscriber may not have received the
    /// message.
    pub async fn is_undelivered(&self, thread: &str, seq: u64) -> bool {
        let table = Stack::get().chat_table.as_str();
        let key = key(&format!("THREAD#{thread}"), &format!("MSG#{seq:020}"));
        let row = self.dynamodb.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send().await;
        let row = row.unwrap_or_else(|error| panic!("cannot read the table {table}: {error:?}")).item;
        row.unwrap_or_else(|| panic!("{thread} has no message {seq}")).contains_key("undelivered")
    }

    /// Makes all connections that are subscribed to a thread expire, and returns their number.
    pub async fn expire_connections(&self, thread: &str) -> usize {
        let rows = self.subscriptions(thread).await;
        for sk in &rows {
            let connection = sk.trim_start_matches("CONN#");
            let subscription = key(&format!("CHANNEL#thread:{thread}"), sk);
            for key in [subscription, key(&format!("CONN#{connection}"), "META")] {
                let table = Stack::get().connections_table.as_str();
                let expired = self.dynamodb.update_item().table_name(table).set_key(Some(key));
                let expired =
                    expired.update_expression("SET expiresAt = :past").condition_expression("attribute_exists(pk)");
                let expired = expired.expression_attribute_values(":past", AttributeValue::N("1000".to_owned()));
                expired.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
            }
        }
        rows.len()
    }

    /// Sets a user's counters of `kind` in the current window and in the next one, in case the current one ends during
    /// the test. `per_day` says whether a window is a day or a minute.
    pub async fn set_counters(&self, user: &str, kind: &str, per_day: bool, counters: &[(&str, u64)]) {
        let table = Stack::get().chat_table.as_str();
        let now = OffsetDateTime::now_utc();
        let (start, length) = if per_day {
            (now.replace_time(Time::MIDNIGHT), time::Duration::DAY)
        } else {
            (now, time::Duration::MINUTE)
        };
        let end: OffsetDateTime = start + length + length;
        for start in [start, start + length] {
            let window = start.format(format_description!("[year]-[month]-[day]T[hour]:[minute]"));
            let window = window.unwrap_or_else(|error| panic!("cannot format {start}: {error}"));
            let row = self.dynamodb.put_item().table_name(table).item("pk", AttributeValue::S(quota_key(user)));
            let mut row = row.item("sk", AttributeValue::S(format!("{kind}#{window}")));
            row = row.item("expiresAt", AttributeValue::N(end.unix_timestamp().to_string()));
            for (name, value) in counters {
                row = row.item(*name, AttributeValue::N(value.to_string()));
            }
            row.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
        }
    }

    /// Deletes all counters of a user, so that their quotas are unused.
    pub async fn delete_counters(&self, user: &str) {
        let table = Stack::get().chat_table.as_str();
        let rows = self.dynamodb.query().table_name(table).key_condition_expression("pk = :pk");
        let rows = rows.expression_attribute_values(":pk", AttributeValue::S(quota_key(user)));
        let rows = rows.send().await.unwrap_or_else(|error| panic!("cannot read the table {table}: {error:?}"));
        for row in rows.items() {
            let deleted = self.dynamodb.delete_item().table_name(table);
            let deleted = deleted.key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
            deleted.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
        }
    }

    /// Writes the rows of `count` connections of a user, as if the user had just opened them. If `exist` is false,
    /// deletes these rows instead.
    pub async fn pretend_connections(&self, user: &str, count: u64, exist: bool) {
        let table = Stack::get().connections_table.as_str();
        let now = OffsetDateTime::now_utc().unix_timestamp();
        for n in 0..count {
            let id = format!("pretended-{n}");
            let key = key(&format!("CHANNEL#user:{user}"), &format!("CONN#{id}"));
            let done = if exist {
                let row = self.dynamodb.put_item().table_name(table).set_item(Some(key));
                let row = row.item("connectionId", AttributeValue::S(id));
                let row = row.item("subscribedAt", AttributeValue::N((now + 1).to_string()));
                row.item("expiresAt", AttributeValue::N((now + 600).to_string())).send().await.map(drop).map_err(drop)
            } else {
                let row = self.dynamodb.delete_item().table_name(table).set_key(Some(key));
                row.send().await.map(drop).map_err(drop)
            };
            done.unwrap_or_else(|()| panic!("cannot write to the table {table}"));
        }
    }

    /// Returns the sort key of each subscription to a thread: `CONN#` and the connection's ID.
    pub async fn subscriptions(&self, thread: &str) -> Vec<String> {
        let table = Stack::get().connections_table.as_str();
        let rows = self.dynamodb.query().table_name(table).consistent_read(true);
        let rows = rows.key_condition_expression("pk = :pk");
        let rows = rows.expression_attribute_values(":pk", AttributeValue::S(format!("CHANNEL#thread:{thread}")));
        let rows = rows.send().await.unwrap_or_else(|error| panic!("cannot read the table {table}: {error:?}"));
        rows.items().iter().map(|row| row["sk"].as_s().cloned().unwrap_or_default()).collect()
    }

    /// Kills all processes of a function with SIGKILL and returns their number. The local cloud runs functions as
    /// processes on this machine. This method finds them by their environment variables in `/proc`, so it works on
    /// Linux only.
    #[must_use]
    pub fn kill(&self, function: &str) -> usize {
        let name = format!("AWS_LAMBDA_FUNCTION_NAME=hearth-{function}");
        let cloud = format!("AWS_ENDPOINT_URL={}", Stack::get().local_endpoint());
        let processes = std::fs::read_dir("/proc").unwrap_or_else(|error| panic!("cannot read /proc: {error}"));
        let pids = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let pids = pids.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()));
        let of_function = pids.filter(|pid| {
            // If the process has ended in the meantime, its environment cannot be read and counts as empty.
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let has = |variable: &str| environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes());
            has(&name) && has(&cloud)
        });
        let kill = |pid: &String| {
            let killed = Command::new("kill").args(["-KILL", pid]).status();
            killed.unwrap_or_else(|error| panic!("cannot run `kill`: {error}")).success()
        };
        of_function.filter(kill).count()
    }

    async fn put(&self, thread: &str, name: &str, attributes: impl IntoIterator<Item = (&str, AttributeValue)>) {
        let table = Stack::get().chat_table.as_str();
        let mut row = self.dynamodb.put_item().table_name(table);
        row = row.item("pk", AttributeValue::S(format!("THREAD#{thread}")));
        row = row.item("sk", AttributeValue::S(format!("MSG#{name}")));
        for (attribute, value) in attributes {
            row = row.item(attribute, value);
        }
        row.send().await.unwrap_or_else(|error| panic!("cannot write to the table {table}: {error:?}"));
    }

    /// Waits for a message that contains `text` in the dead-letter queue, where events go that could not be processed.
    /// Returns the message's body.
    pub async fn wait_for_dead_letter(&self, text: &str) -> String {
        let queue = Stack::get().dead_letters_url.as_str();
        let found = timeout(TIMEOUT, async {
            loop {
                let received = self.sqs.receive_message().queue_url(queue).max_number_of_messages(10).send().await;
                let received =
                    received.unwrap_or_else(|error| panic!("cannot receive messages from {queue}: {error:?}"));
                let bodies = received.messages.unwrap_or_default().into_iter().filter_map(|message| message.body);
                if let Some(letter) = bodies.into_iter().find(|body| body.contains(text)) {
                    return letter;
                }
                sleep(Duration::from_millis(200)).await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("no message in the dead-letter queue contains {text}"))
    }

    /// Sends a file's reminder now instead of at the end of the upload window. The reminder makes files-process check
    /// on the file.
    pub async fn send_reminder(&self, file: &str) {
        let queue = Stack::get().reminders_url.as_str();
        let message = self.sqs.send_message().queue_url(queue).message_body(json!({ "fileId": file }).to_string());
        message.send().await.unwrap_or_else(|error| panic!("cannot send a message to {queue}: {error:?}"));
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

fn key(pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
    let attribute = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
    HashMap::from([attribute("pk", pk), attribute("sk", sk)])
}

/// Returns the partition key of a user's counters.
fn quota_key(user: &str) -> String {
    format!("QUOTA#{}#{user}", user.len())
}

fn an_hour_before(timestamp: &str) -> String {
    let then = OffsetDateTime::parse(timestamp, &Rfc3339)
        .unwrap_or_else(|error| panic!("{timestamp} is not RFC 3339: {error}"));
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    (then - time::Duration::HOUR).format(&format).unwrap_or_else(|error| panic!("cannot format {timestamp}: {error}"))
}

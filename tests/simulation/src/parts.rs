//! Builds the handler dependencies of all functions on the simulated cloud.

use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use contract::limits;
use files::{Bucket, Decoder, Presigner, Reminders};
use push::{Notifications, Push, Repairs};
use runtime::Verifier;
use runtime::identity::VerifierConfig;
use store::{Chat, Connections, MessageRate, PushKeys, UploadQuota};
use testkit::engine::{CHAT, CONNECTIONS, PUSH_KEYS};
use testkit::links;
use tokio::sync::OnceCell;
use webpush::PushHosts;

use crate::cloud::{Cloud, SimulatedHttp};
use crate::push_services::{HOSTS, SimulatedPush};

const BUCKET: &str = "bucket";

/// Maximum number of open connections of a user in histories: as many as a user has clients at the same time. So a user
/// exceeds it only with connections whose `$disconnect` event was lost.
const CONNECTIONS_PER_USER: u64 = 3;
/// Maximum number of messages per minute in histories. Only a [flood](crate::flood) reaches it.
pub(crate) const MESSAGES_PER_MINUTE: u64 = 24;

/// Builds the handler dependencies of new function instances, as each function's `main.rs` does. The caches of new
/// dependencies are empty.
///
/// There is one method for each function, with the function's name. A new function needs a new method here. The methods
/// `chat`, `connections` and `push` take the name of the function. The policy of this function must allow their calls
/// to tables.
pub(crate) struct Parts {
    cloud: Arc<Cloud>,
    config: SdkConfig,
    messages_per_minute: u64,
}

impl Parts {
    pub(crate) fn new(cloud: &Arc<Cloud>) -> Self {
        Self { cloud: cloud.clone(), config: cloud.sdk_config(), messages_per_minute: MESSAGES_PER_MINUTE }
    }

    /// Replaces [`MESSAGES_PER_MINUTE`].
    pub(crate) fn with_messages_per_minute(self, messages_per_minute: u64) -> Self {
        Self { messages_per_minute, ..self }
    }

    pub(crate) fn chat_stream(&self) -> chat_stream::Deps {
        let push = self.push("chat-stream").with_limits(chat_stream::LIMITS);
        let repairs = Repairs::new(
            &self.config,
            "https://sqs/repairs".into(),
            "https://sqs/dead-letters".into(),
            "https://sqs/reminders".into(),
        );
        let notifications = self.cloud.notifications.are_on().then(|| self.notifications());
        chat_stream::Deps { chat: self.chat("chat-stream"), push, repairs, notifications, links: links() }
    }

    pub(crate) fn files_create(&self) -> files_create::Deps {
        let (chat, presigner, reminders) = (self.chat("files-create"), self.presigner(), self.reminders());
        let uploads_per_day = UploadQuota { files: 1_000, bytes: 1_000_000_000 };
        files_create::Deps { chat, presigner, reminders, max_file_bytes: 1_000_000, uploads_per_day }
    }

    pub(crate) fn files_decode(&self) -> files_decode::Deps {
        files_decode::Deps { bucket: Bucket::new(&self.config, BUCKET.into()), keep_metadata: false }
    }

    pub(crate) fn files_process(&self) -> files_process::Deps {
        let bucket = Bucket::new(&self.config, BUCKET.into());
        let decoder = Decoder::new(&self.config, "files-decode".into());
        let (chat, push, reminders) = (self.chat("files-process"), self.push("files-process"), self.reminders());
        files_process::Deps { chat, decoder, bucket, push, reminders, links: links() }
    }

    pub(crate) fn files_serve(&self) -> files_serve::Deps {
        files_serve::Deps { chat: self.chat("files-serve"), presigner: self.presigner(), links: links() }
    }

    pub(crate) fn files_status(&self) -> files_status::Deps {
        files_status::Deps { chat: self.chat("files-status"), links: links() }
    }

    pub(crate) fn me_get(&self) -> me_get::Deps {
        me_get::Deps { chat: self.chat("me-get"), links: links() }
    }

    pub(crate) fn me_update(&self) -> me_update::Deps {
        me_update::Deps { chat: self.chat("me-update"), links: links(), reminders: self.reminders() }
    }

    pub(crate) fn messages_changes(&self) -> messages_changes::Deps {
        messages_changes::Deps { chat: self.chat("messages-changes"), links: links() }
    }

    pub(crate) fn messages_delete(&self) -> messages_delete::Deps {
        messages_delete::Deps { chat: self.chat("messages-delete"), links: links(), rate: self.rate() }
    }

    pub(crate) fn messages_edit(&self) -> messages_edit::Deps {
        let window = Duration::from_hours(limits::EDIT_HOURS);
        messages_edit::Deps { chat: self.chat("messages-edit"), links: links(), rate: self.rate(), window }
    }

    pub(crate) fn messages_list(&self) -> messages_list::Deps {
        messages_list::Deps { chat: self.chat("messages-list"), links: links() }
    }

    pub(crate) fn messages_react(&self) -> messages_react::Deps {
        messages_react::Deps { chat: self.chat("messages-react"), links: links(), rate: self.rate() }
    }

    pub(crate) fn messages_send(&self) -> messages_send::Deps {
        let (chat, push) = (self.chat("messages-send"), self.push("messages-send"));
        messages_send::Deps { chat, push, links: links(), rate: self.rate() }
    }

    pub(crate) fn messages_unreact(&self) -> messages_unreact::Deps {
        messages_unreact::Deps { chat: self.chat("messages-unreact"), links: links(), rate: self.rate() }
    }

    pub(crate) fn people_list(&self) -> people_list::Deps {
        people_list::Deps { chat: self.chat("people-list"), directory: true, links: links() }
    }

    pub(crate) fn push_key(&self) -> push_key::Deps {
        push_key::Deps { chat: self.chat("push-key"), keys: self.push_keys("push-key"), sends_notifications: true }
    }

    pub(crate) fn push_send(&self) -> push_send::Deps {
        push_send::Deps {
            chat: self.chat("push-send"),
            keys: self.push_keys("push-send"),
            key: OnceCell::new(),
            client: Box::new(SimulatedPush::new(&self.cloud)),
            hosts: push_hosts(),
            queue: self.notifications(),
            page_url: "https://page/".into(),
        }
    }

    pub(crate) fn push_subscribe(&self) -> push_subscribe::Deps {
        push_subscribe::Deps { chat: self.chat("push-subscribe"), hosts: push_hosts() }
    }

    pub(crate) fn push_unsubscribe(&self) -> push_unsubscribe::Deps {
        push_unsubscribe::Deps { chat: self.chat("push-unsubscribe") }
    }

    pub(crate) fn threads_create(&self) -> threads_create::Deps {
        threads_create::Deps { chat: self.chat("threads-create"), allow_unknown_members: false, threads_per_day: 1_000 }
    }

    pub(crate) fn threads_get(&self) -> threads_get::Deps {
        threads_get::Deps { chat: self.chat("threads-get") }
    }

    pub(crate) fn threads_list(&self) -> threads_list::Deps {
        threads_list::Deps { chat: self.chat("threads-list") }
    }

    pub(crate) fn threads_read(&self) -> threads_read::Deps {
        threads_read::Deps { chat: self.chat("threads-read") }
    }

    pub(crate) fn threads_settings(&self) -> threads_settings::Deps {
        threads_settings::Deps { chat: self.chat("threads-settings") }
    }

    /// Builds dependencies that accept tickets but no tokens, because the simulation has no token issuer.
    pub(crate) fn ws_connect(&self) -> ws_connect::Deps {
        let verifier = VerifierConfig {
            issuer: "https://issuer".into(),
            audience: "nobody".into(),
            jwks_url: "https://issuer/keys".into(),
        };
        let verifier = Verifier::new(verifier).unwrap();
        ws_connect::Deps {
            connections: self.connections("ws-connect"),
            push: self.push("ws-connect").with_limits(ws_connect::LIMITS),
            connections_per_user: CONNECTIONS_PER_USER,
            verifier,
            allowed_origins: Vec::new(),
        }
    }

    pub(crate) fn ws_disconnect(&self) -> ws_disconnect::Deps {
        ws_disconnect::Deps { connections: self.connections("ws-disconnect") }
    }

    pub(crate) fn ws_message(&self) -> ws_message::Deps {
        ws_message::Deps {
            chat: self.chat("ws-message"),
            connections: self.connections("ws-message"),
            push: self.push("ws-message").with_limits(ws_message::LIMITS),
            typing: ws_message::RecentTyping::default(),
        }
    }

    pub(crate) fn ws_ticket(&self) -> ws_ticket::Deps {
        ws_ticket::Deps { chat: self.chat("ws-ticket"), connections: self.connections("ws-ticket") }
    }

    /// Returns the `Chat` table for calls that are not compared with a policy. `World::new` uses it to create threads
    /// without threads-create.
    pub(crate) fn unrestricted_chat(&self) -> Chat {
        Chat::new(&self.config, CHAT.into())
    }

    pub(crate) fn chat(&self, function: &'static str) -> Chat {
        Chat::new(&self.config_of(function), CHAT.into())
    }

    fn connections(&self, function: &'static str) -> Connections {
        Connections::new(&self.config_of(function), CONNECTIONS.into())
    }

    fn push_keys(&self, function: &'static str) -> PushKeys {
        PushKeys::new(&self.config_of(function), PUSH_KEYS.into())
    }

    fn notifications(&self) -> Notifications {
        Notifications::new(&self.config, "https://sqs/notifications".into())
    }

    fn push(&self, function: &'static str) -> Push {
        Push::new(&self.config, "http://sockets/live".into(), self.connections(function))
    }

    /// Returns an AWS configuration whose calls must be allowed by the function's policy.
    fn config_of(&self, function: &'static str) -> SdkConfig {
        self.config.clone().into_builder().http_client(SimulatedHttp::of(&self.cloud, Some(function))).build()
    }

    fn presigner(&self) -> Presigner {
        Presigner::new(&self.config, BUCKET)
    }

    fn rate(&self) -> MessageRate {
        MessageRate::new(self.messages_per_minute)
    }

    fn reminders(&self) -> Reminders {
        Reminders::new(&self.config, "https://sqs/reminders".into())
    }
}

fn push_hosts() -> PushHosts {
    PushHosts::parse(&HOSTS.join(",")).unwrap()
}

//! Builds the handler dependencies of all functions on the simulated cloud.

use std::sync::Arc;

use aws_types::SdkConfig;
use files::{Bucket, Decoder, Presigner, Reminders};
use push::{Push, Repairs};
use runtime::Verifier;
use runtime::identity::VerifierConfig;
use store::{Chat, Connections};
use testkit::engine::{CHAT, CONNECTIONS};
use testkit::links;

use crate::cloud::Cloud;

const BUCKET: &str = "bucket";

/// Builds the handler dependencies of new function instances, as each function's `main.rs` does. The caches of new
/// dependencies are empty.
///
/// There is one method for each function, with the function's name. A new function needs a new method here.
pub(crate) struct Parts {
    config: SdkConfig,
}

impl Parts {
    pub(crate) fn new(cloud: &Arc<Cloud>) -> Self {
        Self { config: cloud.sdk_config() }
    }

    pub(crate) fn chat_stream(&self) -> chat_stream::Deps {
        let push = self.push().with_limits(chat_stream::LIMITS);
        let repairs = Repairs::new(&self.config, "https://sqs/repairs".into(), "https://sqs/dead-letters".into());
        chat_stream::Deps { chat: self.chat(), push, repairs, links: links() }
    }

    pub(crate) fn files_create(&self) -> files_create::Deps {
        let (chat, presigner, reminders) = (self.chat(), self.presigner(), self.reminders());
        files_create::Deps { chat, presigner, reminders, max_file_bytes: 1_000_000 }
    }

    pub(crate) fn files_decode(&self) -> files_decode::Deps {
        files_decode::Deps { bucket: Bucket::new(&self.config, BUCKET.into()) }
    }

    pub(crate) fn files_process(&self) -> files_process::Deps {
        let bucket = Bucket::new(&self.config, BUCKET.into());
        let decoder = Decoder::new(&self.config, "files-decode".into());
        let (chat, push, reminders) = (self.chat(), self.push(), self.reminders());
        files_process::Deps { chat, decoder, bucket, push, reminders, links: links() }
    }

    pub(crate) fn files_serve(&self) -> files_serve::Deps {
        files_serve::Deps { chat: self.chat(), presigner: self.presigner(), links: links() }
    }

    pub(crate) fn files_status(&self) -> files_status::Deps {
        files_status::Deps { chat: self.chat(), links: links() }
    }

    pub(crate) fn messages_list(&self) -> messages_list::Deps {
        messages_list::Deps { chat: self.chat(), links: links() }
    }

    pub(crate) fn messages_send(&self) -> messages_send::Deps {
        messages_send::Deps { chat: self.chat(), push: self.push(), links: links() }
    }

    pub(crate) fn threads_create(&self) -> threads_create::Deps {
        threads_create::Deps { chat: self.chat() }
    }

    pub(crate) fn threads_get(&self) -> threads_get::Deps {
        threads_get::Deps { chat: self.chat() }
    }

    pub(crate) fn threads_list(&self) -> threads_list::Deps {
        threads_list::Deps { chat: self.chat(), links: links() }
    }

    /// Builds dependencies that accept tickets but no tokens, because the simulation has no token issuer.
    pub(crate) fn ws_connect(&self) -> ws_connect::Deps {
        let verifier = VerifierConfig {
            issuer: "https://issuer".into(),
            audience: "nobody".into(),
            jwks_url: "https://issuer/keys".into(),
        };
        let verifier = Verifier::new(verifier).unwrap();
        ws_connect::Deps { connections: self.connections(), verifier, allowed_origins: Vec::new() }
    }

    pub(crate) fn ws_disconnect(&self) -> ws_disconnect::Deps {
        ws_disconnect::Deps { connections: self.connections() }
    }

    pub(crate) fn ws_message(&self) -> ws_message::Deps {
        ws_message::Deps { chat: self.chat(), connections: self.connections() }
    }

    pub(crate) fn ws_ticket(&self) -> ws_ticket::Deps {
        ws_ticket::Deps { chat: self.chat(), connections: self.connections() }
    }

    /// Returns the `Chat` table. `World::new` also creates threads in it directly, without threads-create.
    pub(crate) fn chat(&self) -> Chat {
        Chat::new(&self.config, CHAT.into())
    }

    fn connections(&self) -> Connections {
        Connections::new(&self.config, CONNECTIONS.into())
    }

    fn push(&self) -> Push {
        Push::new(&self.config, "http://sockets/live".into(), self.connections())
    }

    fn presigner(&self) -> Presigner {
        Presigner::new(&self.config, BUCKET)
    }

    fn reminders(&self) -> Reminders {
        Reminders::new(&self.config, "https://sqs/reminders".into())
    }
}

//! What functions are made of, on the simulated cloud.

use std::sync::Arc;

use aws_types::SdkConfig;
use chat_stream::Outbox;
use files::{Bucket, Presigner, Reminders};
use files_create::Desk;
use files_process::Process;
use push::{Push, Repairs};
use runtime::Verifier;
use runtime::identity::VerifierConfig;
use store::{Chat, Connections};
use ws_connect::Door;

use crate::cloud::Cloud;
use testkit::engine::{CHAT, CONNECTIONS};

/// Makes instances of functions: each new one remembers nothing.
pub(crate) struct Parts {
    config: SdkConfig,
    pub(crate) connections: Connections,
}

impl Parts {
    pub(crate) fn new(cloud: &Arc<Cloud>) -> Self {
        let config = cloud.sdk_config();
        Self { connections: Connections::new(&config, CONNECTIONS.into()), config }
    }

    pub(crate) fn chat(&self) -> Chat {
        Chat::new(&self.config, CHAT.into())
    }

    pub(crate) fn push(&self) -> Push {
        Push::new(&self.config, "http://sockets/live".into(), self.connections.clone())
    }

    fn bucket(&self) -> Bucket {
        Bucket::new(&self.config, "bucket".into())
    }

    pub(crate) fn presigner(&self) -> Presigner {
        Presigner::new(&self.config, "bucket")
    }

    fn reminders(&self) -> Reminders {
        Reminders::new(&self.config, "https://sqs/reminders".into())
    }

    pub(crate) fn desk(&self) -> Desk {
        Desk { chat: self.chat(), presigner: self.presigner(), reminders: self.reminders(), max_size: 1_000_000 }
    }

    pub(crate) fn process(&self) -> Process {
        let (chat, bucket, push) = (self.chat(), self.bucket(), self.push());
        Process { chat, bucket, push, reminders: self.reminders(), links: testkit::links() }
    }

    pub(crate) fn outbox(&self) -> Outbox {
        let push = self.push().with_limits(chat_stream::LIMITS);
        let repairs = Repairs::new(&self.config, "https://sqs/repairs".into(), "https://sqs/dead-letters".into());
        Outbox { chat: self.chat(), push, repairs, links: testkit::links() }
    }

    /// Only tickets open it: nobody issues tokens.
    pub(crate) fn door(&self) -> Door {
        let verifier = VerifierConfig {
            issuer: "https://issuer".into(),
            audience: "nobody".into(),
            jwks_url: "https://issuer/keys".into(),
        };
        let verifier = Verifier::new(verifier).unwrap();
        Door { connections: self.connections.clone(), verifier, allowed_origins: Vec::new() }
    }
}

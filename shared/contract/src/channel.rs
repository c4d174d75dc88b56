use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{ThreadId, UserId};

/// A destination for events, which its subscribers receive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Events of a thread: `thread:<threadId>`. The thread's members may subscribe.
    Thread(ThreadId),
    /// Events for all connections of a user, which receive them without subscribing: `user:<userId>`. Clients cannot
    /// subscribe to this channel.
    User(UserId),
    /// Events of a user's list of threads: `inbox:<userId>`. Only the user's connections that have subscribed to
    /// [`ChannelName::Inbox`] receive them.
    Inbox(UserId),
}

impl Channel {
    /// Parses `thread:<threadId>`, `user:<userId>` or `inbox:<userId>`. Returns `None` for other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("thread", id) => ThreadId::parse(id).map(Self::Thread),
            ("user", id) => UserId::parse(id).map(Self::User),
            ("inbox", id) => UserId::parse(id).map(Self::Inbox),
            _ => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(id) => write!(f, "thread:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Inbox(id) => write!(f, "inbox:{id}"),
        }
    }
}

impl Serialize for Channel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("the text is not a channel"))
    }
}

/// A channel as clients name it in frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelName {
    /// The channel of a thread: `thread:<threadId>`.
    Thread(ThreadId),
    /// The caller's list of threads: `inbox`.
    Inbox,
}

impl ChannelName {
    /// Parses `thread:<threadId>` or `inbox`. Returns `None` for other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("thread:") {
            Some(id) => ThreadId::parse(id).map(Self::Thread),
            None => (text == "inbox").then_some(Self::Inbox),
        }
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(id) => write!(f, "thread:{id}"),
            Self::Inbox => f.write_str("inbox"),
        }
    }
}

impl Serialize for ChannelName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChannelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("the text is not the name of a channel"))
    }
}

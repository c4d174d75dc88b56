use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use crate::fields::whole;
use crate::{ErrorCode, FileId, FileStatus, Message, ThreadId, UserId, limits};

/// `POST /api/ws-tickets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WsTicket {
    /// Goes into the socket's URL as `?ticket=…`; good for one connection.
    pub ticket: String,
    /// Seconds until it runs out.
    pub expires_in: i64,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// What happens in a thread: `thread:<threadId>`. Its members may subscribe.
    Thread(ThreadId),
    /// What happens to a user's own files: `user:<userId>`. All their connections hear it, unasked, and nobody
    /// can subscribe.
    User(UserId),
}

impl Channel {
    /// The channel that `text` names, if any.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("thread", id) => ThreadId::parse(id).map(Self::Thread),
            ("user", id) => UserId::parse(id).map(Self::User),
            _ => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(id) => write!(f, "thread:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
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
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a channel"))
    }
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "action", rename_all = "lowercase"))]
pub enum Action {
    /// Send me what happens in this thread.
    Subscribe(#[cfg_attr(feature = "schema", schemars(with = "crate::schema::OfChannel"))] ThreadId),
    /// No longer.
    Unsubscribe(#[cfg_attr(feature = "schema", schemars(with = "crate::schema::OfChannel"))] ThreadId),
    /// Are you there?
    Ping,
}

/// What an error event says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FrameError {
    /// Says to a program what is wrong.
    pub code: ErrorCode,
    /// Says to a person what is wrong.
    pub detail: String,
    /// The channel asked for, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

impl FrameError {
    /// An error that is not about a channel.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), channel: None }
    }
}

/// A frame from a client, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What comes back in the answer, if the client gave one: a string of at most [`limits::FRAME_ID_CHARS`] characters
    /// or a whole number of 64 bits.
    pub id: Option<Value>,
    /// What it asks for, or what is wrong with it.
    pub action: Result<Action, FrameError>,
}

impl Frame {
    /// Reads the text of a frame. Whatever is wrong becomes the answer: a client's mistake never costs it the
    /// connection.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.len() > limits::FRAME_BYTES {
            let detail = format!("A frame may have {} bytes.", limits::FRAME_BYTES);
            return Self { id: None, action: Err(FrameError::new(ErrorCode::FrameTooLarge, detail)) };
        }
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            let error = FrameError::new(ErrorCode::MalformedFrame, "A frame has to be one JSON object.");
            return Self { id: None, action: Err(error) };
        };
        let id = match object.get("id") {
            None | Some(Value::Null) => None,
            // A number that does not fit would come back as another one.
            Some(Value::Number(number)) if whole(number).is_some_and(is_64_bits) => Some(Value::Number(number.clone())),
            Some(Value::String(text)) if text.chars().count() <= limits::FRAME_ID_CHARS => {
                Some(Value::String(text.clone()))
            }
            Some(_) => {
                let detail = format!(
                    "`id` has to be a whole number of 64 bits or a string of at most {} characters.",
                    limits::FRAME_ID_CHARS
                );
                return Self { id: None, action: Err(FrameError::new(ErrorCode::InvalidFrame, detail)) };
            }
        };
        let action = match object.get("action").map(Value::as_str) {
            Some(Some("subscribe")) => thread(object.get("channel")).map(Action::Subscribe),
            Some(Some("unsubscribe")) => thread(object.get("channel")).map(Action::Unsubscribe),
            Some(Some("ping")) => Ok(Action::Ping),
            Some(Some(_)) => {
                Err(FrameError::new(ErrorCode::UnknownAction, "`action` is subscribe, unsubscribe or ping."))
            }
            _ => Err(FrameError::new(ErrorCode::InvalidFrame, "`action` has to be a string.")),
        };
        Self { id, action }
    }
}

fn is_64_bits(number: i128) -> bool {
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number)
}

fn thread(value: Option<&Value>) -> Result<ThreadId, FrameError> {
    let Some(text) = value.and_then(Value::as_str) else {
        return Err(FrameError::new(ErrorCode::InvalidFrame, "`channel` has to be a string."));
    };
    let thread = match Channel::parse(text) {
        Some(Channel::Thread(id)) => Some(id),
        Some(Channel::User(_)) | None => None,
    };
    thread.ok_or_else(|| FrameError {
        code: ErrorCode::InvalidFrame,
        detail: "`channel` has to be `thread:` and the id of a thread.".into(),
        // What is echoed is bounded, so that no answer passes the frame limit.
        channel: (text.chars().count() <= 128).then(|| text.to_owned()),
    })
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", content = "data", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A message was committed.
    #[serde(rename = "message:new")]
    MessageNew {
        /// Its thread.
        thread_id: ThreadId,
        /// The message, as REST shows it.
        message: Message,
        /// True where the message did not fit: it comes without its body and attachments, and REST has the whole.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// A file is ready, or never will be.
    #[serde(rename = "file:status")]
    FileStatus {
        /// Which.
        file_id: FileId,
        /// Where it stands.
        status: FileStatus,
        /// Where to fetch its thumbnail, relative to the API's base URL; null when it has none.
        thumb_url: Option<String>,
    },
    /// The answer to `subscribe`.
    Subscribed {
        /// What was subscribed to.
        channel: Channel,
        /// The thread's last `seq`: what is committed after it will be pushed, up to it ask REST with `after`.
        seq: u64,
    },
    /// The answer to `unsubscribe`.
    Unsubscribed {
        /// What was unsubscribed from.
        channel: Channel,
    },
    /// The answer to `ping`.
    Pong,
    /// The answer to anything that could not be done; the connection stays.
    Error(FrameError),
}

/// An event in answer to a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answer {
    /// The answer itself.
    #[serde(flatten)]
    pub event: Event,
    /// The `id` of the frame it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::FrameId"))]
    pub id: Option<Value>,
}

/// The `message:new` frame of a message, never larger than [`limits::FRAME_BYTES`]: a message that does not fit
/// goes without its body and attachments, and with `truncated`.
pub fn message_new_frame(message: Message) -> Result<String, serde_json::Error> {
    let mut event = Event::MessageNew { thread_id: message.thread_id.clone(), message, truncated: false };
    let frame = serde_json::to_string(&event)?;
    if frame.len() <= limits::FRAME_BYTES {
        return Ok(frame);
    }
    if let Event::MessageNew { message, truncated, .. } = &mut event {
        message.body.clear();
        message.attachments.clear();
        *truncated = true;
    }
    serde_json::to_string(&event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Author, MessageId, Timestamp, UserId};

    fn code(text: &str) -> ErrorCode {
        Frame::parse(text).action.unwrap_err().code
    }

    #[test]
    fn actions_are_read_and_unknown_fields_ignored() {
        let frame = Frame::parse(r#"{"action":"subscribe","channel":"thread:thread_1","id":7,"x":1}"#);
        let thread = ThreadId::parse("thread_1").unwrap();
        assert_eq!(frame, Frame { id: Some(json!(7)), action: Ok(Action::Subscribe(thread)) });
        assert_eq!(Frame::parse(r#"{"action":"ping"}"#).action, Ok(Action::Ping));
        assert_eq!(
            Frame::parse(r#"{"action":"ping","id":1.0}"#),
            Frame { id: Some(json!(1.0)), action: Ok(Action::Ping) }
        );
    }

    #[test]
    fn mistakes_are_told_apart() {
        for text in ["", "hello", "[]", "null", "{\"action\":\"ping\"", "\"ping\""] {
            assert_eq!(code(text), ErrorCode::MalformedFrame, "{text}");
        }
        for text in [
            "{}",
            r#"{"action":7}"#,
            r#"{"action":"subscribe"}"#,
            r#"{"action":"subscribe","channel":7}"#,
            r#"{"action":"subscribe","channel":"user:1"}"#,
            r#"{"action":"subscribe","channel":"thread:"}"#,
            r#"{"action":"ping","id":{}}"#,
            r#"{"action":"ping","id":12345678901234567890123}"#,
            r#"{"action":"ping","id":1.5}"#,
        ] {
            assert_eq!(code(text), ErrorCode::InvalidFrame, "{text}");
        }
        assert_eq!(code(r#"{"action":"shout"}"#), ErrorCode::UnknownAction);
        assert_eq!(code(&" ".repeat(limits::FRAME_BYTES + 1)), ErrorCode::FrameTooLarge);
    }

    #[test]
    fn answers_carry_the_id_beside_the_event() {
        let answer = Answer { event: Event::Pong, id: Some(json!("a")) };
        assert_eq!(serde_json::to_value(answer).unwrap(), json!({"event": "pong", "id": "a"}));
        let channel = Channel::parse("thread:thread_1").unwrap();
        let answer = Answer { event: Event::Subscribed { channel, seq: 3 }, id: None };
        let expected = json!({"event": "subscribed", "data": {"channel": "thread:thread_1", "seq": 3}});
        assert_eq!(serde_json::to_value(answer).unwrap(), expected);
    }

    fn message(body: String) -> Message {
        Message {
            id: MessageId::parse("msg_1").unwrap(),
            thread_id: ThreadId::parse("thread_1").unwrap(),
            seq: 1,
            body,
            author: Author { id: UserId::parse("u").unwrap(), name: "U".into() },
            attachments: vec![],
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn message_new_is_the_message_of_rest() {
        let frame = message_new_frame(message("hi".into())).unwrap();
        let expected = json!({"event": "message:new", "data": {"threadId": "thread_1", "message": {
            "id": "msg_1", "threadId": "thread_1", "seq": 1, "body": "hi", "author": {"id": "u", "name": "U"},
            "attachments": [], "createdAt": "1970-01-01T00:00:00.000Z"}}});
        assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), expected);
    }

    #[test]
    fn file_status_is_as_the_contract_shows_it() {
        let file_id = FileId::parse("file_1").unwrap();
        let event = Event::FileStatus { file_id, status: FileStatus::Failed, thumb_url: None };
        let expected =
            json!({"event": "file:status", "data": {"fileId": "file_1", "status": "failed", "thumbUrl": null}});
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }

    #[test]
    fn no_frame_passes_the_limit() {
        let largest = limits::FRAME_BYTES - message_new_frame(message(String::new())).unwrap().len();
        for (body, truncated) in [
            ("a".repeat(largest), false),
            ("a".repeat(largest + 1), true),
            ("🏡".repeat(limits::BODY_CHARS), false),
            ("\u{1}".repeat(limits::BODY_CHARS), true),
        ] {
            let frame = message_new_frame(message(body)).unwrap();
            assert!(frame.len() <= limits::FRAME_BYTES);
            let data = &serde_json::from_str::<Value>(&frame).unwrap()["data"];
            assert_eq!(data.get("truncated").is_some(), truncated);
            assert_eq!(data["message"]["seq"], 1);
        }
        let name = "🏡".repeat(limits::FILE_NAME_CHARS);
        let attachment = crate::Attachment {
            id: FileId::parse("file_1").unwrap(),
            url: "%F0%9F%8F%A1".repeat(limits::FILE_NAME_CHARS),
            name,
            mimetype: "image/jpeg".into(),
            size: 1,
            status: FileStatus::Pending,
            thumb_url: None,
        };
        let attachments = vec![attachment; limits::FILES];
        let frame = message_new_frame(Message { attachments, ..message("short".into()) }).unwrap();
        assert!(frame.len() <= limits::FRAME_BYTES && frame.contains("\"truncated\":true"));
    }
}

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use crate::fields::whole;
use crate::{ErrorCode, FileId, FileStatus, Message, ThreadId, UserId, limits};

/// Response body of `POST /api/ws-tickets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WsTicket {
    /// The ticket. Add it to the socket's URL as `?ticket=…`. It opens one connection.
    pub ticket: String,
    /// Seconds until the ticket expires and can no longer open a connection.
    pub expires_in: i64,
}

/// A destination for events, which its subscribers receive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Events of a thread: `thread:<threadId>`. The thread's members may subscribe.
    Thread(ThreadId),
    /// Events of a user's own files: `user:<userId>`. All connections of the user receive them without subscribing.
    /// Clients cannot subscribe to this channel.
    User(UserId),
}

impl Channel {
    /// Parses `thread:<threadId>` or `user:<userId>`. Returns `None` for other text.
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

/// The action that a client's frame requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "action", rename_all = "lowercase"))]
pub enum Action {
    /// Start to receive the events of this thread.
    Subscribe(#[cfg_attr(feature = "schema", schemars(with = "crate::schema::ChannelField"))] ThreadId),
    /// Stop receiving the events of this thread.
    Unsubscribe(#[cfg_attr(feature = "schema", schemars(with = "crate::schema::ChannelField"))] ThreadId),
    /// Keep the connection open, and check that the server answers.
    Ping,
}

/// Data of an `error` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FrameError {
    /// What is wrong, as a code for programs.
    pub code: ErrorCode,
    /// What is wrong and what to do, as a text for developers.
    pub detail: String,
    /// The channel of the client's frame, unchanged. Missing if the error is not about a channel, or if the channel has
    /// more than 128 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

impl FrameError {
    /// Creates an error that is not about a channel.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), channel: None }
    }
}

/// A frame from a client, as far as it could be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// ID that the client chose for the frame; the answer repeats it. The ID is a string of at most
    /// [`limits::FRAME_ID_CHARS`] characters or a 64-bit integer; `None` if the frame has no valid ID.
    pub id: Option<Value>,
    /// The action that the frame requests, or the error to answer it with.
    pub action: Result<Action, FrameError>,
}

impl Frame {
    /// Parses the text of a frame. Does not fail: the error of an invalid frame is in `action` and becomes the answer,
    /// and the connection stays open.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.len() > limits::FRAME_BYTES {
            let detail = format!("The frame is larger than {} bytes. Send a smaller one.", limits::FRAME_BYTES);
            return Self { id: None, action: Err(FrameError::new(ErrorCode::FrameTooLarge, detail)) };
        }
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            let error = FrameError::new(
                ErrorCode::MalformedFrame,
                "The frame is not a JSON object. Send one JSON object per frame.",
            );
            return Self { id: None, action: Err(error) };
        };
        let id = match object.get("id") {
            None | Some(Value::Null) => None,
            // serde_json reads a number beyond 64 bits as a float, which loses digits. The answer would have another
            // ID.
            Some(Value::Number(number)) if whole(number).is_some_and(is_64_bits) => Some(Value::Number(number.clone())),
            Some(Value::String(text)) if text.chars().count() <= limits::FRAME_ID_CHARS => {
                Some(Value::String(text.clone()))
            }
            Some(_) => {
                let detail = format!(
                    "`id` must be a 64-bit integer or a string of at most {} characters.",
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
                Err(FrameError::new(ErrorCode::UnknownAction, "`action` must be subscribe, unsubscribe or ping."))
            }
            _ => Err(FrameError::new(ErrorCode::InvalidFrame, "`action` must be a string.")),
        };
        Self { id, action }
    }
}

fn is_64_bits(number: i128) -> bool {
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number)
}

fn thread(value: Option<&Value>) -> Result<ThreadId, FrameError> {
    let Some(text) = value.and_then(Value::as_str) else {
        return Err(FrameError::new(ErrorCode::InvalidFrame, "`channel` must be a string."));
    };
    let thread = match Channel::parse(text) {
        Some(Channel::Thread(id)) => Some(id),
        Some(Channel::User(_)) | None => None,
    };
    thread.ok_or_else(|| FrameError {
        code: ErrorCode::InvalidFrame,
        detail: "`channel` must be `thread:` and the ID of a thread.".into(),
        // Repeats the channel only if it is short, so that the answer does not exceed the maximum size of a frame.
        channel: (text.chars().count() <= 128).then(|| text.to_owned()),
    })
}

/// An event: what the server sends on a socket.
// This is the only definition of the events. `make docs` generates the schemas of docs/asyncapi.yaml and the client
// library's events.ts from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", content = "data", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A message was committed in a thread.
    #[serde(rename = "message:new")]
    MessageNew {
        /// ID of the message's thread.
        thread_id: ThreadId,
        /// The message, the same object as in REST responses.
        message: Message,
        /// True if the message is too large for a frame. Then `message` has an empty body and no attachments, and the
        /// client fetches the complete message over REST. Missing otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// A file has become ready or failed.
    #[serde(rename = "file:status")]
    FileStatus {
        /// ID of the file.
        file_id: FileId,
        /// The file's new state.
        status: FileStatus,
        /// Link to the file's thumbnail, relative to the API's base URL; null if the file has no thumbnail.
        thumb_url: Option<String>,
    },
    /// Answer to `subscribe`.
    Subscribed {
        /// The channel that the connection is now subscribed to.
        channel: Channel,
        /// The thread's last `seq` at the time of the subscription. The server pushes every later message. The client
        /// fetches missing messages up to this `seq` over REST, with the query parameter `after`.
        seq: u64,
    },
    /// Answer to `unsubscribe`.
    Unsubscribed {
        /// The channel that the connection is no longer subscribed to.
        channel: Channel,
    },
    /// Answer to `ping`.
    Pong,
    /// Answer to a frame that the server could not process; the connection stays open. With `too_many_connections`, it
    /// answers no frame, and the server closes the connection.
    Error(FrameError),
}

/// An event that answers a client's frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answer {
    /// The event that answers the frame, such as `pong`.
    #[serde(flatten)]
    pub event: Event,
    /// The `id` of the client's frame. Missing if the frame had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::FrameId"))]
    pub id: Option<Value>,
}

/// Returns the `message:new` frame of a message. It never exceeds [`limits::FRAME_BYTES`]: a message that is too large
/// is sent with an empty body, without attachments and with `truncated: true`.
pub fn message_new_frame(message: Message) -> Result<String, serde_json::Error> {
    let mut event = Event::MessageNew { thread_id: message.thread_id.clone(), message, truncated: false };
    let frame = serde_json::to_string(&event)?;
    if frame.len() <= limits::FRAME_BYTES {
        return Ok(frame);
    }
    if let Event::MessageNew { message, truncated, thread_id: _ } = &mut event {
        // The pattern names every field, so that the code does not compile after a field is added until this function
        // keeps or removes it.
        let Message { body, attachments, id: _, thread_id: _, seq: _, author: _, created_at: _ } = message;
        body.clear();
        attachments.clear();
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
    fn invalid_frames_have_different_codes() {
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
    fn answer_has_the_event_and_the_id_of_the_frame() {
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
    fn message_new_contains_the_rest_message() {
        let frame = message_new_frame(message("hi".into())).unwrap();
        let expected = json!({"event": "message:new", "data": {"threadId": "thread_1", "message": {
            "id": "msg_1", "threadId": "thread_1", "seq": 1, "body": "hi", "author": {"id": "u", "name": "U"},
            "attachments": [], "createdAt": "1970-01-01T00:00:00.000Z"}}});
        assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), expected);
    }

    #[test]
    fn file_status_without_thumbnail_has_null() {
        let file_id = FileId::parse("file_1").unwrap();
        let event = Event::FileStatus { file_id, status: FileStatus::Failed, thumb_url: None };
        let expected =
            json!({"event": "file:status", "data": {"fileId": "file_1", "status": "failed", "thumbUrl": null}});
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }

    #[cfg(any(feature = "schema", feature = "simulation"))]
    #[test]
    fn tests_can_deserialize_every_event() {
        let channel = Channel::parse("thread:thread_1").unwrap();
        let events = [
            Event::MessageNew { thread_id: ThreadId::new(), message: message("hi".into()), truncated: false },
            Event::MessageNew { thread_id: ThreadId::new(), message: message(String::new()), truncated: true },
            Event::FileStatus {
                file_id: FileId::new(),
                status: FileStatus::Ready,
                thumb_url: Some("/thumbs/1".into()),
            },
            Event::Subscribed { channel: channel.clone(), seq: 3 },
            Event::Unsubscribed { channel },
            Event::Pong,
            Event::Error(FrameError::new(ErrorCode::UnknownAction, "…")),
        ];
        for event in events {
            for id in [None, Some(json!(1))] {
                let answer = Answer { event: event.clone(), id };
                let text = serde_json::to_string(&answer).unwrap();
                assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer, "{text}");
                assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
            }
        }
    }

    #[test]
    fn too_large_message_is_truncated_to_the_frame_limit() {
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

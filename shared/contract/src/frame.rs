#[cfg(any(feature = "schema", feature = "simulation"))]
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::fields::whole;
use crate::{ChannelName, ErrorCode, ThreadId, limits};

/// The action that a client's frame requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "action", rename_all = "lowercase"))]
pub enum Action {
    /// Start to receive the events of this channel.
    Subscribe(#[cfg_attr(feature = "schema", schemars(with = "crate::schema::ChannelField"))] ChannelName),
    /// Stop receiving the events of this channel.
    Unsubscribe(#[cfg_attr(feature = "schema", schemars(with = "crate::schema::ChannelField"))] ChannelName),
    /// Tell the other subscribers of this thread that the user is typing. The server answers only a `typing` frame with
    /// an `id`. It drops a `typing` frame that follows another one of the same connection within
    /// [`limits::TYPING_SECONDS`] seconds.
    Typing(#[cfg_attr(feature = "schema", schemars(with = "crate::schema::ThreadChannelField"))] ThreadId),
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

    /// Creates the error of a frame whose action the server does not know.
    #[must_use]
    pub fn unknown_action() -> Self {
        Self::new(ErrorCode::UnknownAction, "`action` must be subscribe, unsubscribe, typing or ping.")
    }
}

/// A frame from a client, either valid or with the error that makes it invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// ID that the client chose for the frame; the answer repeats it. The ID is a string of at most
    /// [`limits::FRAME_ID_CHARS`] characters or a 64-bit integer; `None` if the frame has no valid ID.
    pub id: Option<Value>,
    /// The action that the frame requests, or the error to answer it with.
    pub action: Result<Action, FrameError>,
    /// Whether the client gets an answer. False only for a `typing` frame without an `id`, also if its channel is not
    /// valid.
    pub answered: bool,
}

impl Frame {
    /// Parses the text of a frame. Does not fail: the error of an invalid frame is in `action` and becomes the answer,
    /// and the connection stays open.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.len() > limits::FRAME_BYTES {
            let detail = format!("The frame is larger than {} bytes. Send a smaller one.", limits::FRAME_BYTES);
            return Self::invalid(FrameError::new(ErrorCode::FrameTooLarge, detail));
        }
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            let detail = "The frame is not a JSON object. Send one JSON object per frame.";
            return Self::invalid(FrameError::new(ErrorCode::MalformedFrame, detail));
        };
        let id = match object.get("id") {
            None | Some(Value::Null) => None,
            // serde_json reads a number beyond 64 bits as a float, which loses digits, so the answer would have another
            // ID. Such a frame is invalid.
            Some(Value::Number(number)) if whole(number).is_some_and(is_64_bits) => Some(Value::Number(number.clone())),
            Some(Value::String(text)) if text.chars().count() <= limits::FRAME_ID_CHARS => {
                Some(Value::String(text.clone()))
            }
            Some(_) => {
                let detail = format!(
                    "`id` must be a 64-bit integer or a string of at most {} characters.",
                    limits::FRAME_ID_CHARS
                );
                return Self::invalid(FrameError::new(ErrorCode::InvalidFrame, detail));
            }
        };
        let name = object.get("action").map(Value::as_str);
        let action = match name {
            Some(Some("subscribe")) => channel(object.get("channel")).map(Action::Subscribe),
            Some(Some("unsubscribe")) => channel(object.get("channel")).map(Action::Unsubscribe),
            Some(Some("typing")) => thread(object.get("channel")).map(Action::Typing),
            Some(Some("ping")) => Ok(Action::Ping),
            Some(Some(_)) => Err(FrameError::unknown_action()),
            _ => Err(FrameError::new(ErrorCode::InvalidFrame, "`action` must be a string.")),
        };
        let answered = id.is_some() || name != Some(Some("typing"));
        Self { id, action, answered }
    }

    /// Creates a frame without an ID that is answered with `error`.
    #[must_use]
    pub fn invalid(error: FrameError) -> Self {
        Self { id: None, action: Err(error), answered: true }
    }
}

fn is_64_bits(number: i128) -> bool {
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number)
}

fn channel(value: Option<&Value>) -> Result<ChannelName, FrameError> {
    named(value, ChannelName::parse, "`channel` must be `inbox`, or `thread:` and the ID of a thread.")
}

fn thread(value: Option<&Value>) -> Result<ThreadId, FrameError> {
    let parse = |text: &str| match ChannelName::parse(text)? {
        ChannelName::Thread(id) => Some(id),
        ChannelName::Inbox => None,
    };
    named(value, parse, "`channel` must be `thread:` and the ID of a thread.")
}

/// Parses the `channel` of a frame with `parse`. If `parse` returns `None`, fails with `detail`.
fn named<T>(value: Option<&Value>, parse: impl Fn(&str) -> Option<T>, detail: &str) -> Result<T, FrameError> {
    let Some(text) = value.and_then(Value::as_str) else {
        return Err(FrameError::new(ErrorCode::InvalidFrame, "`channel` must be a string."));
    };
    parse(text).ok_or_else(|| FrameError {
        code: ErrorCode::InvalidFrame,
        detail: detail.into(),
        // Repeats the channel only if it is short, so that the answer does not exceed the maximum size of a frame.
        channel: (text.chars().count() <= 128).then(|| text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(text: &str) -> ErrorCode {
        Frame::parse(text).action.unwrap_err().code
    }

    #[test]
    fn actions_are_read_and_unknown_fields_ignored() {
        let frame = Frame::parse(r#"{"action":"subscribe","channel":"thread:thread_1","id":7,"x":1}"#);
        let thread = ThreadId::parse("thread_1").unwrap();
        let action = Ok(Action::Subscribe(ChannelName::Thread(thread)));
        assert_eq!(frame, Frame { id: Some(json!(7)), action, answered: true });
        assert_eq!(Frame::parse(r#"{"action":"ping"}"#).action, Ok(Action::Ping));
        assert_eq!(
            Frame::parse(r#"{"action":"ping","id":1.0}"#),
            Frame { id: Some(json!(1.0)), action: Ok(Action::Ping), answered: true }
        );
    }

    #[test]
    fn only_typing_without_id_is_not_answered() {
        for (frame, answered) in [
            (r#"{"action":"typing","channel":"thread:thread_1"}"#, false),
            (r#"{"action":"typing","channel":"inbox","id":null}"#, false),
            (r#"{"action":"typing"}"#, false),
            (r#"{"action":"typing","channel":"thread:thread_1","id":0}"#, true),
            (r#"{"action":"typing","channel":"inbox","id":""}"#, true),
            (r#"{"action":"typing","id":{}}"#, true),
            (r#"{"action":["typing"]}"#, true),
            (r#"{"action":"ping"}"#, true),
            ("typing", true),
        ] {
            assert_eq!(Frame::parse(frame).answered, answered, "{frame}");
        }
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
            r#"{"action":"subscribe","channel":"inbox:1"}"#,
            r#"{"action":"typing","channel":"inbox"}"#,
            r#"{"action":"typing"}"#,
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
}

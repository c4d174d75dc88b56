//! JSON Schemas that cannot be derived from a type of this crate.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::problem::ProblemDocument;
use crate::{ChannelName, Problem, limits};

impl JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        ProblemDocument::json_schema(generator)
    }
}

impl JsonSchema for ChannelName {
    fn schema_name() -> Cow<'static, str> {
        "Channel".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The channel of a thread, `thread:` and the thread's ID, or `inbox`. Only the thread's members \
                may subscribe to a thread.",
            "type": "string",
            "pattern": "^(thread:thread_[A-Za-z0-9_-]{1,64}|inbox)$"
        })
    }
}

/// The channel of a thread, as a client's frame names it.
struct ThreadChannel;

impl JsonSchema for ThreadChannel {
    fn schema_name() -> Cow<'static, str> {
        "ThreadChannel".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The channel of a thread: `thread:` and the thread's ID.",
            "type": "string",
            "pattern": "^thread:thread_[A-Za-z0-9_-]{1,64}$"
        })
    }
}

/// A time in RFC 3339 with any offset and any number of decimals.
pub(crate) struct AnyTime;

impl JsonSchema for AnyTime {
    fn schema_name() -> Cow<'static, str> {
        "AnyTime".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The fields of a `subscribe` or `unsubscribe` frame, except `action` and `id`.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(crate) struct ChannelField {
    /// The channel.
    #[expect(dead_code, reason = "used only for its schema")]
    channel: ChannelName,
}

/// The fields of a `typing` frame, except `action` and `id`.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(crate) struct ThreadChannelField {
    /// The thread's channel, which the connection is subscribed to.
    #[expect(dead_code, reason = "used only for its schema")]
    channel: ThreadChannel,
}

/// The `id` of a client's frame, which the answer to the frame repeats.
pub(crate) struct FrameId;

impl JsonSchema for FrameId {
    fn schema_name() -> Cow<'static, str> {
        "FrameId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "ID that the client chose for its frame; the answer repeats it. A string of at most \
                [`limits::FRAME_ID_CHARS`] characters, or a 64-bit integer.",
            "type": ["string", "integer"],
            "maxLength": limits::FRAME_ID_CHARS,
            "minimum": i64::MIN,
            "maximum": u64::MAX
        })
    }
}

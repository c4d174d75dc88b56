//! Schemas of what is on the wire and is no type of its own here.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::problem::ProblemDocument;
use crate::{Channel, Problem, limits};

impl JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        ProblemDocument::json_schema(generator)
    }
}

impl JsonSchema for Channel {
    fn schema_name() -> Cow<'static, str> {
        "Channel".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What happens in a thread: `thread:` and the thread's id. Its members may subscribe.",
            "type": "string",
            "pattern": "^thread:thread_[A-Za-z0-9_-]{1,64}$"
        })
    }
}

/// What a frame says beside its action.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(crate) struct OfChannel {
    /// `thread:` and the thread's id.
    #[expect(dead_code, reason = "only its schema counts")]
    channel: Channel,
}

/// Chosen by the client.
pub(crate) struct FrameId;

impl JsonSchema for FrameId {
    fn schema_name() -> Cow<'static, str> {
        "FrameId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a client gives its frame and finds in the answer: a string of at most \
                [`limits::FRAME_ID_CHARS`] characters, or a whole number of 64 bits.",
            "type": ["string", "integer"],
            "maxLength": limits::FRAME_ID_CHARS,
            "minimum": i64::MIN,
            "maximum": u64::MAX
        })
    }
}

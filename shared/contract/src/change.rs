use serde::{Deserialize, Serialize};

use crate::{Author, ErrorCode, FieldError, Message, Problem, UserId, fields::Fields, limits};

/// Request body of `PATCH /api/threads/{threadId}/messages/{seq}`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EditMessage {
    /// The message's new text, at most [`limits::BODY_CHARS`] characters. It must have a visible character, unless the
    /// message has files.
    #[cfg_attr(feature = "schema", schemars(length(max = limits::BODY_CHARS)))]
    pub body: String,
}

impl EditMessage {
    /// Parses a request body. Fails with a problem that names the invalid field. Accepts a text without a visible
    /// character, because the request does not say whether the message has files.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let body = fields.required_string("body", limits::BODY_CHARS).unwrap_or_default();
        fields.finish(Self { body })
    }

    /// Creates the problem for an edit whose text has no visible character, although the message has no files.
    #[must_use]
    pub fn invisible() -> Problem {
        let message = "must have a visible character, because the message has no files; delete the message instead";
        Problem::fields(ErrorCode::InvalidRequest, vec![FieldError { field: "body".into(), message: message.into() }])
    }
}

/// Request body of `PUT /api/threads/{threadId}/messages/{seq}/reaction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct React {
    /// The reaction: one emoji.
    #[cfg_attr(feature = "schema", schemars(with = "String", length(min = 1, max = limits::EMOJI_CHARS)))]
    pub emoji: Emoji,
}

impl React {
    /// Parses a request body. Fails with a problem that names the invalid field.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let emoji = fields.required_string("emoji", limits::EMOJI_CHARS);
        match emoji.as_deref().map(Emoji::parse) {
            Some(Some(emoji)) => fields.finish(Self { emoji }),
            Some(None) => {
                fields.refuse("emoji", "must be exactly one emoji");
                Err(fields.into_problem())
            }
            None => Err(fields.into_problem()),
        }
    }
}

/// One emoji, in the fully-qualified form of Unicode Technical Standard 51. It is one extended grapheme cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emoji(&'static str);

impl Emoji {
    /// Parses a text that is exactly one emoji. Also accepts forms without the variation selectors that the emoji has in
    /// its fully-qualified form. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        emojis::get(text).map(|emoji| Self(emoji.as_str()))
    }

    /// Returns the emoji as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// The members who react to a message with the same emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// IDs of the members, sorted.
    pub user_ids: Vec<UserId>,
}

/// The quoted part of a message, as replies to the message show it. It includes later edits and the deletion of the
/// message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quote {
    /// The message's number in the thread.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub seq: u64,
    /// The user who wrote the message.
    pub author: Author,
    /// The first [`limits::QUOTE_CHARS`] characters of the message's text; empty if the message has only files or was
    /// deleted.
    #[cfg_attr(feature = "schema", schemars(length(max = limits::QUOTE_CHARS)))]
    pub excerpt: String,
    /// Whether the author deleted the message.
    pub deleted: bool,
}

/// Response body of `GET /api/threads/{threadId}/changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Changes {
    /// The client is more than [`limits::CHANGES`] revisions behind, or asked for changes after a revision that does
    /// not exist. The client must reload the messages that it holds.
    Reset {
        /// Always true.
        reset: bool,
        /// The thread's last revision.
        rev: u64,
    },
    /// A page of changed messages.
    Page {
        /// The messages that the revisions of this page changed, each once and in its current state. They are in the
        /// order of the first of these revisions that changed them.
        messages: Vec<Message>,
        /// The last revision that the page covers. The `rev` of a message on the page is larger if the message was
        /// changed again after this revision.
        rev: u64,
        /// Cursor that requests the next page; null on the last page.
        next_cursor: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_of_an_edit_is_required_and_limited() {
        let parse = |body: &serde_json::Value| EditMessage::parse(body.to_string().as_bytes());
        // A text without a visible character is accepted: it is valid if the message has files, which the body does not
        // say.
        for body in ["", " ", "text", &"🏡".repeat(limits::BODY_CHARS)] {
            assert_eq!(parse(&json!({"body": body})).unwrap().body, body);
        }
        for wrong in [json!({}), json!({"body": null}), json!({"body": 7}), json!({"body": "a".repeat(8_001)})] {
            assert_eq!(parse(&wrong).unwrap_err().errors[0].field, "body", "{wrong}");
        }
    }

    #[test]
    fn reaction_is_exactly_one_emoji() {
        let parse = |emoji: &str| React::parse(json!({"emoji": emoji}).to_string().as_bytes());
        for (sent, stored) in [
            ("👍", "👍"),
            ("❤️", "❤️"),
            ("\u{2764}", "\u{2764}\u{fe0f}"),
            ("👨‍👩‍👧", "👨‍👩‍👧"),
            ("👍🏽", "👍🏽"),
            ("🇩🇪", "🇩🇪"),
            ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
            (
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            ),
        ] {
            assert_eq!(parse(sent).unwrap().emoji.as_str(), stored, "{sent:?}");
        }
        let long = "👍".repeat(25);
        for wrong in [
            "",
            " ",
            "a",
            "ok",
            "1",
            "👍👍",
            "👍 ",
            "👍a",
            "\u{fe0f}",
            "\u{200d}",
            "🇩",
            "❤\u{fe0e}",
            "👍\u{200d}",
            &long,
        ] {
            let problem = parse(wrong).unwrap_err();
            assert_eq!((problem.code, problem.errors.len()), (ErrorCode::InvalidRequest, 1), "{wrong:?}");
            assert_eq!(problem.errors[0].field, "emoji");
        }
        for wrong in ["{}", r#"{"emoji":null}"#, r#"{"emoji":["👍"]}"#] {
            assert_eq!(React::parse(wrong.as_bytes()).unwrap_err().errors[0].field, "emoji", "{wrong}");
        }
    }

    #[test]
    fn every_known_emoji_is_within_the_limit() {
        let longest = emojis::iter().flat_map(|emoji| emoji.skin_tones().into_iter().flatten().chain([emoji]));
        let longest = longest.map(|emoji| emoji.as_str().chars().count()).max();
        assert!(longest.is_some_and(|chars| chars <= limits::EMOJI_CHARS), "{longest:?}");
    }

    #[test]
    fn reset_and_page_have_different_shapes() {
        let reset = Changes::Reset { reset: true, rev: 3 };
        assert_eq!(serde_json::to_value(reset).unwrap(), json!({"reset": true, "rev": 3}));
        let page = Changes::Page { messages: Vec::new(), rev: 3, next_cursor: None };
        assert_eq!(serde_json::to_value(page).unwrap(), json!({"messages": [], "rev": 3, "nextCursor": null}));
    }
}

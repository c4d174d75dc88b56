use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{
    ErrorCode, FieldError, MessagePreview, OwnState, Problem, ReadMark, ThreadId, Timestamp, UserId, changes_layout,
    fields::Fields, is_visible, limits,
};

/// Request body of `POST /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "camelCase"))]
pub struct CreateThread {
    /// IDs of the members in the order of the request. An ID may occur twice, and the caller's may be missing;
    /// [`members`](Self::members) returns the thread's members.
    // The schema has no `maxItems`: a request may name a member twice, and the limit counts each member once.
    #[cfg_attr(
        feature = "schema",
        schemars(
            description = "IDs of the thread's members. The caller is always a member, whether named or not. Order \
                and duplicates do not matter. At most [`limits::MEMBERS`] different members, the caller included. Members \
                of a new thread must be known: each has called an `/api` route of this deployment at least once.",
            extend("x-max-members" = limits::MEMBERS)
        )
    )]
    pub member_ids: Vec<UserId>,
    /// The thread's title, at most [`limits::TITLE_CHARS`] characters. Unless it is empty, it has a visible character. It
    /// has no control characters, no line separators, and no bidirectional embeddings, overrides or isolates.
    #[cfg_attr(
        feature = "schema",
        schemars(length(max = limits::TITLE_CHARS), extend("pattern" = crate::text::pattern::title()))
    )]
    pub title: Option<String>,
}

impl CreateThread {
    /// Parses a request body. Fails with a problem that names every invalid field. `caller` counts as a member.
    pub fn parse(body: &[u8], caller: &UserId) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let what = format!("a user ID of 1 to {} bytes without control characters", limits::USER_ID_BYTES);
        let named = fields.list("memberIds", UserId::parse, &what);
        if named.is_none() && !fields.refused("memberIds") {
            fields.refuse("memberIds", "is required");
        }
        let mut title = fields.string("title", limits::TITLE_CHARS);
        if let Some(message) = title.as_deref().and_then(title_error) {
            fields.refuse("title", message);
            title = None;
        }
        let request = Self { member_ids: named.unwrap_or_default(), title };
        if request.members(caller).len() > limits::MEMBERS {
            let message = format!("must have at most {} different members, you included", limits::MEMBERS);
            fields.refuse("memberIds", message);
        }
        fields.finish(request)
    }

    /// Returns the thread's members: the users in the request, in its order and without duplicates, and `caller`.
    #[must_use]
    pub fn members(&self, caller: &UserId) -> Vec<UserId> {
        let mut seen = HashSet::new();
        self.member_ids.iter().chain([caller]).filter(|member| seen.insert(*member)).cloned().collect()
    }

    /// Creates the problem for members that have never called this deployment. It names each place in the request where
    /// one of `unknown` occurs, at most [`limits::ERRORS`] places.
    #[must_use]
    pub fn unknown_members(&self, unknown: &[UserId]) -> Problem {
        let unknown: HashSet<_> = unknown.iter().collect();
        let places = self.member_ids.iter().enumerate().filter(|(_, member)| unknown.contains(member));
        let errors = places.take(limits::ERRORS).map(|(index, _)| FieldError {
            field: format!("memberIds[{index}]"),
            message: "is not a known user; they must sign in to this deployment once before you can add them".into(),
        });
        Problem::fields(ErrorCode::UnknownMember, errors.collect())
    }
}

/// Returns what is wrong with a title, or `None` if it is valid.
fn title_error(title: &str) -> Option<&'static str> {
    if title.contains(changes_layout) {
        Some("must not have control characters, line separators, or bidirectional embeddings, overrides or isolates")
    } else if !title.is_empty() && !is_visible(title) {
        Some("must have a visible character; leave the title out to create a thread without a title")
    } else {
        None
    }
}

/// A thread. Response body of `POST /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// ID of the thread.
    pub id: ThreadId,
    /// The title that the thread's creator chose; null if the thread has none.
    pub title: Option<String>,
    /// IDs of the thread's members. They never change.
    pub member_ids: Vec<UserId>,
    /// When the thread was created.
    pub created_at: Timestamp,
    /// When the newest message was committed, or when the thread was created if it has no messages. It is usually
    /// updated within a second of a new message.
    pub updated_at: Timestamp,
}

/// Response body of `GET /api/threads/{threadId}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadDetails {
    /// The thread.
    #[serde(flatten)]
    pub thread: Thread,
    /// The members' names, in the order of `memberIds`. For a member whose name is not known, the member's ID.
    pub member_names: Vec<String>,
    /// `seq` of the thread's newest message; 0 if the thread has no messages. It is usually updated within a second of a
    /// new message.
    pub last_seq: u64,
    /// The caller's own read mark and settings.
    #[serde(flatten)]
    pub own: OwnState,
    /// The read marks of the members who share read receipts, in the order of `memberIds`.
    pub reads: Vec<ReadMark>,
}

/// A thread as all its members see it in the list of threads. Data of `thread:new` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadOverview {
    /// The thread.
    #[serde(flatten)]
    pub thread: Thread,
    /// The members' names, in the order of `memberIds`. For a member whose name is not known, the member's ID.
    pub member_names: Vec<String>,
    /// `seq` of the thread's newest message; 0 if the thread has no messages. A new message usually appears here within a
    /// second.
    pub last_seq: u64,
    /// Preview of the thread's newest message; null if the thread has no messages.
    pub last_message: Option<MessagePreview>,
}

/// One thread in the list of `GET /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadSummary {
    /// The thread as all its members see it.
    #[serde(flatten)]
    pub overview: ThreadOverview,
    /// The caller's own read mark and settings.
    #[serde(flatten)]
    pub own: OwnState,
    /// Number of messages after the caller's read mark: `lastSeq` − `readSeq`, at least 0.
    pub unread_count: u64,
}

impl ThreadSummary {
    /// Combines a thread as all its members see it with the caller's own read mark and settings.
    #[must_use]
    pub fn new(overview: ThreadOverview, own: OwnState) -> Self {
        let unread_count = overview.last_seq.saturating_sub(own.read_seq);
        Self { overview, own, unread_count }
    }
}

/// The fields of a thread that change if a message is sent, or if the last message is edited or deleted. Data of
/// `thread:updated` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadUpdate {
    /// ID of the thread.
    pub id: ThreadId,
    /// `seq` of the thread's newest message.
    pub last_seq: u64,
    /// When the newest message was committed.
    pub updated_at: Timestamp,
    /// Preview of the newest message; null if the thread has no messages.
    pub last_message: Option<MessagePreview>,
}

/// Response body of `GET /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadPage {
    /// At most `limit` threads, most recently active first.
    pub threads: Vec<ThreadSummary>,
    /// Cursor that requests the next page; null on the last page.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    #[test]
    fn caller_is_a_member_once_whether_named_or_not() {
        for body in [r#"{"memberIds":["a","b","a"]}"#, r#"{"memberIds":["a","b"],"title":null,"extra":1}"#] {
            let parsed = CreateThread::parse(body.as_bytes(), &user("b")).unwrap();
            assert_eq!(parsed.members(&user("b")), [user("a"), user("b")]);
            assert_eq!(parsed.title, None);
        }
        let alone = CreateThread::parse(br#"{"memberIds":[]}"#, &user("a")).unwrap();
        assert_eq!(alone.members(&user("a")), [user("a")]);
    }

    #[test]
    fn titles_must_be_visible_and_must_not_change_the_layout() {
        let parse = |title: &str| {
            let body = serde_json::json!({"memberIds": [], "title": title}).to_string();
            CreateThread::parse(body.as_bytes(), &user("a"))
        };
        for good in ["", "Family 👨‍👩‍👧", "שלום\u{200f}!", "می‌خواهم", " a "] {
            assert_eq!(parse(good).unwrap().title.as_deref(), Some(good));
        }
        for bad in [
            " ",
            "\u{3000}",
            "\u{200b}",
            "\u{2800}\u{e0041}",
            "a\nb",
            "a\u{0}",
            "\u{202e}moM",
            "\u{2067}a\u{2069}",
            "a\u{2028}",
        ] {
            let problem = parse(bad).unwrap_err();
            assert_eq!((problem.code, problem.errors.len()), (ErrorCode::InvalidRequest, 1), "{bad:?}");
            assert_eq!(problem.errors[0].field, "title");
        }
    }

    #[test]
    fn problem_names_every_place_of_an_unknown_member() {
        let request = CreateThread { member_ids: ["x", "a", "y", "x"].map(user).into(), title: None };
        let problem = request.unknown_members(&[user("x"), user("y")]);
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["memberIds[0]", "memberIds[2]", "memberIds[3]"]);
        assert_eq!((problem.code, problem.code.status()), (ErrorCode::UnknownMember, 422));
        let many = CreateThread { member_ids: vec![user("x"); 1_000], title: None };
        assert_eq!(many.unknown_members(&[user("x")]).errors.len(), limits::ERRORS);
    }

    #[test]
    fn error_names_every_invalid_field() {
        let body = serde_json::json!({"memberIds": ["a", 7, ""], "title": "x".repeat(101)}).to_string();
        let problem = CreateThread::parse(body.as_bytes(), &user("a")).unwrap_err();
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["memberIds[1]", "memberIds[2]", "title"]);
        assert_eq!(problem.code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn number_of_reported_errors_is_limited() {
        let body = serde_json::json!({"memberIds": vec![7; 100_000]}).to_string();
        assert_eq!(CreateThread::parse(body.as_bytes(), &user("a")).unwrap_err().errors.len(), 100);
        let body = serde_json::json!({"memberIds": vec![7; 200_000]}).to_string();
        assert_eq!(CreateThread::parse(body.as_bytes(), &user("a")).unwrap_err().code, ErrorCode::BodyTooLarge);
    }

    #[test]
    fn member_limit_includes_the_caller_and_title_limit_counts_characters() {
        let ids = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        let body = |count| serde_json::json!({"memberIds": ids(count), "title": "ä".repeat(100)}).to_string();
        assert!(CreateThread::parse(body(89).as_bytes(), &user("me")).is_ok());
        let problem = CreateThread::parse(body(90).as_bytes(), &user("me")).unwrap_err();
        assert_eq!(problem.errors[0].field, "memberIds");
    }

    #[test]
    fn malformed_json_and_wrong_types_have_different_codes() {
        let code = |body: &[u8]| CreateThread::parse(body, &user("a")).unwrap_err().code;
        for body in [&b""[..], b"{", b"{\"memberIds\":[]} x", b"\xff\xfe", b"{\"title\":\"\\ud800\"}"] {
            assert_eq!(code(body), ErrorCode::MalformedJson);
        }
        for body in [&b"[]"[..], b"null", b"7", b"{}", b"{\"memberIds\":null}", b"{\"memberIds\":{}}"] {
            assert_eq!(code(body), ErrorCode::InvalidRequest);
        }
    }
}

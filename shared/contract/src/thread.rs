use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Message, Problem, ThreadId, Timestamp, UserId, fields::Fields, limits};

/// `POST /api/threads`: create, or find, the thread of exactly these members.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "camelCase"))]
pub struct CreateThread {
    /// Who belongs to it, the caller included, each once, in the order given: 1 to [`limits::MEMBERS`].
    // No `maxItems`: an id may come twice, and only each once counts.
    #[cfg_attr(
        feature = "schema",
        schemars(
            description = "Who belongs to it: at most [`limits::MEMBERS`], the caller included, each counted once."
        )
    )]
    pub member_ids: Vec<UserId>,
    /// At most [`limits::TITLE_CHARS`] characters.
    #[cfg_attr(feature = "schema", schemars(length(max = limits::TITLE_CHARS)))]
    pub title: Option<String>,
}

impl CreateThread {
    /// Reads the body that `caller` sent.
    pub fn parse(body: &[u8], caller: &UserId) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let what = format!("a user id of 1 to {} bytes without control characters", limits::USER_ID_BYTES);
        let named = fields.list("memberIds", UserId::parse, &what);
        if named.is_none() && !fields.refused("memberIds") {
            fields.refuse("memberIds", "is required");
        }
        let mut seen = HashSet::new();
        let member_ids: Vec<UserId> = named
            .unwrap_or_default()
            .into_iter()
            .chain([caller.clone()])
            .filter(|member| seen.insert(member.clone()))
            .collect();
        if member_ids.len() > limits::MEMBERS {
            let message = format!("names more than {} members, you included", limits::MEMBERS);
            fields.refuse("memberIds", message);
        }
        let title = fields.string("title", limits::TITLE_CHARS);
        fields.finish(Self { member_ids, title })
    }
}

/// A thread, as creating it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// Its id.
    pub id: ThreadId,
    /// What its creator called it.
    pub title: Option<String>,
    /// Who belongs to it; never changes.
    pub member_ids: Vec<UserId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last message was sent, or it was created; follows a send within moments.
    pub updated_at: Timestamp,
}

/// `GET /api/threads/{threadId}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadDetails {
    /// The thread itself.
    #[serde(flatten)]
    pub thread: Thread,
    /// Names, index by index with `memberIds`; a user never seen yet shows their id.
    pub member_names: Vec<String>,
}

/// One row of `GET /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadSummary {
    /// The thread and its members' names.
    #[serde(flatten)]
    pub details: ThreadDetails,
    /// The newest message, or null; follows a send within moments.
    pub last_message: Option<Message>,
}

/// `GET /api/threads`: most recently active first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadPage {
    /// At most `limit` threads.
    pub threads: Vec<ThreadSummary>,
    /// Where the next page starts; null on the last one.
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
    fn caller_belongs_once_whether_named_or_not() {
        for body in [r#"{"memberIds":["a","b","a"]}"#, r#"{"memberIds":["a","b"],"title":null,"extra":1}"#] {
            let parsed = CreateThread::parse(body.as_bytes(), &user("b")).unwrap();
            assert_eq!(parsed, CreateThread { member_ids: vec![user("a"), user("b")], title: None });
        }
        let alone = CreateThread::parse(br#"{"memberIds":[]}"#, &user("a")).unwrap();
        assert_eq!(alone.member_ids, [user("a")]);
    }

    #[test]
    fn every_offending_field_is_named() {
        let body = serde_json::json!({"memberIds": ["a", 7, ""], "title": "x".repeat(101)}).to_string();
        let problem = CreateThread::parse(body.as_bytes(), &user("a")).unwrap_err();
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["memberIds[1]", "memberIds[2]", "title"]);
        assert_eq!(problem.code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn a_flood_of_mistakes_gives_a_bounded_answer() {
        let body = serde_json::json!({"memberIds": vec![7; 100_000]}).to_string();
        assert_eq!(CreateThread::parse(body.as_bytes(), &user("a")).unwrap_err().errors.len(), 100);
        let body = serde_json::json!({"memberIds": vec![7; 200_000]}).to_string();
        assert_eq!(CreateThread::parse(body.as_bytes(), &user("a")).unwrap_err().code, ErrorCode::BodyTooLarge);
    }

    #[test]
    fn limits_count_the_caller_and_characters() {
        let ids = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        let body = |count| serde_json::json!({"memberIds": ids(count), "title": "ä".repeat(100)}).to_string();
        assert!(CreateThread::parse(body(89).as_bytes(), &user("me")).is_ok());
        let problem = CreateThread::parse(body(90).as_bytes(), &user("me")).unwrap_err();
        assert_eq!(problem.errors[0].field, "memberIds");
    }

    #[test]
    fn what_is_no_object_of_json_is_told_apart() {
        let code = |body: &[u8]| CreateThread::parse(body, &user("a")).unwrap_err().code;
        for body in [&b""[..], b"{", b"{\"memberIds\":[]} x", b"\xff\xfe", b"{\"title\":\"\\ud800\"}"] {
            assert_eq!(code(body), ErrorCode::MalformedJson);
        }
        for body in [&b"[]"[..], b"null", b"7", b"{}", b"{\"memberIds\":null}", b"{\"memberIds\":{}}"] {
            assert_eq!(code(body), ErrorCode::InvalidRequest);
        }
    }
}

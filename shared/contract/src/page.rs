use crate::{ErrorCode, FieldError, MessageCursor, Problem, ThreadCursor, limits};

/// The part of a thread's messages that a page starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRange {
    /// All of them, newest first.
    Newest,
    /// Those before this `seq`, newest first.
    Before(u64),
    /// Those after this `seq`, oldest first.
    After(u64),
}

/// The query of `GET /api/threads/{threadId}/messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagesQuery {
    /// 1 to [`limits::PAGE`].
    pub limit: u32,
    /// Where to start and in which direction.
    pub range: MessageRange,
}

impl MessagesQuery {
    /// Reads the parameters `limit`, `cursor` and `after`, each where it was given.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>, after: Option<&str>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(limit, &mut errors);
        let after = after.map(|text| {
            text.parse::<u64>().unwrap_or_else(|_| {
                errors.push(FieldError { field: "after".into(), message: "has to be a seq: 0, 1, 2 …".into() });
                0
            })
        });
        finish(errors)?;
        let range = match (cursor.map(MessageCursor::decode).transpose()?, after) {
            (None, None) => MessageRange::Newest,
            (None, Some(seq)) | (Some(MessageCursor::After(seq)), _) => MessageRange::After(seq),
            (Some(MessageCursor::Before(seq)), None) => MessageRange::Before(seq),
            (Some(MessageCursor::Before(_)), Some(_)) => {
                return Err(Problem::new(
                    ErrorCode::InvalidCursor,
                    "This cursor goes from new to old, `after` from old to new.",
                ));
            }
        };
        Ok(Self { limit, range })
    }
}

/// The query of `GET /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadsQuery {
    /// 1 to [`limits::PAGE`].
    pub limit: u32,
    /// Where the page before this one ended.
    pub cursor: Option<ThreadCursor>,
}

impl ThreadsQuery {
    /// Reads the parameters `limit` and `cursor`, each where it was given.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(limit, &mut errors);
        finish(errors)?;
        Ok(Self { limit, cursor: cursor.map(ThreadCursor::decode).transpose()? })
    }
}

fn parse_limit(text: Option<&str>, errors: &mut Vec<FieldError>) -> u32 {
    let Some(text) = text else { return limits::PAGE_DEFAULT };
    match text.parse() {
        Ok(limit) if (1..=limits::PAGE).contains(&limit) => limit,
        _ => {
            let message = format!("has to be a number from 1 to {}", limits::PAGE);
            errors.push(FieldError { field: "limit".into(), message });
            limits::PAGE_DEFAULT
        }
    }
}

fn finish(errors: Vec<FieldError>) -> Result<(), Problem> {
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(ErrorCode::InvalidQuery, errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_directions() {
        let before = MessageCursor::Before(9).encode();
        let after = MessageCursor::After(9).encode();
        let range = |cursor: Option<&str>, from: Option<&str>| MessagesQuery::parse(None, cursor, from).unwrap().range;
        assert_eq!(range(None, None), MessageRange::Newest);
        assert_eq!(range(Some(&before), None), MessageRange::Before(9));
        assert_eq!(range(None, Some("0")), MessageRange::After(0));
        assert_eq!(range(Some(&after), Some("3")), MessageRange::After(9));
        let problem = MessagesQuery::parse(None, Some(&before), Some("3")).unwrap_err();
        assert_eq!(problem.code, ErrorCode::InvalidCursor);
        assert_eq!(MessagesQuery::parse(None, None, None).unwrap().limit, 50);
    }

    #[test]
    fn every_offending_parameter_is_named() {
        for (limit, after) in [("0", "-1"), ("101", "x"), ("", ""), ("1.5", "1e3"), ("99999999999", " 1")] {
            let problem = MessagesQuery::parse(Some(limit), None, Some(after)).unwrap_err();
            let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!((problem.code, fields), (ErrorCode::InvalidQuery, vec!["limit", "after"]));
        }
        assert_eq!(ThreadsQuery::parse(Some("x"), None).unwrap_err().code, ErrorCode::InvalidQuery);
        assert_eq!(ThreadsQuery::parse(Some("100"), None).unwrap().limit, 100);
    }
}

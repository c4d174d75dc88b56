use crate::{ErrorCode, FieldError, MessageCursor, PersonCursor, Problem, ThreadCursor, limits};

/// Which messages of a thread a list returns, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRange {
    /// All messages, newest first.
    Newest,
    /// Messages with a smaller `seq` than this, newest first.
    Before(u64),
    /// Messages with a larger `seq` than this, oldest first.
    After(u64),
}

/// Query parameters of `GET /api/threads/{threadId}/messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagesQuery {
    /// Maximum number of messages on the page: 1 to [`limits::PAGE`].
    pub limit: u32,
    /// Which messages the page has, and in which order.
    pub range: MessageRange,
}

impl MessagesQuery {
    /// Parses the query parameters; `None` stands for a parameter that the request does not have.
    ///
    /// Fails with `invalid_query`, which names each invalid parameter, or with `invalid_cursor`.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>, after: Option<&str>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(limit, &mut errors);
        let after = after.map(|text| {
            text.parse::<u64>().unwrap_or_else(|_| {
                errors.push(FieldError { field: "after".into(), message: "must be the seq of a message, or 0".into() });
                0
            })
        });
        finish(errors)?;
        let range = match (cursor.map(MessageCursor::decode).transpose()?, after) {
            (None, None) => MessageRange::Newest,
            (None, Some(seq)) | (Some(MessageCursor::After(seq)), _) => MessageRange::After(seq),
            (Some(MessageCursor::Before(seq)), None) => MessageRange::Before(seq),
            (Some(MessageCursor::Before(_)), Some(_)) => {
                let detail = "The cursor belongs to a list that is newest first, but `after` lists oldest first. Send only \
                              one of the two.";
                return Err(Problem::new(ErrorCode::InvalidCursor, detail));
            }
        };
        Ok(Self { limit, range })
    }
}

/// Query parameters of `GET /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadsQuery {
    /// Maximum number of threads on the page: 1 to [`limits::PAGE`].
    pub limit: u32,
    /// Whether to list the archived threads or the others.
    pub archived: bool,
    /// Where the previous page ended; `None` for the first page.
    pub cursor: Option<ThreadCursor>,
}

impl ThreadsQuery {
    /// Parses the query parameters; `None` stands for a parameter that the request does not have.
    ///
    /// Fails with `invalid_query`, which names each invalid parameter, or with `invalid_cursor`, also for a cursor of the
    /// other list.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>, archived: Option<&str>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(limit, &mut errors);
        let archived = match archived {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                errors.push(FieldError { field: "archived".into(), message: "must be true or false".into() });
                false
            }
        };
        finish(errors)?;
        let cursor = cursor.map(ThreadCursor::decode).transpose()?;
        if cursor.as_ref().is_some_and(|cursor| cursor.archived != archived) {
            let detail = "The cursor belongs to the other list of threads. Send the same `archived` with every page.";
            return Err(Problem::new(ErrorCode::InvalidCursor, detail));
        }
        Ok(Self { limit, archived, cursor })
    }
}

/// Query parameters of `GET /api/people`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleQuery {
    /// Maximum number of people on the page: 1 to [`limits::PAGE`].
    pub limit: u32,
    /// Where the previous page ended; `None` for the first page.
    pub cursor: Option<PersonCursor>,
}

impl PeopleQuery {
    /// Parses the query parameters; `None` stands for a parameter that the request does not have.
    ///
    /// Fails with `invalid_query`, which names each invalid parameter, or with `invalid_cursor`.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(limit, &mut errors);
        finish(errors)?;
        Ok(Self { limit, cursor: cursor.map(PersonCursor::decode).transpose()? })
    }
}

fn parse_limit(text: Option<&str>, errors: &mut Vec<FieldError>) -> u32 {
    let Some(text) = text else { return limits::PAGE_DEFAULT };
    match text.parse() {
        Ok(limit) if (1..=limits::PAGE).contains(&limit) => limit,
        _ => {
            let message = format!("must be a whole number from 1 to {}", limits::PAGE);
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
    use crate::{ThreadId, Timestamp};

    #[test]
    fn cursor_and_after_select_range_and_order() {
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
    fn error_names_every_invalid_parameter() {
        for (limit, after) in [("0", "-1"), ("101", "x"), ("", ""), ("1.5", "1e3"), ("99999999999", " 1")] {
            let problem = MessagesQuery::parse(Some(limit), None, Some(after)).unwrap_err();
            let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!((problem.code, fields), (ErrorCode::InvalidQuery, vec!["limit", "after"]));
        }
        let problem = ThreadsQuery::parse(Some("x"), None, Some("yes")).unwrap_err();
        assert_eq!((problem.code, problem.errors.len()), (ErrorCode::InvalidQuery, 2));
        assert_eq!(ThreadsQuery::parse(Some("100"), None, None).unwrap().limit, 100);
        assert_eq!(PeopleQuery::parse(Some("0"), None).unwrap_err().code, ErrorCode::InvalidQuery);
    }

    #[test]
    fn cursor_of_another_list_is_refused() {
        let (updated_at, id) = (Timestamp::from_millis(17), ThreadId::new());
        for archived in [false, true] {
            let cursor = ThreadCursor { archived, updated_at, id: id.clone() }.encode();
            let parse = |archived: &str| ThreadsQuery::parse(None, Some(&cursor), Some(archived));
            assert!(parse(if archived { "true" } else { "false" }).is_ok());
            let problem = parse(if archived { "false" } else { "true" }).unwrap_err();
            assert_eq!(problem.code, ErrorCode::InvalidCursor);
            assert_eq!(PeopleQuery::parse(None, Some(&cursor)).unwrap_err().code, ErrorCode::InvalidCursor);
        }
    }
}

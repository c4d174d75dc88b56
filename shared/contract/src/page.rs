use crate::{ChangeCursor, ErrorCode, FieldError, MessageCursor, PersonCursor, Problem, ThreadCursor, limits};

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
        let limit = parse_limit(limit, limits::PAGE_DEFAULT, &mut errors);
        let after = after.map(|text| parse_after(text, "must be the seq of a message, or 0", &mut errors));
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

/// Query parameters of `GET /api/threads/{threadId}/changes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangesQuery {
    /// Maximum number of revisions that the page covers: 1 to [`limits::PAGE`].
    pub limit: u32,
    /// The last revision that the client knows.
    pub after: u64,
}

impl ChangesQuery {
    /// Parses the query parameters; `None` stands for a parameter that the request does not have.
    ///
    /// Fails with `invalid_query`, which names each invalid parameter, or with `invalid_cursor`.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>, after: Option<&str>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(limit, limits::PAGE, &mut errors);
        let message = "must be a revision, or 0; it is required if the request has no cursor";
        // If the request has a cursor, `after` may be missing, and its value is ignored: the cursor has the revision at
        // which the previous page ended.
        let after = match (cursor, after) {
            (Some(_), None) => 0,
            (_, after) => parse_after(after.unwrap_or_default(), message, &mut errors),
        };
        finish(errors)?;
        Ok(Self { limit, after: cursor.map(ChangeCursor::decode).transpose()?.map_or(after, |cursor| cursor.rev) })
    }
}

/// Query parameters of `GET /api/threads`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadsQuery {
    /// Maximum number of threads on the page: 1 to [`limits::PAGE`].
    pub limit: u32,
    /// True to list the archived threads, false to list the threads that are not archived.
    pub archived: bool,
    /// Where the previous page ended; `None` for the first page.
    pub cursor: Option<ThreadCursor>,
}

impl ThreadsQuery {
    /// Parses the query parameters; `None` stands for a parameter that the request does not have.
    ///
    /// Fails with `invalid_query`, which names each invalid parameter, or with `invalid_cursor`. A cursor is valid only
    /// with the value of `archived` for which it was made.
    pub fn parse(limit: Option<&str>, cursor: Option<&str>, archived: Option<&str>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(limit, limits::PAGE_DEFAULT, &mut errors);
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
            let detail =
                "The cursor was made for another value of `archived`. Send the same `archived` with every page.";
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
        let limit = parse_limit(limit, limits::PAGE_DEFAULT, &mut errors);
        finish(errors)?;
        Ok(Self { limit, cursor: cursor.map(PersonCursor::decode).transpose()? })
    }
}

fn parse_after(text: &str, message: &str, errors: &mut Vec<FieldError>) -> u64 {
    text.parse().unwrap_or_else(|_| {
        errors.push(FieldError { field: "after".into(), message: message.into() });
        0
    })
}

fn parse_limit(text: Option<&str>, default: u32, errors: &mut Vec<FieldError>) -> u32 {
    let Some(text) = text else { return default };
    match text.parse() {
        Ok(limit) if (1..=limits::PAGE).contains(&limit) => limit,
        _ => {
            let message = format!("must be a whole number from 1 to {}", limits::PAGE);
            errors.push(FieldError { field: "limit".into(), message });
            default
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
    fn changes_start_after_a_revision_or_a_cursor() {
        let cursor = ChangeCursor { rev: 9 }.encode();
        let parse = |cursor: Option<&str>, after: Option<&str>| ChangesQuery::parse(None, cursor, after);
        assert_eq!(parse(None, Some("3")), Ok(ChangesQuery { limit: 100, after: 3 }));
        assert_eq!(parse(Some(&cursor), None).unwrap().after, 9);
        assert_eq!(parse(Some(&cursor), Some("3")).unwrap().after, 9);
        for (cursor, after) in [(None, None), (None, Some("-1")), (None, Some("x")), (Some(&*cursor), Some(""))] {
            let problem = parse(cursor, after).unwrap_err();
            assert_eq!((problem.code, problem.errors[0].field.as_str()), (ErrorCode::InvalidQuery, "after"));
        }
        let other = MessageCursor::After(3).encode();
        assert_eq!(parse(Some(&other), None).unwrap_err().code, ErrorCode::InvalidCursor);
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

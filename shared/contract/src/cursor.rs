use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{ErrorCode, Problem, ThreadId, Timestamp, UserId};

/// A position in a list of a thread's messages. It is a `seq` and an order, so new messages do not invalidate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageCursor {
    /// The next page has messages with a smaller `seq` than this, newest first.
    Before(u64),
    /// The next page has messages with a larger `seq` than this, oldest first.
    After(u64),
}

impl MessageCursor {
    /// Returns the cursor as the opaque text that clients receive.
    #[must_use]
    pub fn encode(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(match self {
            Self::Before(seq) => format!("b{seq}"),
            Self::After(seq) => format!("a{seq}"),
        })
    }

    /// Parses text that [`encode`](Self::encode) produced. Fails with `invalid_cursor` for any other text.
    pub fn decode(text: &str) -> Result<Self, Problem> {
        let plain = decode_text(text)?;
        let read = |digits: &str| digits.parse().map_err(|_| invalid());
        match plain.split_at_checked(1) {
            Some(("b", seq)) => read(seq).map(Self::Before),
            Some(("a", seq)) => read(seq).map(Self::After),
            _ => Err(invalid()),
        }
    }
}

/// A position in the list of a thread's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeCursor {
    /// The last revision that the previous page covers.
    pub rev: u64,
}

impl ChangeCursor {
    /// Returns the cursor as the opaque text that clients receive.
    #[must_use]
    pub fn encode(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("rev:{}", self.rev))
    }

    /// Parses text that [`encode`](Self::encode) produced. Fails with `invalid_cursor` for any other text.
    pub fn decode(text: &str) -> Result<Self, Problem> {
        let rev = decode_text(text)?.strip_prefix("rev:").and_then(|rev| rev.parse().ok()).ok_or_else(invalid)?;
        Ok(Self { rev })
    }
}

/// A position in one of a user's two lists of threads, which are sorted by activity, most recent first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThreadCursor {
    /// True for the list of the archived threads, false for the list of the threads that are not archived.
    pub archived: bool,
    /// `updatedAt` of the last thread on the previous page.
    pub updated_at: Timestamp,
    /// ID of the last thread on the previous page. Breaks ties between threads with the same `updatedAt`.
    pub id: ThreadId,
}

impl ThreadCursor {
    /// Returns the cursor as the opaque text that clients receive.
    #[must_use]
    pub fn encode(&self) -> String {
        let list = if self.archived { "archived:" } else { "" };
        BASE64_URL_SAFE_NO_PAD.encode(format!("{list}{}:{}", self.updated_at.millis(), self.id))
    }

    /// Parses text that [`encode`](Self::encode) produced. Fails with `invalid_cursor` for any other text.
    pub fn decode(text: &str) -> Result<Self, Problem> {
        let plain = decode_text(text)?;
        let (archived, plain) = match plain.strip_prefix("archived:") {
            Some(rest) => (true, rest),
            None => (false, plain.as_str()),
        };
        let (millis, id) = plain.split_once(':').ok_or_else(invalid)?;
        Ok(Self {
            archived,
            updated_at: Timestamp::from_millis(millis.parse().map_err(|_| invalid())?),
            id: ThreadId::parse(id).ok_or_else(invalid)?,
        })
    }
}

/// A position in a list of people, which is sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonCursor {
    /// Name of the last person on the previous page.
    pub name: String,
    /// ID of the last person on the previous page. Breaks ties between people with the same name.
    pub id: UserId,
}

impl PersonCursor {
    /// Returns the cursor as the opaque text that clients receive.
    #[must_use]
    pub fn encode(&self) -> String {
        // The text has the length of the name in front of the name. A separator between name and ID would not be
        // enough, because names and IDs may contain almost any character.
        BASE64_URL_SAFE_NO_PAD.encode(format!("person:{}:{}{}", self.name.len(), self.name, self.id))
    }

    /// Parses text that [`encode`](Self::encode) produced. Fails with `invalid_cursor` for any other text.
    pub fn decode(text: &str) -> Result<Self, Problem> {
        let plain = decode_text(text)?;
        let parse = || {
            let (len, rest) = plain.strip_prefix("person:")?.split_once(':')?;
            let (name, id) = rest.split_at_checked(len.parse().ok()?)?;
            Some(Self { name: name.to_owned(), id: UserId::parse(id)? })
        };
        parse().ok_or_else(invalid)
    }
}

fn decode_text(text: &str) -> Result<String, Problem> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}

fn invalid() -> Problem {
    Problem::new(
        ErrorCode::InvalidCursor,
        "The cursor is not valid for this list. Request the list again without a cursor.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_reverses_encode() {
        for cursor in [MessageCursor::Before(1), MessageCursor::After(u64::MAX)] {
            assert_eq!(MessageCursor::decode(&cursor.encode()), Ok(cursor));
        }
        assert_eq!(ChangeCursor::decode(&ChangeCursor { rev: 7 }.encode()), Ok(ChangeCursor { rev: 7 }));
        for archived in [false, true] {
            let cursor = ThreadCursor { archived, updated_at: Timestamp::from_millis(17), id: ThreadId::new() };
            assert_eq!(ThreadCursor::decode(&cursor.encode()), Ok(cursor));
        }
        for name in ["", "Sarah", "7:ä:"] {
            let cursor = PersonCursor { name: name.into(), id: UserId::parse("3:ä").unwrap() };
            assert_eq!(PersonCursor::decode(&cursor.encode()), Ok(cursor));
        }
    }

    #[test]
    fn decode_refuses_text_that_encode_does_not_produce() {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let wrong = [
            "",
            "b",
            "b-1",
            "c1",
            "äb",
            "17",
            "17:",
            ":thread_1",
            "x:thread_1",
            "17:msg_1",
            "archived:17:",
            "person:1:a",
            "person:9:a",
            "rev:",
            "rev:-1",
        ];
        let wrong = wrong.map(encode);
        for text in wrong.iter().map(String::as_str).chain(["!", "====", "ä"]) {
            assert_eq!(MessageCursor::decode(text).unwrap_err().code, ErrorCode::InvalidCursor, "{text}");
            assert_eq!(ThreadCursor::decode(text).unwrap_err().code, ErrorCode::InvalidCursor, "{text}");
            assert_eq!(PersonCursor::decode(text).unwrap_err().code, ErrorCode::InvalidCursor, "{text}");
            assert_eq!(ChangeCursor::decode(text).unwrap_err().code, ErrorCode::InvalidCursor, "{text}");
        }
        assert!(ThreadCursor::decode(&MessageCursor::Before(1).encode()).is_err());
    }
}

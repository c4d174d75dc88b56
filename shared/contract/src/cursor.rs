use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{ErrorCode, Problem, ThreadId, Timestamp};

/// A place in a thread's messages. It is a position, not a row, so it holds while messages arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageCursor {
    /// Goes on with the messages before this `seq`, newest first.
    Before(u64),
    /// Goes on with the messages after this `seq`, oldest first.
    After(u64),
}

impl MessageCursor {
    /// The opaque text that a client gets.
    #[must_use]
    pub fn encode(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(match self {
            Self::Before(seq) => format!("b{seq}"),
            Self::After(seq) => format!("a{seq}"),
        })
    }

    /// Reads what [`encode`](Self::encode) gave: `invalid_cursor` where it is anything else.
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

/// A place in a user's list of threads, most recently active first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThreadCursor {
    /// The last activity of the last thread given.
    pub updated_at: Timestamp,
    /// That thread; breaks ties.
    pub id: ThreadId,
}

impl ThreadCursor {
    /// The opaque text that a client gets.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{}", self.updated_at.millis(), self.id))
    }

    /// Reads what [`encode`](Self::encode) gave: `invalid_cursor` where it is anything else.
    pub fn decode(text: &str) -> Result<Self, Problem> {
        let plain = decode_text(text)?;
        let (millis, id) = plain.split_once(':').ok_or_else(invalid)?;
        Ok(Self {
            updated_at: Timestamp::from_millis(millis.parse().map_err(|_| invalid())?),
            id: ThreadId::parse(id).ok_or_else(invalid)?,
        })
    }
}

fn decode_text(text: &str) -> Result<String, Problem> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}

fn invalid() -> Problem {
    Problem::new(ErrorCode::InvalidCursor, "The cursor is not one that this list gave.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back() {
        for cursor in [MessageCursor::Before(1), MessageCursor::After(u64::MAX)] {
            assert_eq!(MessageCursor::decode(&cursor.encode()), Ok(cursor));
        }
        let cursor = ThreadCursor { updated_at: Timestamp::from_millis(17), id: ThreadId::new() };
        assert_eq!(ThreadCursor::decode(&cursor.encode()), Ok(cursor));
    }

    #[test]
    fn anything_else_is_an_invalid_cursor() {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let wrong = ["", "b", "b-1", "c1", "äb", "17", "17:", ":thread_1", "x:thread_1", "17:msg_1"].map(encode);
        for text in wrong.iter().map(String::as_str).chain(["!", "====", "ä"]) {
            assert_eq!(MessageCursor::decode(text).unwrap_err().code, ErrorCode::InvalidCursor, "{text}");
            assert_eq!(ThreadCursor::decode(text).unwrap_err().code, ErrorCode::InvalidCursor, "{text}");
        }
        assert!(ThreadCursor::decode(&MessageCursor::Before(1).encode()).is_err());
    }
}

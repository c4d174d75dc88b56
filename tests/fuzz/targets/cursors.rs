//! Fuzzes the parsers of query parameters: cursors, limits and positions. If a cursor is accepted and encoded again, it
//! must decode to the same position.
#![no_main]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use contract::{
    FileId, MessageCursor, MessagesQuery, PeopleQuery, PersonCursor, ThreadCursor, ThreadId, ThreadsQuery, UserId, limits,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Tries the input as a cursor, and as the text that is encoded in a cursor.
    for cursor in [text.to_owned(), BASE64_URL_SAFE_NO_PAD.encode(text)] {
        if let Ok(decoded) = MessageCursor::decode(&cursor) {
            assert_eq!(MessageCursor::decode(&decoded.encode()), Ok(decoded));
        }
        if let Ok(decoded) = ThreadCursor::decode(&cursor) {
            assert_eq!(ThreadCursor::decode(&decoded.encode()), Ok(decoded));
        }
        if let Ok(decoded) = PersonCursor::decode(&cursor) {
            assert_eq!(PersonCursor::decode(&decoded.encode()), Ok(decoded));
        }
        for limit in [None, Some(text)] {
            for archived in [None, Some("true"), Some(text)] {
                if let Ok(query) = ThreadsQuery::parse(limit, Some(&cursor), archived) {
                    assert!(query.cursor.is_some_and(|cursor| cursor.archived == query.archived));
                }
            }
            if let Ok(query) = PeopleQuery::parse(limit, Some(&cursor)) {
                assert!((1..=limits::PAGE).contains(&query.limit));
            }
            for after in [None, Some(text)] {
                if let Ok(query) = MessagesQuery::parse(limit, Some(&cursor), after) {
                    assert!((1..=limits::PAGE).contains(&query.limit));
                }
            }
        }
    }
    let ids = [
        ThreadId::parse(text).map(|id| id.to_string()),
        FileId::parse(text).map(|id| id.to_string()),
        UserId::parse(text).map(|id| id.to_string()),
    ];
    for id in ids.into_iter().flatten() {
        assert_eq!(id, text);
    }
});

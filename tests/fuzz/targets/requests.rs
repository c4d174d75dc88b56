//! Fuzzes the parsers of request bodies and of the header `Idempotency-Key`. Accepted values must be within the limits.
#![no_main]

use contract::{
    CreateFile, CreateThread, IdempotencyKey, MarkRead, SendMessage, Timestamp, UpdateMe, UpdateSettings, UserId, limits,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let caller = UserId::parse("caller").unwrap();
    if let Ok(request) = CreateThread::parse(body, &caller) {
        let members = request.members(&caller);
        assert!(members.contains(&caller) && members.len() <= limits::MEMBERS);
        assert!(request.title.is_none_or(|title| title.chars().count() <= limits::TITLE_CHARS));
    }
    if let Ok(SendMessage { body, file_ids }) = SendMessage::parse(body) {
        assert!(!body.is_empty() || !file_ids.is_empty());
        assert!(body.chars().count() <= limits::BODY_CHARS && file_ids.len() <= limits::FILES);
    }
    if let Ok(CreateFile { name, mimetype, size }) = CreateFile::parse(body, limits::FILE_BYTES) {
        assert!(!name.contains(['/', '\\', '\0', '\n']) && name.chars().count() <= limits::FILE_NAME_CHARS);
        assert!(mimetype.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert!((1..=limits::FILE_BYTES).contains(&size));
    }
    if let Ok(MarkRead { seq }) = MarkRead::parse(body) {
        assert!(seq <= limits::SEQ);
    }
    if let Ok(UpdateSettings { archived: _, muted_until: Some(Some(time)) }) = UpdateSettings::parse(body) {
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
    }
    let _ = UpdateMe::parse(body);
    if let Ok(key) = IdempotencyKey::parse(body) {
        assert_eq!(key.as_str().as_bytes(), body);
    }
});

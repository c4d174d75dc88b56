use serde_json::Value;

/// A value that has to be a string.
#[track_caller]
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// A value that has to be a list.
#[track_caller]
#[must_use]
pub fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// The `seq` of a message.
#[track_caller]
#[must_use]
pub fn seq_of(message: &Value) -> u64 {
    message["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {message}"))
}

/// Checks that an object has exactly these keys.
#[track_caller]
pub fn assert_keys(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("not an object: {value}"));
    let mut has: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut wanted = keys.to_vec();
    has.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(has, wanted, "keys of {value}");
}

/// Checks for an RFC 3339 time in UTC with milliseconds: `2025-09-05T01:05:00.123Z`.
#[track_caller]
pub fn assert_timestamp(value: &Value) {
    let pattern = b"0000-00-00T00:00:00.000Z";
    let given = text(value).as_bytes();
    let matches = given.len() == pattern.len()
        && given.iter().zip(pattern).all(|(given, wanted)| match wanted {
            b'0' => given.is_ascii_digit(),
            _ => given == wanted,
        });
    assert!(matches, "not a UTC time with milliseconds: {value}");
}

/// Checks the shape of a thread; `more` are the keys beyond those that every thread has.
#[track_caller]
pub fn assert_thread(thread: &Value, more: &[&str]) {
    let mut keys = vec!["id", "title", "memberIds", "createdAt", "updatedAt"];
    keys.extend(more);
    assert_keys(thread, &keys);
    assert!(text(&thread["id"]).starts_with("thread_"), "id: {thread}");
    assert!(thread["title"].is_null() || thread["title"].is_string(), "title: {thread}");
    assert!(thread["memberIds"].is_array(), "memberIds: {thread}");
    assert_timestamp(&thread["createdAt"]);
    assert_timestamp(&thread["updatedAt"]);
}

/// Checks the shape of a message without attachments in this thread.
#[track_caller]
pub fn assert_message(message: &Value, thread: &str) {
    assert_keys(message, &["id", "threadId", "seq", "body", "author", "attachments", "createdAt"]);
    assert_keys(&message["author"], &["id", "name"]);
    assert!(text(&message["id"]).starts_with("msg_"), "id: {message}");
    assert_eq!(message["threadId"], thread, "{message}");
    assert!(seq_of(message) >= 1, "{message}");
    assert!(message["body"].is_string(), "{message}");
    assert_eq!(message["attachments"], Value::Array(vec![]), "{message}");
    assert_timestamp(&message["createdAt"]);
}

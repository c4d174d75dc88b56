use serde_json::Value;

/// Returns the text of a JSON string. Panics if `value` is not a string.
#[track_caller]
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// Returns the elements of a JSON list. Panics if `value` is not a list.
#[track_caller]
#[must_use]
pub fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// Returns a message's `seq`, its number in its thread. Panics if it is missing.
#[track_caller]
#[must_use]
pub fn seq_of(message: &Value) -> u64 {
    message["seq"].as_u64().unwrap_or_else(|| panic!("seq is missing or not a number: {message}"))
}

/// Checks that a JSON object has exactly the given keys, in any order.
#[track_caller]
pub fn assert_keys(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("not an object: {value}"));
    let mut has: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut wanted = keys.to_vec();
    has.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(has, wanted, "the object has other keys than expected: {value}");
}

/// Checks that a value is an RFC 3339 time in UTC with milliseconds, such as `2025-09-05T01:05:00.123Z`.
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

/// Checks the shape of a thread in a response. `more` lists the keys that the thread has in this response only.
#[track_caller]
pub fn assert_thread(thread: &Value, more: &[&str]) {
    let mut keys = vec!["id", "title", "memberIds", "createdAt", "updatedAt"];
    keys.extend(more);
    assert_keys(thread, &keys);
    assert!(text(&thread["id"]).starts_with("thread_"), "the ID does not start with `thread_`: {thread}");
    assert!(
        thread["title"].is_null() || thread["title"].is_string(),
        "the title is neither null nor a string: {thread}"
    );
    assert!(thread["memberIds"].is_array(), "memberIds is not a list: {thread}");
    assert_timestamp(&thread["createdAt"]);
    assert_timestamp(&thread["updatedAt"]);
}

/// Checks the shape of a message without attachments that was never changed and belongs to `thread`.
#[track_caller]
pub fn assert_message(message: &Value, thread: &str) {
    assert_message_with(message, thread, &[]);
}

/// Checks the shape of a message that was never changed and belongs to `thread`, and whose attachments are exactly `files`, in this order.
#[track_caller]
pub fn assert_message_with(message: &Value, thread: &str, files: &[&str]) {
    assert_keys(message, &["id", "threadId", "seq", "rev", "body", "author", "attachments", "createdAt", "reactions"]);
    assert_keys(&message["author"], &["id", "name"]);
    assert!(text(&message["id"]).starts_with("msg_"), "the ID does not start with `msg_`: {message}");
    assert_eq!(message["threadId"], thread, "{message}");
    assert!(seq_of(message) >= 1, "{message}");
    assert!(message["body"].is_string(), "{message}");
    let attachments = items(&message["attachments"]);
    attachments.iter().for_each(assert_attachment);
    assert!(
        attachments.iter().map(|attachment| &attachment["id"]).eq(files),
        "the attachments are not {files:?}: {message}"
    );
    assert_timestamp(&message["createdAt"]);
}

/// Checks the shape of the preview of a message that belongs to `thread` and whose attachments are exactly `files`, in
/// this order.
#[track_caller]
pub fn assert_preview(preview: &Value, thread: &str, files: &[&str]) {
    let mut keys = vec!["id", "threadId", "seq", "rev", "body", "author", "attachments", "createdAt"];
    if preview.get("truncated").is_some() {
        keys.push("truncated");
        assert_eq!(preview["truncated"], true, "`truncated` is present, but not true: {preview}");
    }
    assert_keys(preview, &keys);
    assert_keys(&preview["author"], &["id", "name"]);
    assert!(text(&preview["id"]).starts_with("msg_"), "the ID does not start with `msg_`: {preview}");
    assert_eq!(preview["threadId"], thread, "{preview}");
    assert!(seq_of(preview) >= 1, "{preview}");
    assert!(text(&preview["body"]).chars().count() <= 200, "the body is longer than 200 characters: {preview}");
    let attachments = items(&preview["attachments"]);
    for attachment in attachments {
        assert_keys(attachment, &["id", "name", "mimetype"]);
    }
    assert!(attachments.iter().map(|attachment| &attachment["id"]).eq(files), "the attachments are not {files:?}");
    assert_timestamp(&preview["createdAt"]);
}

/// Checks the shape of a message's attachment.
#[track_caller]
pub fn assert_attachment(attachment: &Value) {
    let mut keys = vec!["id", "name", "url", "mimetype", "size", "status"];
    if attachment.get("thumbUrl").is_some() {
        keys.extend(["thumbUrl", "width", "height"]);
        assert_eq!(attachment["status"], "ready", "a thumbnail although the status is not ready: {attachment}");
        assert_thumb_url(attachment);
        assert_image_size(attachment);
    }
    assert_keys(attachment, &keys);
    assert_status(attachment);
    assert_url(attachment);
    assert!(attachment["mimetype"].is_string(), "{attachment}");
    assert!(attachment["size"].as_u64().is_some_and(|size| size > 0), "{attachment}");
}

/// Checks the shape of a response to `GET /api/files/{fileId}/status`.
#[track_caller]
pub fn assert_file(file: &Value) {
    let mut keys = vec!["id", "name", "status", "thumbUrl"];
    assert_status(file);
    match text(&file["status"]) {
        "ready" => {
            keys.push("url");
            assert_url(file);
        }
        "failed" => {
            keys.push("reason");
            assert_sentence(&file["reason"]);
        }
        _ => {}
    }
    if !file["thumbUrl"].is_null() {
        keys.extend(["width", "height"]);
        assert_eq!(file["status"], "ready", "a thumbnail although the status is not ready: {file}");
        assert_thumb_url(file);
        assert_image_size(file);
    }
    assert_keys(file, &keys);
}

/// Checks the shape of a person, or of the caller's profile. `more` lists the keys that a person does not have.
#[track_caller]
pub fn assert_person(person: &Value, more: &[&str]) {
    let mut keys = [&["id", "name"], more].concat();
    if let Some(url) = person.get("avatarUrl") {
        keys.push("avatarUrl");
        let is_link = text(url).starts_with("/thumbs/file_") && text(url).contains(".jpg?expires=");
        assert!(is_link, "avatarUrl is not a link to a thumbnail: {person}");
    }
    assert_keys(person, &keys);
}

#[track_caller]
fn assert_image_size(file: &Value) {
    for side in ["width", "height"] {
        let is_side = file[side].as_u64().is_some_and(|side| (1..=16_384).contains(&side));
        assert!(is_side, "{side} is not a number of pixels: {file}");
    }
}

#[track_caller]
fn assert_status(file: &Value) {
    assert!(text(&file["id"]).starts_with("file_"), "the ID does not start with `file_`: {file}");
    assert!(file["name"].is_string(), "the name is not a string: {file}");
    assert!(["pending", "ready", "failed"].contains(&text(&file["status"])), "the status is unknown: {file}");
}

#[track_caller]
fn assert_url(file: &Value) {
    let url = text(&file["url"]);
    let path = url.strip_prefix(&format!("/files/{}/", text(&file["id"])));
    let name =
        path.and_then(|path| path.split_once('?')).unwrap_or_else(|| panic!("url is not a link to the file: {file}")).0;
    assert!(
        name.bytes().all(|byte| byte == b'%' || is_unreserved(byte)),
        "the name in the url is not one escaped path segment: {file}"
    );
    assert_eq!(percent_decoded(name), text(&file["name"]), "{file}");
}

#[track_caller]
fn assert_thumb_url(file: &Value) {
    let start = format!("/thumbs/{}.jpg?", text(&file["id"]));
    assert!(text(&file["thumbUrl"]).starts_with(&start), "thumbUrl is not a link to the thumbnail: {file}");
}

#[track_caller]
fn assert_sentence(value: &Value) {
    let sentence = text(value);
    let starts = sentence.starts_with(char::is_uppercase);
    assert!(starts && sentence.ends_with('.') && sentence.contains(' '), "not a full sentence: {value}");
}

/// Whether a URL may contain this byte unescaped (unreserved in RFC 3986, section 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Decodes a percent-encoded text. Panics if it is malformed or not UTF-8.
#[track_caller]
pub(crate) fn percent_decoded(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let digits =
                rest.split_at_checked(2).unwrap_or_else(|| panic!("a percent escape is incomplete: {encoded}"));
            let byte = std::str::from_utf8(digits.0).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
            bytes.push(byte.unwrap_or_else(|| panic!("a percent escape is invalid: {encoded}")));
            rest = digits.1;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| panic!("not UTF-8: {encoded}: {error}"))
}

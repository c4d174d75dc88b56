//! Tests that the schemas of the API documents and the parsers of `contract` accept and refuse the same requests and
//! frames.

use contract::{
    CreateFile, CreateThread, Frame, MarkRead, PutSubscription, SendMessage, UpdateMe, UpdateSettings, UserId, limits,
};
use documents::{AsyncApi, OpenApi};
use serde_json::{Value, json};

fn compare(name: &str, parse: impl Fn(&str) -> bool, good: &[Value], bad: &[Value]) {
    let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
    let validator = OpenApi::get().unwrap().document.validator(&reference).unwrap();
    for (bodies, expected) in [(good, true), (bad, false)] {
        for body in bodies {
            assert_eq!(validator.is_valid(body), expected, "the schema of {name}: {body}");
            assert_eq!(parse(&body.to_string()), expected, "the parser of {name}: {body}");
        }
    }
}

#[test]
fn create_thread_schema_and_parser_agree() {
    let caller = UserId::parse("me").unwrap();
    let parse = |body: &str| CreateThread::parse(body.as_bytes(), &caller).is_ok();
    let members = |members: Value| json!({ "memberIds": members });
    let title = |title: Value| json!({ "memberIds": ["a"], "title": title });
    let ids = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    compare(
        "CreateThread",
        parse,
        &[
            members(json!([])),
            members(json!(["me"])),
            members(json!(["a", "a", "b", "auth0|5f7c", "a#b", "ä"])),
            members(json!(["a".repeat(limits::USER_ID_BYTES)])),
            members(json!(ids(limits::MEMBERS - 1))),
            members(json!(vec!["a"; limits::MEMBERS + 1])),
            json!({ "memberIds": ["a"], "unknown": 1 }),
            title(json!(null)),
            title(json!("")),
            title(json!("🏡".repeat(limits::TITLE_CHARS))),
            title(json!(" Family 👨‍👩‍👧 ")),
            title(json!("שלום\u{200f}")),
        ],
        &[
            json!({}),
            json!([]),
            json!(null),
            json!("a"),
            members(json!(null)),
            members(json!("a")),
            members(json!({})),
            members(json!([""])),
            members(json!([7])),
            members(json!([null])),
            members(json!(["a\nb"])),
            members(json!(["\u{7f}"])),
            members(json!(["\u{85}"])),
            members(json!(["a".repeat(limits::USER_ID_BYTES + 1)])),
            title(json!(7)),
            title(json!("a".repeat(limits::TITLE_CHARS + 1))),
            title(json!(" ")),
            title(json!("\u{3000}\u{200b}")),
            title(json!("\u{34f}\u{2800}\u{feff}")),
            title(json!("a\nb")),
            title(json!("\u{7f}a")),
            title(json!("a\u{2028}")),
            title(json!("\u{202e}a")),
            title(json!("\u{2066}a\u{2069}")),
        ],
    );
}

#[test]
fn send_message_schema_and_parser_agree() {
    let parse = |body: &str| SendMessage::parse(body.as_bytes()).is_ok();
    let body = |body: Value| json!({ "body": body });
    let files = |files: Value| json!({ "body": "", "fileIds": files });
    let longest = format!("file_{}", "a".repeat(64));
    compare(
        "SendMessage",
        parse,
        &[
            body(json!("a")),
            body(json!("\u{0}.\n\u{202e}")),
            files(json!(["file_1"])),
            json!({ "body": " \n", "fileIds": ["file_1"] }),
            body(json!("🏡".repeat(limits::BODY_CHARS))),
            json!({ "body": "a", "fileIds": null }),
            json!({ "body": "a", "fileIds": [] }),
            json!({ "body": null, "fileIds": ["file_1"] }),
            json!({ "fileIds": ["file_1"] }),
            files(json!(["file_1", "file_1", longest])),
            files(json!(vec!["file_1"; limits::FILES])),
        ],
        &[
            json!({}),
            json!([]),
            body(json!("")),
            body(json!(" \t\n")),
            body(json!("\u{0}")),
            body(json!("\u{3000}\u{200b}\u{fe0f}")),
            json!({ "body": "\u{200d}", "fileIds": [] }),
            body(json!(null)),
            body(json!(7)),
            body(json!("a".repeat(limits::BODY_CHARS + 1))),
            files(json!([])),
            files(json!(null)),
            files(json!("file_1")),
            files(json!(["msg_1"])),
            files(json!(["file_"])),
            files(json!([format!("{longest}a")])),
            files(json!([null])),
            files(json!(vec!["file_1"; limits::FILES + 1])),
            json!({ "body": 7, "fileIds": ["file_1"] }),
            json!({ "body": "a", "fileIds": "file_1" }),
        ],
    );
}

#[test]
fn create_file_schema_and_parser_agree() {
    let parse = |body: &str| CreateFile::parse(body.as_bytes(), limits::FILE_BYTES).is_ok();
    let file =
        |name: &str, mimetype: &str, size: Value| json!({ "filename": name, "mimetype": mimetype, "size": size });
    let named = |name: &str| file(name, "a/b", json!(1));
    let typed = |mimetype: &str| file("a", mimetype, json!(1));
    let sized = |size: Value| file("a", "a/b", size);
    let mut good = [json!(1), json!(limits::FILE_BYTES), json!(1.0), json!(1e3)].map(sized).to_vec();
    good.extend(["a", "..a", "...", ". .", "Ferien (1).jpg", "a\"b'c%20d+e#f?g&h", "صورة.png"].map(named));
    good.push(named(&"🏡".repeat(limits::FILE_NAME_CHARS)));
    good.extend(
        ["image/jpeg", "image/svg+xml", "text/plain; charset=utf-8", "a/b;", "a/b;c", "A/1.!#$&-^_+"].map(typed),
    );
    let mut bad = vec![json!({}), json!([]), json!({ "filename": "a", "mimetype": "a/b" })];
    bad.extend([json!(0), json!(-1), json!(limits::FILE_BYTES + 1), json!(1.5), json!("1"), json!(null)].map(sized));
    bad.extend(["", " ", "\u{2003}", ".", "..", "a/b", "a\\b", "/", "a\nb", "\u{0}", "a\u{85}b"].map(named));
    bad.push(named(&"a".repeat(limits::FILE_NAME_CHARS + 1)));
    bad.extend(
        ["", "image", "image/", "/jpeg", "a/b/c", "a b/c", "a/b\r\nX: y", "a/ä", "a/b; ", "a/b;ä", ".a/b"].map(typed),
    );
    bad.push(typed(&format!("a/{}", "b".repeat(limits::MEDIA_TYPE_CHARS - 1))));
    bad.extend([json!({ "filename": 7, "mimetype": "a/b", "size": 1 }), json!({ "filename": "a", "size": 1 })]);
    compare("CreateFile", parse, &good, &bad);
}

#[test]
fn mark_read_schema_and_parser_agree() {
    let seq = |seq: Value| json!({ "seq": seq });
    let good = [json!(0), json!(17), json!(1.0), json!(1e3), json!(limits::SEQ)].map(seq);
    let bad = [json!(-1), json!(0.5), json!(limits::SEQ + 1), json!("17"), json!(null), json!([1]), json!(true)];
    let bad = [bad.map(seq).to_vec(), vec![json!({}), json!([]), json!(17)]].concat();
    compare("MarkRead", |body| MarkRead::parse(body.as_bytes()).is_ok(), &good, &bad);
}

#[test]
fn schemas_and_parsers_of_settings_and_preferences_agree() {
    let settings = |archived: Value, until: Value| json!({ "archived": archived, "mutedUntil": until });
    compare(
        "UpdateSettings",
        |body| UpdateSettings::parse(body.as_bytes()).is_ok(),
        &[
            json!({}),
            json!({ "archived": true, "unknown": 1 }),
            json!({ "mutedUntil": null }),
            settings(json!(null), json!("2025-09-06T01:05:00+02:00")),
            settings(json!(false), json!("1970-01-01T00:00:00.000Z")),
        ],
        &[
            json!([]),
            json!(null),
            settings(json!("true"), json!(null)),
            settings(json!(1), json!(null)),
            settings(json!(true), json!(1_757_034_300)),
            settings(json!(true), json!(["2025-09-06T01:05:00Z"])),
        ],
    );
    compare(
        "UpdateMe",
        |body| UpdateMe::parse(body.as_bytes()).is_ok(),
        &[
            json!({}),
            json!({ "receipts": null }),
            json!({ "receipts": false, "name": "Mum" }),
            json!({ "avatarFileId": null }),
            json!({ "avatarFileId": "file_1" }),
        ],
        &[
            json!([]),
            json!(null),
            json!({ "receipts": "false" }),
            json!({ "receipts": 0 }),
            json!({ "avatarFileId": "thread_1" }),
            json!({ "avatarFileId": ["file_1"] }),
            json!({ "avatarFileId": false }),
        ],
    );
}

#[test]
fn put_subscription_schema_and_parser_agree() {
    let keys = |p256dh: Value, auth: Value| json!({ "endpoint": "https://a.example", "keys": { "p256dh": p256dh, "auth": auth } });
    let endpoint = |endpoint: Value| json!({ "endpoint": endpoint, "keys": { "p256dh": "a", "auth": "b" } });
    compare(
        "PutSubscription",
        |body| PutSubscription::parse(body.as_bytes()).is_ok(),
        &[
            keys(json!("a"), json!("")),
            keys(json!("a".repeat(100)), json!("b".repeat(100))),
            endpoint(json!("é".repeat(limits::ENDPOINT_CHARS))),
            json!({ "endpoint": "", "keys": { "p256dh": "a", "auth": "b", "more": 1 }, "expirationTime": null }),
        ],
        &[
            json!({}),
            json!([]),
            json!(null),
            json!({ "endpoint": "a" }),
            json!({ "endpoint": "a", "keys": null }),
            json!({ "endpoint": "a", "keys": ["a", "b"] }),
            json!({ "endpoint": "a", "keys": { "p256dh": "a" } }),
            json!({ "keys": { "p256dh": "a", "auth": "b" } }),
            keys(json!(1), json!("b")),
            keys(json!("a"), json!(null)),
            keys(json!("a".repeat(101)), json!("b")),
            keys(json!("a"), json!("b".repeat(101))),
            endpoint(json!(null)),
            endpoint(json!("a".repeat(limits::ENDPOINT_CHARS + 1))),
        ],
    );
}

#[test]
fn action_schema_and_frame_parser_agree() {
    let longest = "🏡".repeat(limits::FRAME_ID_CHARS);
    let on = |channel: Value| json!({ "action": "subscribe", "channel": channel });
    let ping = |id: Value| json!({ "action": "ping", "id": id });
    let good = [
        json!({ "action": "ping", "unknown": {} }),
        json!({ "action": "unsubscribe", "channel": "thread:thread_1" }),
        on(json!("thread:thread_1")),
        ping(json!(null)),
        ping(json!("")),
        ping(json!(longest)),
        ping(json!(0)),
        ping(json!(i64::MIN)),
        ping(json!(u64::MAX)),
        ping(json!(1.0)),
        ping(json!(1e3)),
    ];
    let bad = [
        json!({}),
        json!([]),
        json!({ "action": 7 }),
        json!({ "action": "PING" }),
        json!({ "action": "subscribe" }),
        on(json!(null)),
        on(json!("thread_1")),
        on(json!("thread:")),
        on(json!("user:me")),
        on(json!(format!("thread:thread_{}", "a".repeat(65)))),
        ping(json!({})),
        ping(json!(true)),
        ping(json!(1.5)),
        ping(json!(1e30)),
        ping(json!(longest + "a")),
    ];
    for (frames, expected) in [(&good[..], true), (&bad[..], false)] {
        for frame in frames {
            assert_eq!(AsyncApi::get().unwrap().check_action(frame).is_ok(), expected, "the schema: {frame}");
            assert_eq!(Frame::parse(&frame.to_string()).action.is_ok(), expected, "the parser: {frame}");
        }
    }
}

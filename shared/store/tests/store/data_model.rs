//! Compares `docs/data-model.md` with the rows that the store writes.

mod document;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use contract::{
    Channel, ConnectionId, Emoji, IdempotencyKey, Profile, PutSubscription, SubscriptionKeys, Thread, Timestamp,
    UpdateSettings, UserId,
};
use serde_json::Value;
use store::{
    Change, Chat, CreatedThread, MessageRate, NewMessage, NewThread, Outcome, Registered, Sent, TicketHolder,
    UploadQuota,
};
use testkit::{
    Fault, Tables, caller, change, connect, links, make_known, new_file, new_thread, ready_image, send_text,
    send_with_files, set_picture, set_receipts,
};

use self::document::{RowKind, parse};

const DOCUMENT: &str = include_str!("../../../../docs/data-model.md");

/// Writes rows of every kind, so that every attribute occurs in at least one of them.
async fn every_kind_of_row(tables: &Tables) {
    let (chat, sarah) = (tables.chat(), caller("user-sarah"));
    chat.record_profile(&sarah.profile()).await.unwrap();
    make_known(&chat, &["user-without-name"]).await;
    let members = [sarah.id.clone()];
    let new = NewThread {
        creator: &sarah.id,
        members: &members,
        title: Some("Family Chat"),
        allow_unknown: false,
        per_day: 1,
    };
    let CreatedThread::New(thread) = chat.create_thread(new).await.unwrap() else { panic!("the thread is not new") };
    set_receipts(&chat, &sarah.profile(), Some(false)).await.unwrap();
    let muted_until = Some(Some(Timestamp::from_millis(4_102_444_800_000)));
    let settings = UpdateSettings { archived: Some(true), muted_until };
    chat.update_settings(&sarah.id, &thread.id, settings).await.unwrap();

    let photo = new_file(&chat, "user-sarah", "photo.jpg", "image/jpeg", 12).await;
    let new = NewMessage {
        thread_id: &thread.id,
        author: &sarah.profile(),
        body: &"Dinner at 6? ".repeat(20),
        file_ids: std::slice::from_ref(&photo.id),
        reply_to: None,
        idempotency_key: Some(&IdempotencyKey::parse(b"retry-1").unwrap()),
    };
    let Sent::Stored(message) = chat.send(new, &links()).await.unwrap() else { panic!("the message was not stored") };
    let row = chat.undelivered_messages(&[(thread.id.clone(), message.seq)]).await.unwrap().remove(0);
    chat.advance_projection(&row).await.unwrap();
    changed_messages(tables, &chat, &sarah.profile(), &thread).await;
    notifications(tables, &chat, &sarah.id).await;

    chat.record_failed_attempt(&photo.id).await.unwrap();
    chat.record_outcome(&photo.id, &ready_image("1")).await.unwrap();
    set_picture(&chat, &sarah.profile(), Some(&photo.id)).await.unwrap().unwrap();
    chat.mark_announced(&photo.id).await.unwrap();
    let broken = new_file(&chat, "user-sarah", "broken.jpg", "image/jpeg", 12).await;
    chat.record_outcome(&broken.id, &Outcome::Failed { reason: "Not an image.".into() }).await.unwrap();

    let quota = UploadQuota { files: 1, bytes: 12 };
    chat.count_upload(&sarah.id, 12, quota).await.unwrap().unwrap();
    let rate = MessageRate::new(10);
    (0..10).try_for_each(|_| rate.count(&sarah.id)).unwrap();
    rate.share(&chat, &sarah.id).await;

    let connections = tables.connections();
    let connection = connect(&connections, "user-sarah", "open").await;
    connections.subscribe(&connection, &Channel::Thread(thread.id)).await.unwrap();
    connections.open_inbox(&connection).await.unwrap();
    connections.issue_ticket(TicketHolder { user_id: sarah.id, token_expires_at: 4_102_444_800 }).await.unwrap();
    // `Connections::remove` sets the `closing` flag first and deletes the connection's row last. Here the last step
    // fails, so that a row with the flag remains.
    connect(&connections, "user-sarah", "closing").await;
    let failing = tables.through(|call| {
        if call.is("DeleteItem", "META") { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    });
    assert!(failing.await.connections().remove(&ConnectionId::new("closing")).await.is_err());
}

/// Writes a reply, an edited message with a reaction, a tombstone, and a file's row as it was before uses were
/// recorded.
async fn changed_messages(tables: &Tables, chat: &Chat, author: &Profile, thread: &Thread) {
    let key = IdempotencyKey::parse(b"retry-2").unwrap();
    let (thread_id, body, idempotency_key) = (&thread.id, "At 7?", Some(&key));
    let reply = NewMessage { thread_id, author, body, file_ids: &[], reply_to: Some(1), idempotency_key };
    let Sent::Stored(_) = chat.send(reply, &links()).await.unwrap() else { panic!("the reply was not stored") };
    let edit = Change::Edit { body: "At 8?", window: Duration::from_hours(1) };
    for change_of_reply in [edit, Change::React(Emoji::parse("👍").unwrap())] {
        change(chat, "user-sarah", thread, 2, change_of_reply).await;
    }

    let other = new_thread(chat, &["user-sarah", "user-without-name"]).await;
    let wrong = new_file(chat, "user-sarah", "wrong.jpg", "image/jpeg", 12).await.id;
    send_with_files(chat, "user-sarah", &other, "Look!", std::slice::from_ref(&wrong)).await;
    change(chat, "user-sarah", &other, 1, Change::Delete).await;
    assert!(chat.erase_file(&wrong).await.unwrap());
    let tombstone = chat.changed_messages(&other.id, &[1]).await.unwrap().remove(0).message;
    chat.advance_projection(&tombstone).await.unwrap();
    send_text(chat, "user-sarah", &other, "Sorry, another photo").await;

    let old = new_file(chat, "user-sarah", "old.jpg", "image/jpeg", 12).await.id;
    let [pk, sk] = [format!("FILE#{old}"), "META".to_owned()].map(AttributeValue::S);
    let row = tables.client.update_item().table_name(&tables.chat).key("pk", pk).key("sk", sk);
    let row = row.update_expression("SET threadIds = :threads");
    let threads = AttributeValue::Ss(vec![other.id.to_string()]);
    row.expression_attribute_values(":threads", threads).send().await.unwrap();
}

/// Writes a device, a membership whose member was notified, and the VAPID key.
async fn notifications(tables: &Tables, chat: &Chat, user: &UserId) {
    let keys = SubscriptionKeys { p256dh: "BCVx".into(), auth: "BTBZ".into() };
    let device = PutSubscription { endpoint: "https://push.example/1".into(), keys };
    assert!(matches!(chat.put_push_subscription(user, device).await.unwrap(), Registered::Done(_)));
    let thread = new_thread(chat, &["user-dad", user.as_str()]).await;
    send_text(chat, "user-dad", &thread, "Where are you?").await;
    assert!(chat.recipient(user, &thread.id, 1).await.unwrap().is_some(), "nobody was notified");
    tables.push_keys().create("BDd3".into(), vec![48, 129]).await.unwrap();
}

/// Data types of a row's attributes by name, without the primary key.
type Types = BTreeMap<String, &'static str>;

struct Row {
    table: &'static str,
    pk: String,
    sk: String,
    types: Types,
}

async fn rows(tables: &Tables) -> Vec<Row> {
    let mut rows = Vec::new();
    for (table, name) in [("Chat", &tables.chat), ("Connections", &tables.connections), ("PushKeys", &tables.push_keys)]
    {
        let items = tables.client.scan().table_name(name).into_paginator().items().send();
        for mut item in items.collect::<Result<Vec<_>, _>>().await.unwrap() {
            let [pk, sk] = ["pk", "sk"].map(|key| item.remove(key).unwrap().as_s().unwrap().clone());
            let mut types = Types::new();
            add_types(&item, "", &mut types);
            rows.push(Row { table, pk, sk, types });
        }
    }
    rows
}

fn add_types(map: &HashMap<String, AttributeValue>, prefix: &str, types: &mut Types) {
    for (name, value) in map {
        let path = format!("{prefix}{name}");
        let data_type = match value {
            AttributeValue::S(_) => "S",
            AttributeValue::N(_) => "N",
            AttributeValue::B(_) => "B",
            AttributeValue::Bool(_) => "BOOL",
            AttributeValue::L(_) => "L",
            AttributeValue::Ss(_) => "SS",
            AttributeValue::M(map) => {
                add_types(map, &format!("{path}."), types);
                "M"
            }
            other => panic!("this test does not know the type of {path}, add it: {other:?}"),
        };
        types.insert(path, data_type);
    }
}

/// Converts the example in the document to an item. JSON has neither sets nor bytes, so the document's data types decide which
/// arrays are sets, and which texts are bytes in base64.
fn example_item(
    kind: &RowKind,
    prefix: &str,
    object: &serde_json::Map<String, Value>,
) -> HashMap<String, AttributeValue> {
    let value = |(name, value): (&String, &Value)| {
        let path = format!("{prefix}{name}");
        let is = |data_type| kind.attribute(&path).is_some_and(|(_, attribute)| attribute.data_type == data_type);
        let value = match value {
            Value::String(_) if is("B") => AttributeValue::B(Blob::new([])),
            Value::String(text) => AttributeValue::S(text.clone()),
            Value::Number(number) => AttributeValue::N(number.to_string()),
            Value::Bool(flag) => AttributeValue::Bool(*flag),
            Value::Array(_) if is("SS") => AttributeValue::Ss(Vec::new()),
            Value::Array(_) => AttributeValue::L(Vec::new()),
            Value::Object(object) => AttributeValue::M(example_item(kind, &format!("{path}."), object)),
            Value::Null => AttributeValue::Null(true),
        };
        (name.clone(), value)
    };
    object.iter().map(value).collect()
}

/// Returns the differences between the attributes of one row and the documented ones.
fn attribute_problems(kind: &RowKind, types: &Types) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, data_type) in types {
        match kind.attribute(path) {
            None => problems.push(format!("the attribute `{path}` ({data_type}) is not documented")),
            Some((_, attribute)) if attribute.data_type != *data_type => {
                problems.push(format!("`{path}` has the type {data_type}, not {}", attribute.data_type));
            }
            Some(_) => {}
        }
    }
    for (path, attribute) in &kind.attributes {
        let has_parent = path.rsplit_once('.').is_none_or(|(parent, _)| types.contains_key(parent));
        if attribute.required && has_parent && !types.contains_key(path) {
            problems.push(format!("`{path}` is never absent, but {} does not have it", kind.name));
        }
    }
    problems
}

/// Returns what is wrong with the document's section about one kind of row, for example with its JSON.
fn description_problems(kind: &RowKind) -> Vec<String> {
    let mut problems = Vec::new();
    if (kind.property("TTL") == "none") == kind.attributes.contains_key("expiresAt") {
        problems.push("a row has a TTL if and only if it has `expiresAt`".into());
    }
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    let written_by = kind.properties.get("Written by").map(String::as_str).unwrap_or_default();
    let names: Vec<_> = written_by.split('`').skip(1).step_by(2).filter(|name| name.contains('-')).collect();
    if names.is_empty() {
        problems.push("\"Written by\" names no function".into());
    }
    for name in names.into_iter().filter(|name| !functions.join(name).is_dir()) {
        problems.push(format!("\"Written by\" names the function `{name}`, which does not exist"));
    }
    match kind.example() {
        Ok(Value::Object(mut object)) => {
            let [pk, sk] = ["pk", "sk"].map(|key| object.remove(key).unwrap_or_default());
            if !kind.matches(pk.as_str().unwrap_or_default(), sk.as_str().unwrap_or_default()) {
                problems.push("the example's pk and sk do not have the documented form".into());
            }
            let mut types = Types::new();
            add_types(&example_item(kind, "", &object), "", &mut types);
            problems.extend(attribute_problems(kind, &types).into_iter().map(|problem| format!("example: {problem}")));
        }
        Ok(_) => problems.push("the example is not a JSON object".into()),
        Err(error) => problems.push(format!("the example is not valid JSON: {error}")),
    }
    problems
}

/// Returns every difference between the document and the rows.
fn differences(document: &str, rows: &[Row]) -> BTreeSet<String> {
    let (kinds, mut differences) = (parse(document), BTreeSet::new());
    for row in rows {
        let of_row: Vec<_> = kinds.iter().filter(|k| k.table == row.table && k.matches(&row.pk, &row.sk)).collect();
        if let [_] = of_row[..] {
            continue;
        }
        let names: Vec<_> = of_row.iter().map(|kind| &kind.name).collect();
        differences
            .insert(format!("{}: the row {} / {} must match one section, not {names:?}", row.table, row.pk, row.sk));
    }
    for kind in &kinds {
        let mut problems = description_problems(kind);
        let of_kind: Vec<_> = rows.iter().filter(|r| r.table == kind.table && kind.matches(&r.pk, &r.sk)).collect();
        problems.extend(of_kind.iter().flat_map(|row| attribute_problems(kind, &row.types)));
        if of_kind.is_empty() {
            problems.push("no such row was written; add it to every_kind_of_row or delete the section".into());
        } else {
            let written = of_kind.iter().flat_map(|row| row.types.keys()).filter_map(|path| kind.attribute(path));
            let written: BTreeSet<_> = written.map(|(documented, _)| documented).collect();
            let unused = kind.attributes.keys().filter(|path| !written.contains(path));
            problems.extend(unused.map(|path| format!("no row has the documented attribute `{path}`")));
        }
        differences.extend(problems.into_iter().map(|problem| format!("{}, {}: {problem}", kind.table, kind.name)));
    }
    differences
}

#[tokio::test]
async fn data_model_document_lists_every_row_and_attribute() {
    let tables = Tables::create().await;
    every_kind_of_row(&tables).await;
    let differences: Vec<_> = differences(DOCUMENT, &rows(&tables).await).into_iter().collect();
    assert!(
        differences.is_empty(),
        "docs/data-model.md and the rows in the tables differ. Correct the document, or write the row in \
         every_kind_of_row in shared/store/tests/store/data_model.rs:\n- {}",
        differences.join("\n- ")
    );
}

#[tokio::test]
async fn comparison_finds_each_kind_of_difference() {
    let tables = Tables::create().await;
    every_kind_of_row(&tables).await;
    let rows = rows(&tables).await;
    for (documented, changed, expected) in [
        ("| `title` |", "| `name` |", "Chat, Thread: the attribute `title` (S) is not documented"),
        ("| `title` |", "| `name` |", "Chat, Thread: no row has the documented attribute `name`"),
        (
            "`lastMessage.body`",
            "`lastMessage.text`",
            "Chat, Thread: `lastMessage.text` is never absent, but Thread does",
        ),
        ("| `size` | N |", "| `size` | S |", "Chat, File: `size` has the type N, not S"),
        (
            "| sk | `PROFILE` |",
            "| sk | `NAME` |",
            "Chat: the row USER#user-sarah / PROFILE must match one section, not []",
        ),
        ("| sk | `PROFILE` |", "| sk | `NAME` |", "Chat, Profile: no such row was written"),
        (
            "| TTL | with its connection |",
            "| TTL | none |",
            "Connections, Subscription: a row has a TTL if and only if",
        ),
        ("`ws-ticket` creates it", "`ws-tickets` creates it", "Connections, Ticket: \"Written by\" names the function"),
        (
            "\"seq\": 1,\n  \"contentHash\"",
            "\"contentHash\"",
            "Chat, Idempotency record: example: `seq` is never absent",
        ),
    ] {
        assert!(DOCUMENT.contains(documented), "{documented} is not in the document");
        let found = differences(&DOCUMENT.replace(documented, changed), &rows);
        assert!(found.iter().any(|difference| difference.starts_with(expected)), "{expected}: {found:#?}");
    }
}

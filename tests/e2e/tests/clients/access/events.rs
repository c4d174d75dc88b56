use documents::access::rows;
use e2e::{Socket, fetch, jpeg};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Fixture, assert_no_errors};

/// Returns the frame of an action on the channel that a row names.
fn frame(fixture: &Fixture, action: &str, on: &str) -> Value {
    match on {
        "the thread" => json!({ "action": action, "channel": format!("thread:{}", fixture.thread) }),
        "the inbox" => json!({ "action": action, "channel": "inbox" }),
        "nothing" => json!({ "action": action }),
        on => panic!("docs/access.md: add the channel of {on:?} in {}", file!()),
    }
}

#[tokio::test]
async fn every_action_is_answered_as_documented() {
    let fixture = &Fixture::new().await;
    let mut errors = Vec::new();
    for row in rows("Actions") {
        for (column, expected) in &row.cells[2..] {
            let mut socket = socket(fixture, column).await;
            let answer = socket.request(frame(fixture, row.name(), row.cell("on"))).await;
            let code = &answer["data"]["code"];
            let given = if answer["event"] == "error" { code } else { &answer["event"] };
            if given != expected {
                let on = row.cell("on");
                errors.push(format!("{} on {on}, {column}: the answer is not {expected}: {answer}", row.name()));
            }
        }
    }
    assert_no_errors(&errors);
}

/// Makes the server push an event about the fixture's thread. Returns an ID that events of other tests do not have, and
/// before it the JSON Pointer to the place of this ID in the frame.
async fn cause(fixture: &Fixture, event: &str) -> (&'static str, String) {
    let Fixture { owner, member, thread, .. } = fixture;
    let put = async |path: &str, method: Method, body: Value| {
        let reply = fetch(owner.request(method, &format!("/api/threads/{thread}/{path}")).json(&body)).await;
        assert_eq!(reply.status, 200, "{reply}");
    };
    match event {
        "message:new" => {
            owner.send(thread, "hello").await;
            ("/data/threadId", thread.clone())
        }
        "message:changed" => {
            put("messages/1/reaction", Method::PUT, json!({ "emoji": "👍" })).await;
            ("/data/threadId", thread.clone())
        }
        "file:status" => {
            let bytes = jpeg(16, 16);
            let upload = owner.create_file("a.jpg", "image/jpeg", bytes.len()).await;
            owner.send_files(thread, "look", &[&upload.id]).await;
            upload.send(&bytes).await;
            ("/data/fileId", upload.id)
        }
        "typing" => {
            owner.connect_and_subscribe(thread).await.type_in(thread).await;
            ("/data/threadId", thread.clone())
        }
        "read:updated" => {
            let message = member.send(thread, "read this").await;
            put("read", Method::PUT, json!({ "seq": message["seq"] })).await;
            ("/data/threadId", thread.clone())
        }
        "thread:settings" => {
            put("me", Method::PATCH, json!({ "archived": true })).await;
            ("/data/threadId", thread.clone())
        }
        "thread:new" => ("/data/thread/id", owner.new_thread(&[member]).await),
        "thread:updated" => {
            owner.send(thread, "hello").await;
            ("/data/thread/id", thread.clone())
        }
        event => panic!("docs/access.md: add what causes {event:?} in {}", file!()),
    }
}

async fn socket(fixture: &Fixture, column: &str) -> Socket {
    let user = fixture.user(column);
    match column.split_once(", ") {
        None => user.connect().await,
        Some((_, "subscribed")) => user.connect_and_subscribe(&fixture.thread).await,
        Some((_, "inbox")) => user.connect_inbox().await,
        Some((_, "refused")) => {
            let mut socket = user.connect_inbox().await;
            let answer = socket.request(frame(fixture, "subscribe", "the thread")).await;
            assert_eq!(answer["event"], "error", "{answer}");
            socket
        }
        Some(_) => panic!("docs/access.md: add the socket of {column:?} in {}", file!()),
    }
}

#[tokio::test]
async fn every_event_reaches_exactly_the_documented_sockets() {
    let fixture = &Fixture::new().await;
    let mut errors = Vec::new();
    for row in rows("Events") {
        let cells = &row.cells[1..];
        let sockets = join_all(cells.iter().map(async |(column, _)| socket(fixture, column).await)).await;
        let (path, id) = cause(fixture, row.name()).await;
        let is_event = |frame: &Value| {
            frame["event"] == row.name() && frame.pointer(path).is_some_and(|value| *value == id.as_str())
        };
        let (mut receivers, mut others): (Vec<_>, Vec<_>) =
            cells.iter().zip(sockets).partition(|((_, cell), _)| cell == "yes");
        assert!(!receivers.is_empty(), "docs/access.md: nobody receives {}", row.name());
        for ((column, _), socket) in &mut receivers {
            socket.wait_for(&format!("{} for {column}", row.name()), is_event).await;
        }
        // A delivery posts to all its subscribers at once. So if the server had wrongly delivered the event to these
        // sockets, too, it would have arrived before the `pong`.
        for ((column, cell), socket) in &mut others {
            assert_eq!(cell, "no", "docs/access.md: {}, {column}", row.name());
            socket.ping().await;
            if socket.has_unread(is_event) {
                errors.push(format!("{}: {column} received it", row.name()));
            }
        }
    }
    assert_no_errors(&errors);
}

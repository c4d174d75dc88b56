use documents::access::rows;
use e2e::{Socket, jpeg};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{Fixture, assert_no_errors};

/// Returns the frame of an action on the fixture's thread.
fn frame(fixture: &Fixture, action: &str) -> Value {
    match action {
        "subscribe" | "unsubscribe" => json!({ "action": action, "channel": format!("thread:{}", fixture.thread) }),
        "ping" => json!({ "action": action }),
        action => panic!("docs/access.md: add the frame of {action:?} in {}", file!()),
    }
}

#[tokio::test]
async fn every_action_is_answered_as_documented() {
    let fixture = &Fixture::new().await;
    let mut errors = Vec::new();
    for row in rows("Actions") {
        for (column, expected) in &row.cells[1..] {
            let mut socket = fixture.user(column).connect().await;
            let answer = socket.request(frame(fixture, row.name())).await;
            let code = &answer["data"]["code"];
            let given = if answer["event"] == "error" { code } else { &answer["event"] };
            if given != expected {
                errors.push(format!("{}, {column}: the answer is not {expected}: {answer}", row.name()));
            }
        }
    }
    assert_no_errors(&errors);
}

/// Makes the server push an event about the fixture's thread. Returns the path in the frame to the ID that tells this
/// event from those of other tests, and the ID.
async fn cause(fixture: &Fixture, event: &str) -> (&'static str, String) {
    let Fixture { owner, thread, .. } = fixture;
    match event {
        "message:new" => {
            owner.send(thread, "hello").await;
            ("/data/threadId", thread.clone())
        }
        "file:status" => {
            let bytes = jpeg(16, 16);
            let upload = owner.create_file("a.jpg", "image/jpeg", bytes.len()).await;
            owner.send_files(thread, "look", &[&upload.id]).await;
            upload.send(&bytes).await;
            ("/data/fileId", upload.id)
        }
        event => panic!("docs/access.md: add what causes {event:?} in {}", file!()),
    }
}

async fn socket(fixture: &Fixture, column: &str) -> Socket {
    let user = fixture.user(column);
    match column {
        "stranger" => {
            let mut socket = user.connect().await;
            let answer = socket.request(frame(fixture, "subscribe")).await;
            assert_eq!(answer["event"], "error", "{answer}");
            socket
        }
        column if column.ends_with(", subscribed") => user.connect_and_subscribe(&fixture.thread).await,
        _ => user.connect().await,
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
        // A delivery posts to all its sockets at once. So an event for these sockets, too, would arrive before the pong.
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

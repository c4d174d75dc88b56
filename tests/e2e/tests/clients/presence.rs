//! Tests of what members and their devices learn of each other: read marks, settings and typing.

use e2e::{Reply, Socket, User, eventually, fetch};
use reqwest::Method;
use serde_json::{Value, json};

async fn mark_read(user: &User, thread: &str, seq: u64) {
    let request = user.request(Method::PUT, &format!("/api/threads/{thread}/read"));
    assert_eq!(fetch(request.json(&json!({ "seq": seq }))).await.ok(200), json!({ "readSeq": seq }));
}

async fn change_settings(user: &User, thread: &str, settings: &Value) -> Reply {
    fetch(user.request(Method::PATCH, &format!("/api/threads/{thread}/me")).json(settings)).await
}

async fn share_receipts(user: &User, receipts: bool) {
    let reply = fetch(user.request(Method::PATCH, "/api/me").json(&json!({ "receipts": receipts }))).await;
    assert_eq!(reply.ok(200)["receipts"], receipts);
}

async fn wait_for_mark(socket: &mut Socket, thread: &str, user: &User, seq: u64) {
    let data = socket.wait_for_event("read:updated", thread, |data| data["seq"] == seq).await;
    assert_eq!(data, json!({ "threadId": thread, "userId": user.id, "seq": seq }));
}

/// Checks that a socket has received no event about the thread. Call it after all sockets that must receive the events
/// have received them.
async fn assert_quiet(socket: &mut Socket, thread: &str) {
    socket.ping().await;
    assert!(socket.unread_events(thread).is_empty(), "{:?}", socket.unread_events(thread));
}

#[tokio::test]
async fn read_mark_reaches_the_own_devices_and_the_viewers_of_the_thread() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    sarah.send_many(&thread, 2).await;
    let mut receivers = [
        michael.connect().await,
        michael.connect_and_subscribe(&thread).await,
        sarah.connect_and_subscribe(&thread).await,
    ];
    let mut others = [sarah.connect().await, User::dad().await.connect_inbox().await];
    for seq in [1, 2] {
        mark_read(&michael, &thread, seq).await;
        for socket in &mut receivers {
            wait_for_mark(socket, &thread, &michael, seq).await;
        }
    }
    for socket in &mut others {
        assert_quiet(socket, &thread).await;
    }
}

#[tokio::test]
async fn mark_that_does_not_move_is_not_pushed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    sarah.send_many(&thread, 3).await;
    let mut device = michael.connect().await;
    mark_read(&michael, &thread, 2).await;
    wait_for_mark(&mut device, &thread, &michael, 2).await;
    let request = michael.request(Method::PUT, &format!("/api/threads/{thread}/read"));
    assert_eq!(fetch(request.json(&json!({ "seq": 1 }))).await.ok(200), json!({ "readSeq": 2 }));
    mark_read(&michael, &thread, 3).await;
    wait_for_mark(&mut device, &thread, &michael, 3).await;
    assert!(!device.has_unread(|frame| frame["data"]["threadId"] == *thread && frame["data"]["seq"] == 1));
}

#[tokio::test]
async fn member_without_receipts_tells_only_the_own_devices() {
    let (sarah, shy) = (User::sarah().await, User::newcomer().await);
    share_receipts(&shy, false).await;
    let thread = sarah.new_thread(&[&shy]).await;
    sarah.send_many(&thread, 2).await;
    let (mut device, mut viewer) = (shy.connect().await, sarah.connect_and_subscribe(&thread).await);
    mark_read(&shy, &thread, 1).await;
    wait_for_mark(&mut device, &thread, &shy, 1).await;
    share_receipts(&shy, true).await;
    mark_read(&shy, &thread, 2).await;
    wait_for_mark(&mut viewer, &thread, &shy, 2).await;
    assert!(!viewer.has_unread(|frame| frame["event"] == "read:updated" && frame["data"]["userId"] == *shy.id));
}

#[tokio::test]
async fn settings_reach_only_the_own_inboxes() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut inboxes = [michael.connect_inbox().await, michael.connect_inbox().await];
    let mut others = [
        michael.connect().await,
        sarah.connect_inbox().await,
        sarah.connect_and_subscribe(&thread).await,
        User::dad().await.connect_inbox().await,
    ];
    let until = "2099-01-01T00:00:00.000Z";
    for (change, archived, muted_until) in [
        (json!({ "archived": true }), true, Value::Null),
        (json!({ "mutedUntil": until }), true, json!(until)),
        (json!({ "archived": false, "mutedUntil": null }), false, Value::Null),
    ] {
        let settings = json!({ "archived": archived, "mutedUntil": muted_until });
        assert_eq!(change_settings(&michael, &thread, &change).await.ok(200), settings);
        for inbox in &mut inboxes {
            let current = |data: &Value| data["archived"] == archived && data["mutedUntil"] == muted_until;
            let data = inbox.wait_for_event("thread:settings", &thread, current).await;
            assert_eq!(data["threadId"], *thread);
        }
    }
    for socket in &mut others {
        assert_quiet(socket, &thread).await;
    }
}

#[tokio::test]
async fn archived_thread_is_still_updated() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut inbox = michael.connect_inbox().await;
    assert_eq!(change_settings(&michael, &thread, &json!({ "archived": true })).await.status, 200);
    sarah.send(&thread, "hello").await;
    inbox.wait_for_event("thread:updated", &thread, |data| data["thread"]["lastSeq"] == 1).await;
    let details = michael.get(&format!("/api/threads/{thread}"), &[]).await.ok(200);
    assert_eq!((&details["archived"], &details["lastSeq"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn typing_reaches_the_other_viewers_of_the_thread() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut typist = sarah.connect_and_subscribe(&thread).await;
    let mut viewers = [michael.connect_and_subscribe(&thread).await, michael.connect_and_subscribe(&thread).await];
    let mut others = [
        sarah.connect_and_subscribe(&thread).await,
        michael.connect_inbox().await,
        User::dad().await.connect_inbox().await,
    ];
    typist.type_in(&thread).await;
    for viewer in &mut viewers {
        let data = viewer.wait_for_event("typing", &thread, |_| true).await;
        assert_eq!(data, json!({ "threadId": thread, "userId": sarah.id }));
    }
    for socket in others.iter_mut().chain([&mut typist]) {
        assert_quiet(socket, &thread).await;
    }
}

#[tokio::test]
async fn typing_without_id_is_never_answered() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut viewer = michael.connect_and_subscribe(&thread).await;
    let mut socket = sarah.connect().await;
    let channel = format!("thread:{thread}");
    for frame in [
        json!({ "action": "typing", "channel": channel }),
        json!({ "action": "typing", "channel": "inbox" }),
        json!({ "action": "typing" }),
    ] {
        socket.send(frame.to_string()).await;
    }
    let refused = socket.request(json!({ "action": "typing", "channel": channel })).await;
    assert_eq!(refused["data"]["code"], "not_subscribed", "{refused}");
    eventually("subscribing", async || socket.try_subscribe(&thread).await).await;
    socket.send(json!({ "action": "typing", "channel": channel }).to_string()).await;
    viewer.wait_for_event("typing", &thread, |_| true).await;
    socket.ping().await;
    assert!(!socket.has_unread(|frame| frame["event"] == "error" || frame["event"] == "accepted"));
}

/// Causes every kind of event about a thread. A stranger, who has an inbox and knows the thread's ID, must receive none
/// of them.
#[tokio::test]
async fn stranger_receives_nothing_about_the_thread() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let dad = User::dad().await;
    let mut stranger = dad.connect_inbox().await;
    let (mut inbox, mut viewer) = (michael.connect_inbox().await, michael.connect().await);
    let thread = sarah.new_thread(&[&michael]).await;
    let channel = format!("thread:{thread}");
    for (action, code) in [("subscribe", "thread_not_found"), ("typing", "not_subscribed")] {
        let refused = stranger.request(json!({ "action": action, "channel": channel })).await;
        assert_eq!(refused["data"]["code"], code, "{refused}");
    }
    let settings = change_settings(&dad, &thread, &json!({ "archived": true })).await;
    settings.assert_problem(404, "thread_not_found");
    viewer.subscribe(&thread).await;
    let mut typist = sarah.connect_and_subscribe(&thread).await;

    typist.type_in(&thread).await;
    sarah.send(&thread, "hello").await;
    mark_read(&michael, &thread, 1).await;
    assert_eq!(change_settings(&michael, &thread, &json!({ "archived": true })).await.status, 200);
    for event in ["thread:new", "thread:updated", "thread:settings"] {
        inbox.wait_for_event(event, &thread, |_| true).await;
    }
    for event in ["typing", "message:new", "read:updated"] {
        viewer.wait_for_event(event, &thread, |_| true).await;
    }
    assert_quiet(&mut stranger, &thread).await;
}

//! Tests of the inbox: a connection that subscribed to it learns of every change in the user's list of threads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::{Operator, Socket, User, eventually, items, known_user_id, seq_of, text, unknown_user_id};
use futures::future::join_all;
use serde_json::{Value, json};

/// Returns all threads of the user's list by ID, except the archived ones.
async fn threads(user: &User) -> BTreeMap<String, Value> {
    let (mut threads, mut cursor) = (BTreeMap::new(), None::<String>);
    loop {
        let mut query = vec![("limit", "100")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = user.get("/api/threads", &query).await.ok(200);
        threads.extend(items(&page["threads"]).iter().map(|thread| (text(&thread["id"]).to_owned(), thread.clone())));
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return threads;
        }
    }
}

/// Waits for a `thread:updated` with the thread's `seq` or a later one, and returns the event's data.
async fn wait_for_update(socket: &mut Socket, thread: &str, seq: u64) -> Value {
    let reached = |data: &Value| data["thread"]["lastSeq"].as_u64().is_some_and(|last| last >= seq);
    socket.wait_for_event("thread:updated", thread, reached).await
}

/// Whether an unread `thread:updated` of the thread has the `seq`.
fn has_update(socket: &Socket, thread: &str, seq: u64) -> bool {
    socket.has_unread(|frame| frame["data"]["thread"]["id"] == thread && frame["data"]["thread"]["lastSeq"] == seq)
}

#[tokio::test]
async fn new_thread_appears_in_the_inboxes_of_its_members() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let mut inboxes = [sarah.connect_inbox().await, sarah.connect_inbox().await, michael.connect_inbox().await];
    let mut others = [michael.connect().await, User::dad().await.connect_inbox().await];
    let request = json!({ "memberIds": [michael.id, known_user_id().await], "title": "Summer" });
    let thread = text(&sarah.post("/api/threads", &request).await.ok(201)["id"]).to_owned();
    let mut listed = threads(&michael).await.remove(&thread).unwrap();
    for own in ["readSeq", "archived", "mutedUntil", "unreadCount"] {
        assert!(listed.as_object_mut().unwrap().remove(own).is_some(), "{own}");
    }
    for inbox in &mut inboxes {
        let data = inbox.wait_for_event("thread:new", &thread, |_| true).await;
        assert_eq!(data, json!({ "thread": listed }));
    }
    for other in &mut others {
        other.ping().await;
        assert!(other.unread_events(&thread).is_empty(), "{:?}", other.unread_events(&thread));
    }
}

#[tokio::test]
async fn thread_too_large_for_a_frame_is_pushed_as_its_id() {
    let sarah = User::sarah().await;
    let mut inbox = sarah.connect_inbox().await;
    // IDs of the maximum length. A member without a name is shown by ID, so the IDs and names of 70 members have about
    // 36 KB, too much for a frame of 32 KiB.
    let members: Vec<_> = (0..70).map(|_| format!("{:x<255}", unknown_user_id())).collect();
    let operator = Operator::new();
    join_all(members.iter().map(|member| operator.make_known(member))).await;
    let thread = sarah.post("/api/threads", &json!({ "memberIds": members })).await.ok(201);
    let id = text(&thread["id"]);
    let data = inbox.wait_for_event("thread:new", id, |_| true).await;
    assert_eq!(data, json!({ "thread": { "id": id, "truncated": true } }));
}

#[tokio::test]
async fn message_updates_the_inboxes_of_all_members() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut inboxes = [sarah.connect_inbox().await, michael.connect_inbox().await];
    let mut others = [michael.connect().await, User::dad().await.connect_inbox().await];
    let file = sarah.create_file("menu.pdf", "application/pdf", 12).await.id;
    let message = sarah.send_files(&thread, &"🏡".repeat(201), &[&file]).await;
    for inbox in &mut inboxes {
        let data = wait_for_update(inbox, &thread, 1).await;
        let preview = json!({
            "id": message["id"], "threadId": thread, "seq": 1, "rev": 0, "body": "🏡".repeat(200), "truncated": true,
            "author": message["author"], "createdAt": message["createdAt"],
            "attachments": [{ "id": file, "name": "menu.pdf", "mimetype": "application/pdf" }],
        });
        assert_eq!(
            data["thread"],
            json!({
                "id": thread, "lastSeq": 1, "updatedAt": message["createdAt"], "lastMessage": preview,
            })
        );
        assert_eq!(data["sent"], json!([{ "userId": sarah.id, "seq": 1 }]));
    }
    let listed = threads(&michael).await.remove(&thread).unwrap();
    assert_eq!((&listed["lastSeq"], &listed["readSeq"], &listed["unreadCount"]), (&json!(1), &json!(0), &json!(1)));
    let listed = threads(&sarah).await.remove(&thread).unwrap();
    assert_eq!((&listed["lastSeq"], &listed["readSeq"], &listed["unreadCount"]), (&json!(1), &json!(1), &json!(0)));
    for other in &mut others {
        other.ping().await;
        assert!(other.unread_events(&thread).is_empty(), "{:?}", other.unread_events(&thread));
    }
}

/// A connection may receive both `message:new` and `thread:updated` of a message if it has just subscribed to the
/// thread, or if the message was still undelivered when chat-stream processed it. So the test sends messages until one
/// arrives without a `thread:updated`.
#[tokio::test]
async fn viewer_of_the_thread_gets_its_messages_instead_of_updates() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut viewer, mut inbox) = (michael.connect_inbox().await, michael.connect_inbox().await);
    viewer.subscribe(&thread).await;
    eventually("a message that comes without an update", async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seq = seq_of(&sarah.send_with_retries(&thread, "hello").await);
        viewer.wait_for_message(&thread, seq).await;
        wait_for_update(&mut inbox, &thread, seq).await;
        viewer.ping().await;
        (!has_update(&viewer, &thread, seq)).then_some(())
    })
    .await;
    viewer.unsubscribe(&thread).await;
    let seq = seq_of(&sarah.send_with_retries(&thread, "and now?").await);
    wait_for_update(&mut viewer, &thread, seq).await;
    assert!(!viewer.unread_seqs(&thread).contains(&seq));
}

#[tokio::test]
async fn burst_of_messages_ends_with_the_true_state() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut inbox, mut own) = (michael.connect_inbox().await, sarah.connect_inbox().await);
    let bodies: Vec<_> = (0..30).map(|n| format!("message {n}")).collect();
    let senders = bodies.iter().enumerate().map(|(n, body)| (if n % 3 == 0 { &michael } else { &sarah }, body));
    let sent = join_all(senders.map(|(author, body)| author.send_with_retries(&thread, body))).await;
    let mut last = BTreeMap::<&str, u64>::new();
    for message in &sent {
        let mark = last.entry(text(&message["author"]["id"])).or_default();
        *mark = seq_of(message).max(*mark);
    }
    let newest = sent.iter().max_by_key(|message| seq_of(message)).unwrap();
    assert_eq!(seq_of(newest), 30);
    for socket in [&mut inbox, &mut own] {
        let data = wait_for_update(socket, &thread, 30).await;
        assert_eq!((&data["thread"]["lastSeq"], &data["thread"]["updatedAt"]), (&json!(30), &newest["createdAt"]));
        assert_eq!(data["thread"]["lastMessage"]["body"], newest["body"]);
        // Each author's read mark arrives in the `thread:updated` of the author's last message. This may be the event
        // above, an earlier or a later one.
        let told = |mark: &Value| last.get(text(&mark["userId"])).is_some_and(|seq| mark["seq"] == *seq);
        let mut authors: BTreeSet<_> = items(&data["sent"]).iter().filter(|mark| told(mark)).map(mark_owner).collect();
        while authors.len() < last.len() {
            let data = socket
                .wait_for_event("thread:updated", &thread, |data| {
                    items(&data["sent"]).iter().any(|mark| told(mark) && !authors.contains(text(&mark["userId"])))
                })
                .await;
            authors.extend(items(&data["sent"]).iter().filter(|mark| told(mark)).map(mark_owner));
        }
    }
}

fn mark_owner(mark: &Value) -> String {
    text(&mark["userId"]).to_owned()
}

#[tokio::test]
async fn list_after_subscribed_and_later_events_miss_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let messages = 5;
    let writing = async {
        let mut created = Vec::new();
        for _ in 0..4 {
            let thread = sarah.new_thread(&[&michael]).await;
            sarah.send_many(&thread, messages).await;
            created.push(thread);
        }
        created
    };
    let joining = join_all((0..3).map(async |_| {
        let inbox = michael.connect_inbox().await;
        (inbox, threads(&michael).await)
    }));
    let (created, mut joined) = futures::join!(writing, joining);
    for (inbox, listed) in &mut joined {
        for thread in &created {
            let held = listed.get(thread).map(|thread| thread["lastSeq"].as_u64().unwrap());
            if held.is_none() {
                inbox.wait_for_event("thread:new", thread, |_| true).await;
            }
            if held < Some(messages as u64) {
                wait_for_update(inbox, thread, messages as u64).await;
            }
        }
    }
}

#[tokio::test]
async fn unsubscribed_inbox_receives_nothing_and_files_still_do() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut left, mut kept) = (michael.connect_inbox().await, michael.connect_inbox().await);
    sarah.send(&thread, "with you").await;
    wait_for_update(&mut left, &thread, 1).await;
    left.unsubscribe_inbox().await;
    sarah.send(&thread, "without you").await;
    let other = sarah.new_thread(&[&michael]).await;
    wait_for_update(&mut kept, &thread, 2).await;
    kept.wait_for_event("thread:new", &other, |_| true).await;
    let file = michael.upload("a.txt", "text/plain", b"hello").await;
    left.wait_for_file_status(&file).await;
    assert!(!has_update(&left, &thread, 2));
    assert!(left.unread_events(&other).is_empty());

    eventually("subscribing again", async || left.try_subscribe_inbox().await).await;
    sarah.send(&thread, "with you again").await;
    wait_for_update(&mut left, &thread, 3).await;
}

#[tokio::test]
async fn subscribing_to_the_inbox_twice_and_unsubscribing_without_it_succeed() {
    let mut socket = User::sarah().await.connect().await;
    socket.unsubscribe_inbox().await;
    for _ in 0..2 {
        eventually("subscribing", async || socket.try_subscribe_inbox().await).await;
    }
    socket.send(json!({ "action": "subscribe", "channel": "inbox" }).to_string()).await;
    let answer = socket.wait_for("subscribed", |frame| frame["event"] == "subscribed").await;
    assert_eq!(answer, json!({ "event": "subscribed", "data": { "channel": "inbox" } }));
}

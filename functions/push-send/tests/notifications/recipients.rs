//! Tests which members are notified, on which devices, and of which message.

use contract::{Timestamp, UpdateSettings};
use serde_json::json;
use store::Change;
use testkit::{change, edit, set_in_message};

use crate::{Fixture, PAGE, user};

#[tokio::test]
async fn all_devices_of_the_other_members_are_notified() {
    let fixture = Fixture::with(&["user-sarah", "user-dad", "user-mom"]).await;
    let others = [fixture.device("user-dad").await, fixture.device("user-dad").await, fixture.device("user-mom").await];
    let (own, stranger) = (fixture.device("user-sarah").await, fixture.device("user-michael").await);
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    fixture.notify(seq).await;
    let id = fixture.thread.id.as_str();
    for device in &others {
        let [push] = &fixture.service.received(device)[..] else { panic!("each device is notified once") };
        let mut content = push.json();
        assert!(content["notification"]["timestamp"].take().is_i64());
        let expected = json!({
            "web_push": 8030,
            "notification": {
                "title": "Sarah and 1 other", "body": "Sarah: Dinner at 6?", "navigate": format!("{PAGE}#{id}"), "tag": id,
                "timestamp": null,
            },
            "app_badge": 1,
        });
        assert_eq!(content, expected);
        assert!(id.ends_with(&push.topic) && push.topic.len() == 32, "{}", push.topic);
    }
    assert_eq!([fixture.service.requests(&own), fixture.service.requests(&stranger)], [0, 0]);
    assert!(fixture.queued().is_empty());
}

#[tokio::test]
async fn members_who_have_read_muted_or_archived_are_not_notified() {
    let members = ["user-sarah", "user-reader", "user-muted", "user-archived", "user-later"];
    let fixture = Fixture::with(&members).await;
    let (chat, thread) = (fixture.tables.chat(), &fixture.thread.id);
    let mut devices = Vec::new();
    for member in members {
        devices.push(fixture.device(member).await);
    }
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    // The members change their read mark and settings in the 5 seconds until the queue delivers the request.
    chat.mark_read(&user("user-reader"), thread, seq).await.unwrap();
    let until = Timestamp::from_millis(Timestamp::now().millis() + 60_000);
    let mute = UpdateSettings { archived: None, muted_until: Some(Some(until)) };
    chat.update_settings(&user("user-muted"), thread, mute).await.unwrap();
    let archive = UpdateSettings { archived: Some(true), muted_until: None };
    chat.update_settings(&user("user-archived"), thread, archive).await.unwrap();
    fixture.notify(seq).await;
    let notified: Vec<_> = devices.iter().map(|device| fixture.shown(device).len()).collect();
    assert_eq!(notified, [0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn messages_of_a_burst_make_one_notification_of_the_newest() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    let seqs = [fixture.send("user-sarah", "Dinner").await, fixture.send("user-sarah", "at 6?").await];
    for seq in seqs {
        fixture.notify(seq).await;
    }
    assert_eq!(fixture.shown(&device), ["at 6?"]);
}

#[tokio::test]
async fn long_burst_is_announced_before_it_ends() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    for n in 1..=9 {
        fixture.send("user-sarah", &format!("message {n}")).await;
    }
    fixture.handle(json!({"threadId": fixture.thread.id, "seq": 8, "evenIfFollowed": true})).await;
    assert_eq!(fixture.shown(&device), ["message 9"]);
}

#[tokio::test]
async fn repeated_request_replaces_the_notification() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    for _ in 0..2 {
        fixture.notify(seq).await;
    }
    let [first, second] = &fixture.service.received(&device)[..] else { panic!("the request was handled twice") };
    assert_eq!(first, second, "the same content, tag and topic");
    // Once the message is read, a repeated request sends nothing.
    fixture.tables.chat().mark_read(&user("user-dad"), &fixture.thread.id, seq).await.unwrap();
    fixture.notify(seq).await;
    assert_eq!(fixture.service.requests(&device), 2);
}

#[tokio::test]
async fn edited_message_is_announced_as_it_is_now_and_a_deleted_one_is_not() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    let chat = fixture.tables.chat();
    let seq = fixture.send("user-sarah", "Diner at 6?").await;
    change(&chat, "user-sarah", &fixture.thread, seq, edit("Dinner at 6?")).await;
    fixture.notify(seq).await;
    assert_eq!(fixture.shown(&device), ["Dinner at 6?"]);
    change(&chat, "user-sarah", &fixture.thread, seq, Change::Delete).await;
    fixture.notify(seq).await;
    assert_eq!(fixture.service.requests(&device), 1);
}

#[tokio::test]
async fn old_messages_and_unknown_threads_are_not_announced() {
    let fixture = Fixture::new().await;
    let device = fixture.device("user-dad").await;
    let seq = fixture.send("user-sarah", "Dinner at 6?").await;
    let age = |seconds: i64| Timestamp::from_millis(Timestamp::now().millis() - seconds * 1_000).to_string();
    for (seconds, notified) in [(3_660, 0), (3_500, 1)] {
        set_in_message(&fixture.tables, &fixture.thread, seq, &[("createdAt", &age(seconds))]).await;
        fixture.notify(seq).await;
        assert_eq!(fixture.service.requests(&device), notified, "{seconds}");
    }
    fixture.handle(json!({"threadId": contract::ThreadId::new(), "seq": 1})).await;
    assert_eq!(fixture.service.requests(&device), 1);
}

#[tokio::test]
async fn three_hundred_devices_are_notified_once_each() {
    let members: Vec<_> = (0..31).map(|n| format!("user-{n}")).collect();
    let fixture = Fixture::with(&members.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut devices = Vec::new();
    for member in &members[1..] {
        for _ in 0..10 {
            devices.push(fixture.device(member).await);
        }
    }
    let seq = fixture.send("user-0", "Dinner at 6?").await;
    fixture.notify(seq).await;
    assert_eq!(devices.len(), 300);
    assert!(devices.iter().all(|device| fixture.shown(device) == ["0: Dinner at 6?"]));
    assert!(fixture.service.connections() <= 32, "{} connections", fixture.service.connections());
}

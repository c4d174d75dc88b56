//! Tests of the caller's settings for a thread: `PATCH /api/threads/{threadId}/me`, and the list of archived threads.

use e2e::{Reply, User, eventually, items, text};
use serde_json::{Value, json};

async fn change(user: &User, thread: &str, settings: &Value) -> Reply {
    user.patch(&format!("/api/threads/{thread}/me"), settings).await
}

#[tokio::test]
async fn archived_thread_is_only_in_the_archived_list_of_the_member_who_archived_it() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    for archived in [true, true, false] {
        let settings = change(&sarah, &thread, &json!({ "archived": archived })).await.ok(200);
        assert_eq!(settings, json!({ "archived": archived, "mutedUntil": null }));
        assert_eq!(sarah.thread(&thread).await["archived"], archived);
        assert_eq!(sarah.listed(&thread, archived).await.unwrap()["archived"], archived);
        assert_eq!(sarah.listed(&thread, !archived).await, None);
        assert_eq!(michael.listed(&thread, false).await.unwrap()["archived"], false);
    }
}

#[tokio::test]
async fn archived_thread_stays_archived_when_messages_arrive_and_settings_do_not_move_it() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let created = sarah.thread(&thread).await["updatedAt"].clone();
    let _ = change(&sarah, &thread, &json!({ "archived": true })).await.ok(200);
    assert_eq!(sarah.thread(&thread).await["updatedAt"], created);
    let sent = michael.send(&thread, "are you there?").await;
    let listed = eventually("the archived list shows the message", async || {
        sarah.listed(&thread, true).await.filter(|listed| listed["lastSeq"] == 1)
    })
    .await;
    assert_eq!((&listed["updatedAt"], &listed["unreadCount"]), (&sent["createdAt"], &json!(1)));
}

#[tokio::test]
async fn missing_setting_stays_unchanged_and_null_ends_the_mute() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let until = "2030-06-01T10:00:00.000Z";
    for (request, archived, muted_until) in [
        (json!({}), false, Value::Null),
        (json!({ "mutedUntil": "2030-06-01T12:00:00+02:00" }), false, json!(until)),
        (json!({ "archived": true, "unknown": 1 }), true, json!(until)),
        (json!({}), true, json!(until)),
        (json!({ "mutedUntil": null }), true, Value::Null),
        (json!({ "archived": false, "mutedUntil": "1999-01-01T00:00:00Z" }), false, json!("1999-01-01T00:00:00.000Z")),
    ] {
        let expected = json!({ "archived": archived, "mutedUntil": muted_until });
        assert_eq!(change(&sarah, &thread, &request).await.ok(200), expected, "{request}");
        let shown = sarah.thread(&thread).await;
        assert_eq!(json!({ "archived": shown["archived"], "mutedUntil": shown["mutedUntil"] }), expected);
    }
}

#[tokio::test]
async fn invalid_settings_are_all_named_and_change_nothing() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    for until in
        [json!("tomorrow"), json!("2030-06-01"), json!(1_900_000_000), json!("10000-01-01T00:00:00Z"), json!([])]
    {
        let reply = change(&sarah, &thread, &json!({ "archived": "yes", "mutedUntil": until })).await;
        reply.assert_problem_fields(422, "invalid_request", &["archived", "mutedUntil"]);
        let reply = change(&sarah, &thread, &json!({ "archived": true, "mutedUntil": until })).await;
        reply.assert_problem_fields(422, "invalid_request", &["mutedUntil"]);
    }
    change(&sarah, &thread, &json!([])).await.assert_problem(422, "invalid_request");
    assert_eq!(sarah.thread(&thread).await["archived"], false);
}

#[tokio::test]
async fn settings_of_a_non_member_are_not_found_and_create_no_membership() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.new_thread(&[]).await;
    for settings in [json!({ "archived": true }), json!({ "mutedUntil": null }), json!({})] {
        change(&dad, &thread, &settings).await.assert_problem(404, "thread_not_found");
    }
    for archived in [false, true] {
        assert_eq!(dad.listed(&thread, archived).await, None);
    }
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn pages_of_both_lists_have_each_thread_once_and_cursors_of_their_own() {
    let newcomer = User::newcomer().await;
    let _ = newcomer.get("/api/me", &[]).await.ok(200);
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(newcomer.new_thread(&[]).await);
    }
    for thread in &ids[..3] {
        let _ = change(&newcomer, thread, &json!({ "archived": true })).await.ok(200);
    }
    for (archived, other, expected) in [("true", "false", &ids[..3]), ("false", "true", &ids[3..])] {
        let (mut listed, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = vec![("archived", archived), ("limit", "1")];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = newcomer.get("/api/threads", &query).await.ok(200);
            listed.extend(items(&page["threads"]).iter().map(|thread| text(&thread["id"]).to_owned()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            let mixed = newcomer.get("/api/threads", &[("archived", other), ("cursor", next)]).await;
            mixed.assert_problem(400, "invalid_cursor");
            cursor = Some(next.to_owned());
        }
        listed.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(listed, expected, "archived={archived}");
    }
}

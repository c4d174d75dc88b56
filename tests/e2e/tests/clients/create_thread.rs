//! POST /api/threads

use std::collections::BTreeSet;

use e2e::{Reply, User, api_url, assert_thread, fetch, fresh_member, http, items, text};
use futures::future::join_all;
use serde_json::{Value, json};

async fn create(user: &User, body: &Value) -> Reply {
    user.post("/api/threads", body).await
}

fn members(thread: &Value) -> BTreeSet<&str> {
    let listed: Vec<&str> = items(&thread["memberIds"]).iter().map(text).collect();
    let members: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(members.len(), listed.len(), "a member twice: {thread}");
    members
}

fn fresh_members(count: usize) -> Vec<String> {
    (0..count).map(|_| fresh_member()).collect()
}

#[tokio::test]
async fn a_new_set_of_members_is_created_with_a_location() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let fresh = fresh_member();
    let reply = create(&sarah, &json!({ "memberIds": [michael.id, fresh], "title": "Family Chat" })).await;
    let location = reply.header("location").map(str::to_owned);
    let thread = reply.ok(201);
    assert_thread(&thread, &[]);
    assert_eq!(thread["title"], "Family Chat");
    assert_eq!(thread["createdAt"], thread["updatedAt"]);
    let expected: BTreeSet<&str> = [sarah.id.as_str(), &michael.id, &fresh].into();
    assert_eq!(members(&thread), expected);

    let location = location.unwrap_or_else(|| panic!("201 without a Location"));
    assert!(location.ends_with(&format!("/api/threads/{}", text(&thread["id"]))), "{location}");
    let base = api_url("/", &[]);
    let path = if location.starts_with('/') { api_url(&location, &[]) } else { base.join(&location).unwrap() };
    let found = fetch(http().get(path).bearer_auth(&sarah.token)).await.ok(200);
    assert_eq!(found["id"], thread["id"]);
}

#[tokio::test]
async fn the_same_set_is_found_whoever_asks_and_however_it_is_written() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (s, m, f) = (sarah.id.as_str(), michael.id.as_str(), fresh_member());
    let f = f.as_str();
    let first = create(&sarah, &json!({ "memberIds": [m, f], "title": "First" })).await.ok(201);
    let again: [(&User, &[&str]); 6] = [
        (&sarah, &[m, f]),
        (&sarah, &[f, m]),
        (&sarah, &[f, s, m]),
        (&sarah, &[m, m, f, s, f, s]),
        (&michael, &[s, f]),
        (&michael, &[m, f, s]),
    ];
    for (caller, members) in again {
        let found = create(caller, &json!({ "memberIds": members, "title": "Second" })).await.ok(200);
        assert_thread(&found, &[]);
        for key in ["id", "title", "memberIds", "createdAt"] {
            assert_eq!(found[key], first[key], "{key} as {} names {members:?}", caller.name);
        }
    }
}

#[tokio::test]
async fn a_set_with_one_more_or_one_less_is_another_thread() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (one, two) = (fresh_member(), fresh_member());
    let mut ids = BTreeSet::new();
    for members in [vec![&*one], vec![&*two], vec![&*one, &*two], vec![&*one, &*michael.id]] {
        let thread = sarah.create(&members).await.ok(201);
        assert!(ids.insert(text(&thread["id"]).to_owned()), "found another set's thread: {thread}");
    }
}

#[tokio::test]
async fn ids_that_run_together_are_not_the_same_set() {
    let sarah = User::sarah().await;
    for joint in ["", ",", "|", "#", ":", " ", "/"] {
        let stem = format!("z{}", fresh_member());
        let (a, b, c) = (format!("{stem}a"), format!("{stem}b"), format!("{stem}c"));
        let left = sarah.create(&[&format!("{a}{joint}{b}"), &c]).await.ok(201);
        let right = sarah.create(&[&a, &format!("{b}{joint}{c}")]).await.ok(201);
        assert_ne!(left["id"], right["id"], "joined by {joint:?}");
    }
}

#[tokio::test]
async fn of_many_concurrent_creates_one_creates_and_the_rest_find() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let fresh = fresh_member();
    let hers = [michael.id.as_str(), fresh.as_str()];
    let his = [fresh.as_str(), sarah.id.as_str(), fresh.as_str()];
    let replies = join_all((0..24).map(|n| if n % 2 == 0 { sarah.create(&hers) } else { michael.create(&his) })).await;
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(created, 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    for reply in &replies {
        assert!(matches!(reply.status, 200 | 201), "{reply}");
        assert_eq!(reply.json["id"], replies[0].json["id"], "{reply}");
    }
}

#[tokio::test]
async fn a_title_is_optional() {
    let sarah = User::sarah().await;
    for body in [json!({ "memberIds": [fresh_member()] }), json!({ "memberIds": [fresh_member()], "title": null })] {
        let thread = create(&sarah, &body).await.ok(201);
        assert_thread(&thread, &[]);
        assert_eq!(thread["title"], Value::Null);
    }
}

#[tokio::test]
async fn a_title_has_at_most_100_characters_however_wide() {
    let sarah = User::sarah().await;
    for letter in ["x", "é", "👪"] {
        let title = letter.repeat(100);
        let thread = create(&sarah, &json!({ "memberIds": [fresh_member()], "title": title })).await.ok(201);
        assert_eq!(thread["title"], title);
        let reply = create(&sarah, &json!({ "memberIds": [fresh_member()], "title": letter.repeat(101) })).await;
        reply.assert_problem_in(422, "invalid_request", &["title"]);
    }
}

#[tokio::test]
async fn ninety_members_are_allowed_and_the_caller_is_one_of_them() {
    let sarah = User::sarah().await;
    let others = fresh_members(89);
    let mut named: Vec<&str> = others.iter().map(String::as_str).collect();
    let thread = sarah.create(&named).await.ok(201);
    assert_eq!(members(&thread).len(), 90);
    let path = format!("/api/threads/{}", text(&thread["id"]));
    let found = sarah.get(&path, &[]).await.ok(200);
    assert_eq!(found["memberIds"], thread["memberIds"]);
    assert_eq!(items(&found["memberNames"]).len(), 90);

    named.extend([&*sarah.id, &*sarah.id, named[0], named[1]]);
    assert_eq!(sarah.create(&named).await.ok(200)["id"], thread["id"], "repeats count once");
}

#[tokio::test]
async fn ninety_one_members_are_too_many_whether_the_caller_is_named_or_not() {
    let sarah = User::sarah().await;
    let others = fresh_members(90);
    let mut named: Vec<&str> = others.iter().map(String::as_str).collect();
    sarah.create(&named).await.assert_problem_in(422, "invalid_request", &["memberIds"]);
    named.push(&sarah.id);
    sarah.create(&named).await.assert_problem_in(422, "invalid_request", &["memberIds"]);
}

#[tokio::test]
async fn every_offending_field_is_named() {
    let sarah = User::sarah().await;
    let cases = [
        (json!({}), vec!["memberIds"]),
        (json!({ "memberIds": null }), vec!["memberIds"]),
        (json!({ "memberIds": "user_1" }), vec!["memberIds"]),
        (json!({ "memberIds": [1, null] }), vec!["memberIds"]),
        (json!({ "memberIds": { "0": "user_1" } }), vec!["memberIds"]),
        (json!({ "memberIds": ["user_1"], "title": 7 }), vec!["title"]),
        (json!({ "memberIds": 3, "title": ["x"] }), vec!["memberIds", "title"]),
        (json!({ "memberIds": 3, "title": "x".repeat(101) }), vec!["memberIds", "title"]),
        (json!({ "memberIds": fresh_members(91), "title": false }), vec!["memberIds", "title"]),
    ];
    for (body, fields) in cases {
        create(&sarah, &body).await.assert_problem_in(422, "invalid_request", &fields);
    }
}

#[tokio::test]
async fn a_body_that_is_not_an_object_is_invalid() {
    let sarah = User::sarah().await;
    for body in [json!([]), json!("memberIds"), json!(7), json!(null), json!(true)] {
        create(&sarah, &body).await.assert_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let sarah = User::sarah().await;
    for body in ["", "{", "memberIds", "{\"memberIds\":[\"a\"]", "{\"memberIds\":['a']}", "{\"memberIds\":[\"a\"]} x"] {
        sarah.post_raw("/api/threads", body).await.assert_problem(400, "malformed_json");
    }
}

#[tokio::test]
async fn a_bottomless_body_is_refused() {
    let sarah = User::sarah().await;
    let reply = sarah.post_raw("/api/threads", "[".repeat(100_000)).await;
    reply.assert_problem(400, "malformed_json");
    let reply = sarah.post_raw("/api/threads", "{\"a\":".repeat(100_000)).await;
    reply.assert_problem(413, "body_too_large");
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_ignored() {
    let sarah = User::sarah().await;
    let body = json!({ "memberIds": [fresh_member()], "id": "thread_mine", "ownerId": "x", "createdAt": 1 });
    let thread = create(&sarah, &body).await.ok(201);
    assert_thread(&thread, &[]);
    assert_ne!(thread["id"], "thread_mine");
    let body = json!({ "memberIds": [fresh_member()] });
    let _ = sarah.post("/api/threads?memberIds=x&limit=abc&title", &body).await.ok(201);
}

#[tokio::test]
async fn strange_member_ids_are_taken_or_refused_but_break_nothing() {
    let sarah = User::sarah().await;
    let long = "x".repeat(5000);
    for id in ["", " ", "\u{0}", "../..", "USER#x", "👪", "\u{202e}x", "null", long.as_str()] {
        let reply = sarah.create(&[id, &fresh_member()]).await;
        match reply.status {
            201 => assert!(members(&reply.json).contains(id), "{reply}"),
            _ => reply.assert_problem_in(422, "invalid_request", &["memberIds"]),
        }
    }
}

//! Tests of `POST /api/threads`

use std::collections::BTreeSet;

use e2e::{Operator, Reply, User, api_url, assert_thread, fetch, http, items, known_user_id, text, unknown_user_id};
use futures::future::join_all;
use serde_json::{Value, json};

async fn create(user: &User, body: &Value) -> Reply {
    user.post("/api/threads", body).await
}

fn members(thread: &Value) -> BTreeSet<&str> {
    let listed: Vec<&str> = items(&thread["memberIds"]).iter().map(text).collect();
    let members: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(members.len(), listed.len(), "a member is listed twice: {thread}");
    members
}

async fn known_user_ids(count: usize) -> Vec<String> {
    join_all((0..count).map(|_| known_user_id())).await
}

#[tokio::test]
async fn new_set_of_members_creates_a_thread_with_a_location() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let fresh = known_user_id().await;
    let reply = create(&sarah, &json!({ "memberIds": [michael.id, fresh], "title": "Family Chat" })).await;
    let location = reply.header("location").map(str::to_owned);
    let thread = reply.ok(201);
    assert_thread(&thread, &[]);
    assert_eq!(thread["title"], "Family Chat");
    assert_eq!(thread["createdAt"], thread["updatedAt"]);
    let expected: BTreeSet<&str> = [sarah.id.as_str(), &michael.id, &fresh].into();
    assert_eq!(members(&thread), expected);

    let location = location.unwrap_or_else(|| panic!("the 201 response has no Location header"));
    assert!(location.ends_with(&format!("/api/threads/{}", text(&thread["id"]))), "{location}");
    let base = api_url("/", &[]);
    let path = if location.starts_with('/') { api_url(&location, &[]) } else { base.join(&location).unwrap() };
    let found = fetch(http().get(path).bearer_auth(&sarah.token)).await.ok(200);
    assert_eq!(found["id"], thread["id"]);
}

#[tokio::test]
async fn same_set_finds_the_thread_in_any_order_and_for_any_member() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (s, m, f) = (sarah.id.as_str(), michael.id.as_str(), known_user_id().await);
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
async fn larger_or_smaller_set_creates_another_thread() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (one, two) = (known_user_id().await, known_user_id().await);
    let mut ids = BTreeSet::new();
    for members in [vec![&*one], vec![&*two], vec![&*one, &*two], vec![&*one, &*michael.id]] {
        let thread = sarah.create_thread(&members).await.ok(201);
        assert!(ids.insert(text(&thread["id"]).to_owned()), "an earlier set of members has the same thread: {thread}");
    }
}

#[tokio::test]
async fn ids_that_are_equal_when_joined_are_different_sets() {
    let sarah = User::sarah().await;
    for joint in ["", ",", "|", "#", ":", " ", "/"] {
        let stem = format!("z{}", unknown_user_id());
        let (a, b, c) = (format!("{stem}a"), format!("{stem}b"), format!("{stem}c"));
        let (left, right) = ([format!("{a}{joint}{b}"), c.clone()], [a, format!("{b}{joint}{c}")]);
        for id in left.iter().chain(&right) {
            Operator::new().make_known(id).await;
        }
        let left = sarah.create_thread(&left.each_ref().map(String::as_str)).await.ok(201);
        let right = sarah.create_thread(&right.each_ref().map(String::as_str)).await.ok(201);
        assert_ne!(left["id"], right["id"], "the IDs are equal if they are joined by {joint:?}");
    }
}

#[tokio::test]
async fn concurrent_requests_for_one_set_create_one_thread() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let fresh = known_user_id().await;
    let sarahs = [michael.id.as_str(), fresh.as_str()];
    let michaels = [fresh.as_str(), sarah.id.as_str(), fresh.as_str()];
    let replies = join_all(
        (0..24).map(|n| if n % 2 == 0 { sarah.create_thread(&sarahs) } else { michael.create_thread(&michaels) }),
    )
    .await;
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(created, 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    for reply in &replies {
        assert!(matches!(reply.status, 200 | 201), "{reply}");
        assert_eq!(reply.json["id"], replies[0].json["id"], "{reply}");
    }
}

#[tokio::test]
async fn title_is_optional() {
    let sarah = User::sarah().await;
    let ids = known_user_ids(2).await;
    for body in [json!({ "memberIds": [ids[0]] }), json!({ "memberIds": [ids[1]], "title": null })] {
        let thread = create(&sarah, &body).await.ok(201);
        assert_thread(&thread, &[]);
        assert_eq!(thread["title"], Value::Null);
    }
}

#[tokio::test]
async fn ninety_members_including_the_caller_are_allowed() {
    let sarah = User::sarah().await;
    let others = known_user_ids(89).await;
    let mut named: Vec<&str> = others.iter().map(String::as_str).collect();
    let thread = sarah.create_thread(&named).await.ok(201);
    assert_eq!(members(&thread).len(), 90);
    let path = format!("/api/threads/{}", text(&thread["id"]));
    let found = sarah.get(&path, &[]).await.ok(200);
    assert_eq!(found["memberIds"], thread["memberIds"]);
    assert_eq!(items(&found["memberNames"]).len(), 90);

    named.extend([&*sarah.id, &*sarah.id, named[0], named[1]]);
    assert_eq!(
        sarah.create_thread(&named).await.ok(200)["id"],
        thread["id"],
        "duplicate members must not change the set"
    );
}

#[tokio::test]
async fn all_invalid_fields_are_named() {
    let sarah = User::sarah().await;
    let body = json!({ "memberIds": (0..91).map(|_| unknown_user_id()).collect::<Vec<_>>(), "title": false });
    create(&sarah, &body).await.assert_problem_fields(422, "invalid_request", &["memberIds", "title"]);
}

#[tokio::test]
async fn deeply_nested_body_is_refused() {
    let reply = User::sarah().await.post_raw("/api/threads", "[".repeat(100_000)).await;
    reply.assert_problem(400, "malformed_json");
}

#[tokio::test]
async fn unknown_fields_and_parameters_change_nothing() {
    let sarah = User::sarah().await;
    let ids = known_user_ids(2).await;
    let body = json!({ "memberIds": [ids[0]], "id": "thread_mine", "ownerId": "x", "createdAt": 1 });
    let thread = create(&sarah, &body).await.ok(201);
    assert_thread(&thread, &[]);
    assert_ne!(thread["id"], "thread_mine");
    let body = json!({ "memberIds": [ids[1]] });
    let _ = sarah.post("/api/threads?memberIds=x&limit=abc&title", &body).await.ok(201);
}

#[tokio::test]
async fn unusual_member_ids_are_stored_unchanged() {
    let sarah = User::sarah().await;
    for id in ["../..", "USER#x", "👪", "null"] {
        Operator::new().make_known(id).await;
        let thread = sarah.create_thread(&[id, &known_user_id().await]).await.ok(201);
        assert!(members(&thread).contains(id), "{thread}");
    }
}

#[tokio::test]
async fn unacceptable_titles_are_refused() {
    let sarah = User::sarah().await;
    let other = known_user_id().await;
    for title in [" ", "\u{200b}", "a\nb", "\u{202e}moM", "\u{2066}a\u{2069}"] {
        let reply = create(&sarah, &json!({ "memberIds": [other], "title": title })).await;
        reply.assert_problem_fields(422, "invalid_request", &["title"]);
    }
    let thread = create(&sarah, &json!({ "memberIds": [other], "title": "שלום\u{200f} 👨‍👩‍👧" })).await.ok(201);
    assert_eq!(thread["title"], "שלום\u{200f} 👨‍👩‍👧");
}

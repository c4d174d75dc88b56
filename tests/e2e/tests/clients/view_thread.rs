//! GET /api/threads/{threadId}

use e2e::{User, assert_thread, eventually, fetch, fresh_member, items, text};
use reqwest::Method;
use serde_json::{Value, json};

fn name_of<'a>(thread: &'a Value, id: &str) -> &'a str {
    let ids = items(&thread["memberIds"]);
    let names = items(&thread["memberNames"]);
    assert_eq!(ids.len(), names.len(), "{thread}");
    let index = ids.iter().position(|member| member == id);
    text(&names[index.unwrap_or_else(|| panic!("no member {id}: {thread}"))])
}

#[tokio::test]
async fn it_is_what_was_created_and_the_names() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let fresh = fresh_member();
    let created = sarah.post("/api/threads", &json!({ "memberIds": [fresh, michael.id], "title": "Names" })).await;
    let mut expected = created.ok(201);
    let path = format!("/api/threads/{}", text(&expected["id"]));
    let found = sarah.get(&path, &[]).await.ok(200);
    assert_thread(&found, &["memberNames"]);
    expected["memberNames"] = found["memberNames"].clone();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn names_stand_where_their_ids_stand() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (first, last) = (format!("!{}", fresh_member()), format!("~{}", fresh_member()));
    let thread = sarah.create(&[&last, &michael.id, &first]).await.ok(201);
    let id = text(&thread["id"]);
    michael.say(id, "here I am").await;
    for reader in [&sarah, &michael] {
        let found = reader.get(&format!("/api/threads/{id}"), &[]).await.ok(200);
        assert_eq!(name_of(&found, &sarah.id), "Sarah");
        assert_eq!(name_of(&found, &michael.id), "Michael");
        assert_eq!(name_of(&found, &first), first, "a user nobody has seen shows their id");
        assert_eq!(name_of(&found, &last), last, "a user nobody has seen shows their id");
    }
}

#[tokio::test]
async fn a_message_moves_its_update_time() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let message = sarah.say(&thread, "now").await;
    eventually("updatedAt of the thread follows its message", async || {
        let found = sarah.get(&format!("/api/threads/{thread}"), &[]).await.ok(200);
        (text(&found["updatedAt"]) >= text(&message["createdAt"])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_id_that_no_thread_has_is_not_found() {
    let sarah = User::sarah().await;
    let long = format!("thread_{}", "x".repeat(3000));
    for id in ["thread_nope", "thread_", "nope", "msg_1", "META", "thread_%F0%9F%91%AA", "thread_%23META", &long] {
        sarah.get(&format!("/api/threads/{id}"), &[]).await.assert_problem(404, "thread_not_found");
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let path = format!("/api/threads/{thread}");
    let found = sarah.get(&path, &[("limit", "abc"), ("userId", "user_1"), ("cursor", "?")]).await.ok(200);
    assert_eq!(found["id"], thread);
}

#[tokio::test]
async fn a_route_that_does_not_exist_is_the_clients_fault() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    for path in ["/api/nope".to_owned(), format!("/api/threads/{thread}/nope"), "/nope".to_owned()] {
        let reply = sarah.get(&path, &[]).await;
        assert!((400..500).contains(&reply.status), "{reply}");
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let reply = fetch(sarah.request(method, &format!("/api/threads/{thread}"))).await;
        assert!((400..500).contains(&reply.status), "{reply}");
    }
}

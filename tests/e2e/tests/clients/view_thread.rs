//! Tests of `GET /api/threads/{threadId}`

use e2e::{Operator, User, assert_thread, eventually, fetch, items, known_user_id, routes, text, unknown_user_id};
use reqwest::Method;
use serde_json::{Value, json};

fn name_of<'a>(thread: &'a Value, id: &str) -> &'a str {
    let ids = items(&thread["memberIds"]);
    let names = items(&thread["memberNames"]);
    assert_eq!(ids.len(), names.len(), "{thread}");
    let index = ids.iter().position(|member| member == id);
    text(&names[index.unwrap_or_else(|| panic!("{id} is not a member: {thread}"))])
}

#[tokio::test]
async fn response_is_the_created_thread_with_member_names() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let fresh = known_user_id().await;
    let created = sarah.post("/api/threads", &json!({ "memberIds": [fresh, michael.id], "title": "Names" })).await;
    let mut expected = created.ok(201);
    let path = format!("/api/threads/{}", text(&expected["id"]));
    let found = sarah.get(&path, &[]).await.ok(200);
    let more = ["memberNames", "lastSeq", "readSeq", "archived", "mutedUntil", "reads"];
    assert_thread(&found, &more);
    for field in more {
        expected[field] = found[field].clone();
    }
    assert_eq!(found, expected);
    let reads = items(&found["reads"]).iter().map(|read| (text(&read["userId"]), read["seq"].clone()));
    assert!(reads.eq(items(&found["memberIds"]).iter().map(|id| (text(id), json!(0)))), "{found}");
    assert_eq!((&found["lastSeq"], &found["readSeq"]), (&json!(0), &json!(0)));
    assert_eq!((&found["archived"], &found["mutedUntil"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn member_names_match_member_ids_by_index() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (first, last) = (format!("!{}", unknown_user_id()), format!("~{}", unknown_user_id()));
    for id in [&first, &last] {
        Operator::new().make_known(id).await;
    }
    let thread = sarah.create_thread(&[&last, &michael.id, &first]).await.ok(201);
    let id = text(&thread["id"]);
    michael.send(id, "here I am").await;
    for reader in [&sarah, &michael] {
        let found = reader.get(&format!("/api/threads/{id}"), &[]).await.ok(200);
        assert_eq!(name_of(&found, &sarah.id), "Sarah");
        assert_eq!(name_of(&found, &michael.id), "Michael");
        assert_eq!(name_of(&found, &first), first, "a user without a name is shown as their ID");
        assert_eq!(name_of(&found, &last), last, "a user without a name is shown as their ID");
    }
}

#[tokio::test]
async fn message_updates_updated_at() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let message = sarah.send(&thread, "now").await;
    eventually("updating the thread's updatedAt", async || {
        let found = sarah.get(&format!("/api/threads/{thread}"), &[]).await.ok(200);
        (text(&found["updatedAt"]) >= text(&message["createdAt"])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn unknown_thread_id_is_not_found() {
    let sarah = User::sarah().await;
    for id in ["thread_missing", "META", "thread_%F0%9F%91%AA"] {
        sarah.get(&format!("/api/threads/{id}"), &[]).await.assert_problem(404, "thread_not_found");
    }
}

#[tokio::test]
async fn unknown_parameters_change_nothing() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let path = format!("/api/threads/{thread}");
    let found = sarah.get(&path, &[("limit", "abc"), ("userId", "user_1"), ("cursor", "?")]).await.ok(200);
    assert_eq!(found["id"], thread);
}

#[tokio::test]
async fn unknown_route_is_a_client_error() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    for path in ["/api/nope".to_owned(), format!("/api/threads/{thread}/nope"), "/nope".to_owned()] {
        let reply = sarah.get(&path, &[]).await;
        assert!((400..500).contains(&reply.status), "{reply}");
    }
    let deployed = routes();
    let unknown = |method: &Method| {
        !deployed.iter().any(|route| route.method == *method && route.path == "/api/threads/{threadId}")
    };
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].into_iter().filter(unknown) {
        let reply = fetch(sarah.request(method, &format!("/api/threads/{thread}"))).await;
        assert!((400..500).contains(&reply.status), "{reply}");
    }
}

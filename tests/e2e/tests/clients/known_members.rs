//! Tests of the rule that members of a new thread must be known

use std::collections::BTreeSet;

use e2e::{Operator, Route, User, fetch, known_user_id, routes, text, unknown_user_id};
use futures::future::join_all;
use serde_json::json;

use crate::access::{browser, valid_request};

// make verify: never, because the test creates users as the local cloud's administrator
#[tokio::test]
async fn call_of_any_route_makes_its_caller_known() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    // The body has the required fields of all routes. Each route ignores the fields of other routes.
    let mut body = browser();
    let fields = json!({
        "memberIds": [], "body": "hi", "filename": "a.txt", "mimetype": "text/plain", "size": 1, "seq": 0, "emoji": "👍",
    });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut silent = Vec::new();
    for route in routes().into_iter().filter(Route::needs_token) {
        let newcomer = User::newcomer().await;
        let members = [newcomer.id.as_str()];
        sarah.create_thread(&members).await.assert_problem(422, "unknown_member");
        // The newcomer has access to neither the thread nor the file, but a call that is answered with 404 makes its
        // caller known, too.
        let missing = [("threadId", thread.as_str()), ("fileId", "file_missing"), ("seq", "1"), ("id", "push_missing")];
        let path = route.path_with(&missing);
        let path = format!("{path}{}", valid_request(&route).0);
        let reply = fetch(newcomer.request(route.method.clone(), &path).json(&body)).await;
        assert!(!reply.is_retryable(), "{reply}");
        let created = sarah.create_thread(&members).await;
        if created.status == 422 {
            silent.push(format!("{route} (answer: {})", reply.status));
        } else {
            let _ = created.ok(201);
        }
    }
    assert!(
        silent.is_empty(),
        "these routes do not record their caller: {silent:?}. Call `Chat::record_profile` in their handler; if the \
         answer is 422, add the route's required fields to `body` in {}",
        file!()
    );
}

#[tokio::test]
async fn every_unknown_member_is_named_and_no_thread_is_created() {
    let sarah = User::sarah().await;
    let (known, one, two) = (known_user_id().await, unknown_user_id(), unknown_user_id());
    let members = [&*one, &*known, &*sarah.id, &*two, &*one];
    let refused = sarah.create_thread(&members).await;
    refused.assert_problem(422, "unknown_member");
    assert_eq!(refused.indexed_fields(), BTreeSet::from(["memberIds[0]", "memberIds[3]", "memberIds[4]"]));
    for id in [&one, &two] {
        Operator::new().make_known(id).await;
    }
    let _ = sarah.create_thread(&members).await.ok(201);
}

#[tokio::test]
async fn thread_that_exists_is_found_even_if_a_member_is_unknown() {
    let sarah = User::sarah().await;
    let other = known_user_id().await;
    let created = sarah.create_thread(&[&other]).await.ok(201);
    Operator::new().make_unknown(&other).await;
    let found = sarah.create_thread(&[&other]).await.ok(200);
    assert_eq!(found["id"], created["id"]);
}

#[tokio::test]
async fn invalid_fields_are_reported_before_unknown_members() {
    let sarah = User::sarah().await;
    let reply = sarah.post("/api/threads", &json!({ "memberIds": [unknown_user_id()], "title": 7 })).await;
    reply.assert_problem_fields(422, "invalid_request", &["title"]);
}

// make verify: never, because the test creates users as the local cloud's administrator
#[tokio::test]
async fn concurrent_requests_of_users_who_call_first_create_one_thread() {
    // Each call makes its caller known. A call is refused with `unknown_member` if it arrives before the first call of
    // the other user.
    let (one, two) = (User::newcomer().await, User::newcomer().await);
    let (ones, twos) = ([two.id.as_str()], [one.id.as_str()]);
    let replies =
        join_all((0..8).map(|n| if n % 2 == 0 { one.create_thread(&ones) } else { two.create_thread(&twos) })).await;
    let created: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert!(created.len() <= 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    for reply in &replies {
        match reply.status {
            200 | 201 => assert_eq!(text(&reply.json["id"]), text(&created[0].json["id"]), "{reply}"),
            _ => reply.assert_problem(422, "unknown_member"),
        }
    }
    let last = one.create_thread(&ones).await;
    assert_eq!(last.status, if created.is_empty() { 201 } else { 200 }, "{last}");
}

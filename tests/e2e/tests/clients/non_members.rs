//! Tests that users get the same response for a thread or file that they may not see as for one that does not exist.

use e2e::{Reply, Route, User, fetch, routes};
use serde_json::json;

use crate::access::{Request, valid_request};
use crate::samples::TEXT;

/// Returns requests to a route with an ID in its path: first a valid one, then invalid ones. The server must check access
/// before anything else, so that even the response to an invalid request does not reveal whether the ID exists.
fn requests(route: &Route) -> Vec<Request> {
    let (_, body) = valid_request(route);
    let queries = ["?after=0", "?limit=0", "?cursor=garbage"].map(|query| (query, body.clone()));
    let bodies = [None, Some(json!([])), Some(json!({ "body": "" })), Some(json!({ "body": 1 }))];
    let bodies = bodies.into_iter().filter(|_| body.is_some()).map(|body| ("", body));
    [valid_request(route)].into_iter().chain(queries).chain(bodies).collect()
}

/// Sends one of the [`requests`] to a route, with `id` as the path parameter named `parameter`.
async fn send(user: &User, route: &Route, parameter: &str, id: &str, (query, body): &Request) -> Reply {
    let path = route.path_with(&[(parameter, id), ("seq", "1")]);
    let mut request = user.request(route.method.clone(), &format!("{path}{query}")).header("idempotency-key", "a-key");
    if let Some(body) = body {
        request = request.json(body);
    }
    fetch(request).await
}

/// Checks on every route with the path parameter `parameter` that Dad gets the same response for `id`, which he may not
/// see, as for an ID that does not exist.
async fn assert_hidden(parameter: &str, id: &str, code: &str) {
    let dad = User::dad().await;
    // The missing ID has the same length and prefix as an existing one.
    let missing_id = format!("{}0000", &id[..id.len() - 4]);
    let routes = routes().into_iter().filter(Route::needs_token);
    for route in routes.filter(|route| route.path.contains(&format!("{{{parameter}}}"))) {
        for (n, request) in requests(&route).iter().enumerate() {
            let forbidden = send(&dad, &route, parameter, id, request).await;
            let missing = send(&dad, &route, parameter, &missing_id, request).await;
            assert_eq!(forbidden.without_ids(id), missing.without_ids(&missing_id), "{route}: {request:?}");
            if n == 0 {
                forbidden.assert_problem(404, code);
            }
        }
    }
}

#[tokio::test]
async fn thread_of_others_looks_missing_on_every_route() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    sarah.send_many(&thread, 2).await;
    assert_hidden("threadId", &thread, "thread_not_found").await;
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 2, "a non-member's message was stored");
}

#[tokio::test]
async fn file_of_others_looks_missing_on_every_route() {
    let sarah = User::sarah().await;
    let ready = sarah.upload("a.txt", "text/plain", TEXT).await;
    sarah.wait_until_ready(&ready).await;
    let pending = sarah.create_file("a.txt", "text/plain", 1).await.id;
    for file in [ready, pending] {
        assert_hidden("fileId", &file, "file_not_found").await;
    }
}

#[tokio::test]
async fn cursor_of_a_member_gives_non_members_no_access() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.new_thread(&[]).await;
    sarah.send_many(&thread, 2).await;
    let cursor = sarah.page(&thread, &[("limit", "1")]).await.next_cursor.unwrap();
    let reply = dad.get_messages(&thread, &[("cursor", &cursor)]).await;
    reply.assert_problem(404, "thread_not_found");
}

#[tokio::test]
async fn thread_of_others_looks_missing_when_subscribing() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.new_thread(&[]).await;
    let mut socket = dad.connect().await;
    let mut answers = Vec::new();
    for id in [thread.as_str(), "thread_missing"] {
        let channel = format!("thread:{id}");
        let mut answer = socket.request(json!({ "action": "subscribe", "channel": channel })).await;
        assert_eq!(answer["event"], "error", "{answer}");
        assert_eq!(answer["data"]["code"], "thread_not_found", "{answer}");
        assert_eq!(answer["data"]["channel"], channel, "{answer}");
        answer["data"]["channel"].take();
        answer["id"].take();
        answers.push(answer.to_string().replace(id, "THREAD"));
    }
    assert_eq!(answers[0], answers[1]);
    socket.ping().await;
}

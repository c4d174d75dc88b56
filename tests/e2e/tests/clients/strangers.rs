//! A thread of others answers as one that does not exist.

use e2e::{Reply, User, fetch};
use reqwest::Method;
use serde_json::{Value, json};

async fn ask(user: &User, method: &Method, path: &str, body: Option<&Value>) -> Reply {
    let request = user.request(method.clone(), path).header("idempotency-key", "a-key");
    fetch(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

#[tokio::test]
async fn on_every_route_even_when_the_request_is_wrong() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let theirs = sarah.open_thread(&[]).await;
    sarah.say_all(&theirs, 2).await;
    // Of the same length and kind as an id that exists.
    let nobodys = format!("{}0000", &theirs[..theirs.len() - 4]);
    let (message, empty, number) = (json!({ "body": "hi" }), json!({ "body": "" }), json!({ "body": 1 }));
    let requests: [(Method, &str, Option<&Value>); 9] = [
        (Method::GET, "", None),
        (Method::GET, "/messages", None),
        (Method::GET, "/messages?after=0", None),
        (Method::GET, "/messages?limit=0", None),
        (Method::GET, "/messages?cursor=garbage", None),
        (Method::POST, "/messages", Some(&message)),
        (Method::POST, "/messages", Some(&empty)),
        (Method::POST, "/messages", Some(&number)),
        (Method::POST, "/messages", None),
    ];
    for (method, route, body) in requests {
        let forbidden = ask(&dad, &method, &format!("/api/threads/{theirs}{route}"), body).await;
        let missing = ask(&dad, &method, &format!("/api/threads/{nobodys}{route}"), body).await;
        assert_eq!(forbidden.comparable(&theirs), missing.comparable(&nobodys), "{method} {route}");
    }
}

#[tokio::test]
async fn a_sound_request_is_answered_not_found() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.open_thread(&[]).await;
    sarah.say(&thread, "between us").await;
    dad.get(&format!("/api/threads/{thread}"), &[]).await.assert_problem(404, "thread_not_found");
    dad.get_messages(&thread, &[]).await.assert_problem(404, "thread_not_found");
    dad.get_messages(&thread, &[("after", "0")]).await.assert_problem(404, "thread_not_found");
    dad.post_message(&thread, &json!({ "body": "hi" })).await.assert_problem(404, "thread_not_found");
    let once = dad.post_message_once(&thread, b"a-key", &json!({ "body": "hi" })).await;
    once.assert_problem(404, "thread_not_found");
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}

#[tokio::test]
async fn a_members_cursor_opens_nothing() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.open_thread(&[]).await;
    sarah.say_all(&thread, 2).await;
    let cursor = sarah.page(&thread, &[("limit", "1")]).await.next_cursor.unwrap();
    let reply = dad.get_messages(&thread, &[("cursor", &cursor)]).await;
    reply.assert_problem(404, "thread_not_found");
}

#[tokio::test]
async fn on_a_socket_too() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.open_thread(&[]).await;
    let mut socket = dad.connect().await;
    let mut answers = Vec::new();
    for id in [thread.as_str(), "thread_nope"] {
        let channel = format!("thread:{id}");
        let mut answer = socket.ask(json!({ "action": "subscribe", "channel": channel })).await;
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

#[tokio::test]
async fn who_was_refused_hears_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let hers = sarah.open_thread(&[]).await;
    let ours = sarah.open_thread(&[&michael]).await;
    let mut his = michael.listen(&ours).await;
    let refused = his.ask(json!({ "action": "subscribe", "channel": format!("thread:{hers}") })).await;
    assert_eq!(refused["event"], "error", "{refused}");
    let mut her = sarah.listen(&hers).await;
    sarah.say(&hers, "a secret").await;
    her.pushed(&hers, 1).await;
    sarah.say(&ours, "hello").await;
    his.pushed(&ours, 1).await;
    assert!(his.unclaimed_seqs(&hers).is_empty());
}

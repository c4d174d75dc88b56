use std::sync::Arc;

use contract::{ConnectionId, Thread};
use futures::future::join_all;
use serde_json::{Value, json};
use store::{Change, Outcome, Undelivered};
use testkit::{
    Fault, Intercepted, Management, Tables, body, call, caller, change, connect, links, new_file, new_thread, once,
    problem, send_with_files,
};

use super::*;

const EVENT: &str = include_str!("../../../events/messages-send.json");
/// Messages per minute of each user. It is more than the other tests send.
const RATE: u64 = 35;

struct Fixture {
    tables: Tables,
    management: Management,
    deps: Deps,
    thread: Thread,
}

impl Fixture {
    async fn new() -> Self {
        let (tables, management) = (Tables::create().await, Management::start().await);
        let (chat, push) = (tables.chat(), management.push(tables.connections()));
        let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
        Self { tables, management, deps: Deps { chat, push, links: links(), rate: MessageRate::new(RATE) }, thread }
    }

    async fn send(&self, user: &str, key: Option<&str>, request: &Value) -> Result<Answer, ApiError> {
        let call = call(EVENT, &caller(user), |event| {
            event["pathParameters"]["threadId"] = self.thread.id.as_str().into();
            event["headers"]["idempotency-key"] = key.map_or(Value::Null, Into::into);
            if key.is_none() {
                event["headers"].as_object_mut().unwrap().remove("idempotency-key");
            }
            event["body"] = request.to_string().into();
        });
        handle(&self.deps, call).await
    }

    /// Opens a connection for `user` and subscribes it to the fixture's thread.
    async fn subscribe(&self, user: &str, connection: &str) {
        let connections = self.tables.connections();
        let connection = connect(&connections, user, connection).await;
        connections.subscribe(&connection, &Channel::Thread(self.thread.id.clone())).await.unwrap();
    }
}

#[tokio::test]
async fn message_is_committed_and_pushed_to_every_subscriber() {
    let fixture = Fixture::new().await;
    fixture.subscribe("user-sarah", "phone").await;
    fixture.subscribe("user-dad", "tablet").await;
    let sent = fixture.send("user-sarah", None, &json!({"body": "Dinner at 6?", "x": 1})).await.unwrap();
    assert_eq!(sent.status(), 201);
    let message = body(&sent);
    assert_eq!(message["seq"], 1);
    assert_eq!(message["author"], json!({"id": "user-sarah", "name": "Sarah"}));
    let event = json!({"event": "message:new", "data": {"threadId": fixture.thread.id, "message": message}});
    assert_eq!(fixture.management.frames("phone"), std::slice::from_ref(&event));
    assert_eq!(fixture.management.frames("tablet"), [event]);
}

#[tokio::test]
async fn outcome_recorded_while_sending_is_pushed_and_in_the_answer() {
    let mut fixture = Fixture::new().await;
    fixture.subscribe("user-dad", "tablet").await;
    let file = new_file(&fixture.deps.chat, "user-sarah", "a", "a/b", 1).await;
    let (chat, id) = (Arc::new(fixture.tables.chat()), file.id.clone());
    // Simulates that files-process records the file's outcome after the message is committed and before it is pushed.
    let record_outcome = move |_: &Intercepted| {
        let (chat, id) = (chat.clone(), id.clone());
        let ready = Outcome::Ready { original: "files/1".into(), thumbnail: None, size: None };
        Fault::After(Box::pin(async move { chat.record_outcome(&id, &ready).await.map(drop).unwrap() }))
    };
    let tables = fixture.tables.through(once(|call| call.is("Query", "CHANNEL#"), record_outcome)).await;
    fixture.deps.push = fixture.management.push(tables.connections());
    let sent = fixture.send("user-sarah", None, &json!({"fileIds": [file.id, file.id]})).await.unwrap();
    assert_eq!(body(&sent)["attachments"][0]["status"], "ready");
    let frames = fixture.management.frames("tablet");
    let events: Vec<_> = frames.iter().map(|frame| &frame["event"]).collect();
    assert_eq!(events, ["message:new", "file:status"]);
    assert_eq!(frames[0]["data"]["message"]["attachments"].as_array().unwrap().len(), 1);
    let status = &frames[1]["data"];
    assert_eq!((&status["fileId"], &status["status"]), (&json!(file.id), &json!("ready")));
}

#[tokio::test]
async fn retry_with_same_key_returns_same_message_and_pushes_once() {
    let fixture = Fixture::new().await;
    fixture.subscribe("user-dad", "tablet").await;
    let request = json!({"body": "once"});
    let first = fixture.send("user-sarah", Some("key-1"), &request).await.unwrap();
    let again = fixture.send("user-sarah", Some("key-1"), &request).await.unwrap();
    assert_eq!((first.status(), again.status()), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(body(&first), body(&again));
    assert!(first.headers().get("idempotency-replayed").is_none());
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(fixture.management.frames("tablet").len(), 1);

    let other = problem(fixture.send("user-sarah", Some("key-1"), &json!({"body": "twice"})).await);
    assert_eq!((&other["status"], &other["code"]), (&json!(422), &json!("idempotency_key_reused")));
    let another_caller = fixture.send("user-dad", Some("key-1"), &request).await.unwrap();
    assert_eq!(body(&another_caller)["seq"], 2);
}

#[tokio::test]
async fn retry_after_a_change_returns_the_message_as_it_is_now_and_compares_no_content() {
    let fixture = Fixture::new().await;
    let (chat, thread) = (&fixture.deps.chat, &fixture.thread);
    let file = new_file(chat, "user-sarah", "a", "a/b", 1).await.id;
    let request = json!({"body": "draft", "fileIds": [file]});
    let sent = body(&fixture.send("user-sarah", Some("key"), &request).await.unwrap());
    let edited = Change::Edit { body: "final", window: Duration::from_hours(1) };
    for (change_of_message, text, files) in [(edited, "final", 1), (Change::Delete, "", 0)] {
        let rev = change(chat, "user-sarah", thread, 1, change_of_message).await.rev;
        for request in [&request, &json!({"body": "other"})] {
            let again = fixture.send("user-sarah", Some("key"), request).await.unwrap();
            assert_eq!(again.headers()["idempotency-replayed"], "true");
            let again = body(&again);
            assert_eq!((&again["id"], &again["seq"], &again["rev"]), (&sent["id"], &json!(1), &json!(rev)));
            assert_eq!((&again["body"], again["attachments"].as_array().unwrap().len()), (&json!(text), files));
        }
    }
    assert_eq!(chat.last_seq(&thread.id).await.unwrap(), 1);
    assert_eq!(fixture.tables.chat().last_rev(&thread.id).await.unwrap(), 2);
}

#[tokio::test]
async fn reply_has_its_quote_in_the_answer_and_in_the_event() {
    let fixture = Fixture::new().await;
    fixture.subscribe("user-dad", "tablet").await;
    fixture.send("user-sarah", None, &json!({"body": "🏡".repeat(101)})).await.unwrap();
    let sent = body(&fixture.send("user-dad", None, &json!({"body": "Nice", "replyTo": 1})).await.unwrap());
    let author = json!({"id": "user-sarah", "name": "Sarah"});
    let quote = json!({"seq": 1, "author": author, "excerpt": "🏡".repeat(100), "deleted": false});
    assert_eq!(sent["replyTo"], quote);
    assert_eq!(fixture.management.frames("tablet")[1]["data"]["message"], sent);

    // The answer to a retry has the quoted message as it is now. A reply to a deleted message has the quote of a
    // tombstone.
    change(&fixture.deps.chat, "user-sarah", &fixture.thread, 1, Change::Delete).await;
    let tombstone = json!({"seq": 1, "author": author, "excerpt": "", "deleted": true});
    let sent = fixture.send("user-dad", Some("key"), &json!({"body": "A pity", "replyTo": 1})).await.unwrap();
    assert_eq!(body(&sent)["replyTo"], tombstone);
    let again = fixture.send("user-dad", Some("key"), &json!({"body": "A pity", "replyTo": 1})).await.unwrap();
    assert_eq!(body(&again), body(&sent));
    for other in [json!({"body": "A pity"}), json!({"body": "A pity", "replyTo": 2})] {
        let refused = problem(fixture.send("user-dad", Some("key"), &other).await);
        assert_eq!(refused["code"], "idempotency_key_reused", "{other}");
    }
}

#[tokio::test]
async fn reply_to_a_message_that_the_thread_does_not_have_is_refused() {
    let fixture = Fixture::new().await;
    let other = new_thread(&fixture.deps.chat, &["user-sarah", "user-michael"]).await;
    send_with_files(&fixture.deps.chat, "user-sarah", &other, "of another thread", &[]).await;
    for seq in [json!(1), json!(0), json!(-1), json!(1.5), json!("1"), json!([1]), json!(contract::limits::SEQ)] {
        let refused = problem(fixture.send("user-sarah", None, &json!({"body": "a", "replyTo": seq})).await);
        assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")), "{seq}");
        assert_eq!(refused["errors"][0]["field"], "replyTo", "{seq}");
    }
    // A user who is not a member gets the same error as for a missing thread, so the answer does not reveal which
    // messages the thread has.
    let of_stranger = problem(fixture.send("user-michael", None, &json!({"body": "a", "replyTo": 1})).await);
    assert_eq!(of_stranger["code"], "thread_not_found");
    assert_eq!(fixture.deps.chat.last_seq(&fixture.thread.id).await.unwrap(), 0);
    let sent = body(&fixture.send("user-sarah", None, &json!({"body": "a", "replyTo": null})).await.unwrap());
    assert_eq!(sent.get("replyTo"), None);
}

#[tokio::test]
async fn invalid_requests_and_non_members_commit_nothing() {
    let fixture = Fixture::new().await;
    let code = async |user: &str, key: Option<&str>, request: Value| {
        problem(fixture.send(user, key, &request).await)["code"].clone()
    };
    assert_eq!(code("user-sarah", None, json!({"body": ""})).await, "invalid_request");
    assert_eq!(code("user-sarah", None, json!({"body": "a".repeat(8_001)})).await, "invalid_request");
    assert_eq!(code("user-sarah", Some("ä"), json!({"body": "a"})).await, "invalid_idempotency_key");
    assert_eq!(code("user-michael", None, json!({"body": "a"})).await, "thread_not_found");
    let files = problem(fixture.send("user-sarah", None, &json!({"fileIds": ["file_1", "file_2"]})).await);
    assert_eq!(files["errors"][1]["field"], "fileIds[1]");
    assert_eq!(fixture.deps.chat.last_seq(&fixture.thread.id).await.unwrap(), 0);
}

#[tokio::test]
async fn file_of_100_messages_is_refused_by_name_and_the_message_is_not_committed() {
    let fixture = Fixture::new().await;
    let chat = &fixture.deps.chat;
    let [full, fresh] =
        [new_file(chat, "user-sarah", "a", "a/b", 1).await, new_file(chat, "user-sarah", "b", "a/b", 1).await];
    for n in 0..limits::FILE_USES {
        let thread = new_thread(chat, &["user-sarah", &format!("user-{n}")]).await;
        send_with_files(chat, "user-sarah", &thread, "", std::slice::from_ref(&full.id)).await;
    }
    let refused = problem(fixture.send("user-sarah", None, &json!({"fileIds": [fresh.id, full.id]})).await);
    assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("too_many_file_uses")));
    assert_eq!(refused["errors"].as_array().unwrap().len(), 1);
    assert_eq!(refused["errors"][0]["field"], "fileIds[1]");
    let both = json!({"fileIds": [full.id, "file_1"]});
    let refused = problem(fixture.send("user-sarah", None, &both).await);
    assert_eq!((&refused["code"], refused["errors"].as_array().unwrap().len()), (&json!("invalid_request"), 2));
    assert_eq!(chat.last_seq(&fixture.thread.id).await.unwrap(), 0);
}

#[tokio::test]
async fn undelivered_flag_is_cleared_or_names_the_connections_not_reached() {
    let fixture = Fixture::new().await;
    for connection in ["phone", "tablet"] {
        fixture.subscribe("user-dad", connection).await;
    }
    fixture.send("user-sarah", None, &json!({"body": "a"})).await.unwrap();
    fixture.management.answer("tablet", 403);
    fixture.send("user-sarah", None, &json!({"body": "b"})).await.unwrap();
    fixture.tables.client.delete_table().table_name(&fixture.tables.connections).send().await.unwrap();
    fixture.send("user-sarah", None, &json!({"body": "c"})).await.unwrap();
    let all = [1, 2, 3].map(|seq| (fixture.thread.id.clone(), seq));
    let mut rows = fixture.deps.chat.undelivered_messages(&all).await.unwrap();
    rows.sort_unstable_by_key(|row| row.seq);
    let undelivered: Vec<_> = rows.iter().map(|row| (row.seq, row.undelivered().unwrap())).collect();
    let tablet = Undelivered::Connections([ConnectionId::new("tablet")].into());
    assert_eq!(undelivered, [(2, tablet), (3, Undelivered::Everybody)]);
}

#[tokio::test]
async fn failed_delivery_does_not_fail_the_request() {
    let fixture = Fixture::new().await;
    fixture.subscribe("user-dad", "closed").await;
    fixture.subscribe("user-dad", "tablet").await;
    fixture.management.answer("closed", 410);
    assert_eq!(fixture.send("user-sarah", None, &json!({"body": "a"})).await.unwrap().status(), 201);
    assert_eq!(fixture.management.frames("tablet").len(), 1);
    let closed = fixture.tables.connections().connection(&ConnectionId::new("closed")).await.unwrap();
    assert_eq!(closed, None);

    fixture.tables.client.delete_table().table_name(&fixture.tables.connections).send().await.unwrap();
    assert_eq!(fixture.send("user-sarah", None, &json!({"body": "b"})).await.unwrap().status(), 201);
}

#[tokio::test]
async fn message_over_the_rate_is_a_429_that_says_when_to_retry_and_is_not_stored() {
    let fixture = Fixture::new().await;
    fixture.subscribe("user-dad", "tablet").await;
    // Requests that store nothing do not count.
    fixture.send("user-sarah", Some("key"), &json!({"body": "a"})).await.unwrap();
    for _ in 0..RATE {
        fixture.send("user-sarah", Some("key"), &json!({"body": "a"})).await.unwrap();
        assert!(fixture.send("user-sarah", Some("key"), &json!({"body": "b"})).await.is_err());
        assert!(fixture.send("user-sarah", None, &json!({"fileIds": ["file_1"]})).await.is_err());
    }
    // Another minute may begin once during this test. Then at most twice the rate is accepted.
    let mut refused = None;
    for n in 0..2 * RATE {
        if let Err(ApiError::Problem(problem)) =
            fixture.send("user-sarah", None, &json!({"body": format!("{n}")})).await
        {
            refused = Some((problem, n));
            break;
        }
    }
    let (refused, sent) = refused.expect("no message was refused");
    assert!(sent >= RATE - 1, "refused after {sent} messages");
    assert_eq!((refused.code, refused.code.status()), (ErrorCode::RateLimited, 429));
    let retry_after = refused.retry_after.unwrap();
    assert!((1..=60).contains(&retry_after), "{retry_after}");
    let stored = fixture.deps.chat.last_seq(&fixture.thread.id).await.unwrap();
    assert_eq!((stored, fixture.management.frames("tablet").len() as u64), (sent + 1, sent + 1));
    fixture.send("user-dad", None, &json!({"body": "another user's rate"})).await.unwrap();
}

#[tokio::test]
async fn failed_count_does_not_fail_the_request() {
    let mut fixture = Fixture::new().await;
    let failing = fixture.tables.through(|call| {
        if call.is("UpdateItem", "QUOTA#") { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    });
    fixture.deps.chat = failing.await.chat();
    for n in 0..20 {
        fixture.send("user-sarah", None, &json!({"body": format!("{n}")})).await.unwrap();
    }
}

#[tokio::test]
async fn messages_of_concurrent_senders_are_all_committed_and_pushed() {
    let fixture = Fixture::new().await;
    fixture.subscribe("user-dad", "tablet").await;
    let answers = join_all((0..30).map(|n| {
        let fixture = &fixture;
        async move { fixture.send("user-sarah", None, &json!({"body": format!("{n}")})).await }
    }));
    let mut seqs: Vec<_> = answers.await.into_iter().map(|a| body(&a.unwrap())["seq"].as_u64().unwrap()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=30).collect::<Vec<_>>());
    let frames = fixture.management.frames("tablet");
    let mut pushed: Vec<_> = frames.iter().map(|f| f["data"]["message"]["seq"].as_u64().unwrap()).collect();
    pushed.sort_unstable();
    assert_eq!(pushed, seqs);
}

//! Commits a message and pushes it to whoever hears its thread.

use std::time::Duration;

use contract::{
    ApiError, Channel, ErrorCode, FieldError, FileId, FileStatus, IdempotencyKey, Message, Problem, SendMessage,
    message_new_frame,
};
use futures::future::try_join_all;
use push::Push;
use runtime::{Answer, Call, HeaderName, StatusCode, json};
use store::{Chat, Links, NewMessage, Sent};
use tokio::time::timeout;
use tracing::warn;

/// How long the sender waits for the delivery, at most.
const DELIVERY: Duration = Duration::from_secs(8);

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Answers 201 with the message once it is committed and pushed.
pub async fn handle(chat: &Chat, push: &Push, links: &Links, call: Call) -> Result<Answer, ApiError> {
    let thread_id = call.thread_id()?;
    let idempotency_key = call.header("idempotency-key").map(IdempotencyKey::parse).transpose()?;
    let request = SendMessage::parse(call.body())?;
    let new = NewMessage {
        thread_id: &thread_id,
        author: &call.caller.profile(),
        body: &request.body,
        file_ids: &request.distinct_files(),
        idempotency_key: idempotency_key.as_ref(),
    };
    match chat.send(new, links).await? {
        Sent::Stored(mut message) => {
            deliver(chat, push, links, &mut message).await;
            json(StatusCode::CREATED, &message, &[])
        }
        Sent::Replayed(message) => json(StatusCode::CREATED, &message, &[(IDEMPOTENCY_REPLAYED, "true")]),
        Sent::KeyReused => {
            let detail = "This Idempotency-Key was used before with other content.";
            Err(Problem::new(ErrorCode::IdempotencyKeyReused, detail).into())
        }
        Sent::NotMember => Err(Problem::thread_not_found().into()),
        Sent::BadFiles(refused) => Err(bad_files(&request, &refused).into()),
    }
}

fn bad_files(request: &SendMessage, refused: &[FileId]) -> Problem {
    let named = request.file_ids.iter().enumerate().filter(|(_, id)| refused.contains(id));
    let message = |id| format!("{id} is not a file of yours, or has failed");
    let errors = named.map(|(index, id)| FieldError { field: format!("fileIds[{index}]"), message: message(id) });
    Problem::fields(ErrorCode::InvalidRequest, errors.collect())
}

/// Pushes the message and takes off its mark. It is committed, so whatever goes wrong here is not the sender's concern:
/// the mark stays, and `outbox` delivers to whoever is left over.
async fn deliver(chat: &Chat, push: &Push, links: &Links, message: &mut Message) {
    let (thread, seq) = (message.thread_id.clone(), message.seq);
    let delivered = timeout(DELIVERY, push_message(chat, push, links, message)).await;
    let delivered = delivered.unwrap_or_else(|_| Err(ApiError::Unavailable("it took too long".into())));
    if let Err(error) = delivered {
        warn!(%thread, seq, %error, "a message was not delivered, and is left to the outbox");
    }
}

async fn push_message(chat: &Chat, push: &Push, links: &Links, message: &mut Message) -> Result<(), ApiError> {
    let channel = [Channel::Thread(message.thread_id.clone())];
    let mut left = push.deliver(&channel, &message_new_frame(message.clone())?).await?.undelivered;
    // A file may have been settled since it was read for the message, and its `file:status` have overtaken it.
    let mut pending: Vec<_> =
        message.attachments.iter_mut().filter(|file| file.status == FileStatus::Pending).collect();
    let ids: Vec<_> = pending.iter().map(|file| file.id.clone()).collect();
    let mut frames = Vec::new();
    for file in chat.files(&ids).await? {
        if file.status == FileStatus::Pending {
            continue;
        }
        frames.push(serde_json::to_string(&file.status_event(links))?);
        if let Some(shown) = pending.iter_mut().find(|shown| shown.id == file.id) {
            **shown = file.attachment(links);
        }
    }
    let told = try_join_all(frames.iter().map(|frame| push.deliver(&channel, frame))).await?;
    left.extend(told.into_iter().flat_map(|delivery| delivery.undelivered));
    Ok(chat.record_delivery(&message.thread_id, message.seq, &left).await?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use contract::{ConnectionId, Thread};
    use futures::future::join_all;
    use serde_json::{Value, json};
    use store::{Outcome, Undelivered};
    use testkit::{
        Fault, Intercepted, Management, Tables, body, call, caller, connect, links, new_file, new_thread, once, problem,
    };

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-send.json");

    struct Fixture {
        tables: Tables,
        chat: Chat,
        push: Push,
        management: Management,
        thread: Thread,
    }

    impl Fixture {
        async fn new() -> Self {
            let (tables, management) = (Tables::create().await, Management::start().await);
            let (chat, push) = (tables.chat(), management.push(tables.connections()));
            let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
            Self { tables, chat, push, management, thread }
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
            handle(&self.chat, &self.push, &links(), call).await
        }

        /// A socket of `user` that hears the thread.
        async fn listen(&self, user: &str, connection: &str) {
            let connections = self.tables.connections();
            let connection = connect(&connections, user, connection).await;
            connections.subscribe(&connection, &Channel::Thread(self.thread.id.clone())).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_message_is_committed_and_pushed_to_every_subscriber() {
        let fixture = Fixture::new().await;
        fixture.listen("user-sarah", "phone").await;
        fixture.listen("user-dad", "tablet").await;
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
    async fn a_file_that_is_settled_meanwhile_is_told_of_and_answered_as_it_is() {
        let mut fixture = Fixture::new().await;
        fixture.listen("user-dad", "tablet").await;
        let file = new_file(&fixture.chat, "user-sarah", "a", "a/b", 1).await;
        let (chat, id) = (Arc::new(fixture.tables.chat()), file.id.clone());
        // Between the commit and the push.
        let settle = move |_: &Intercepted| {
            let (chat, id) = (chat.clone(), id.clone());
            let ready = Outcome::Ready { original: "files/1".into(), thumbnail: None };
            Fault::After(Box::pin(async move { chat.record_outcome(&id, &ready).await.map(drop).unwrap() }))
        };
        let tables = fixture.tables.through(once(|call| call.is("Query", "CHANNEL#"), settle)).await;
        fixture.push = fixture.management.push(tables.connections());
        let sent = fixture.send("user-sarah", None, &json!({"fileIds": [file.id, file.id]})).await.unwrap();
        assert_eq!(body(&sent)["attachments"][0]["status"], "ready");
        let frames = fixture.management.frames("tablet");
        let told: Vec<_> = frames.iter().map(|frame| (&frame["event"], &frame["data"])).collect();
        assert_eq!((told.len(), told[0].0, told[1].0), (2, &json!("message:new"), &json!("file:status")));
        assert_eq!(told[0].1["message"]["attachments"].as_array().unwrap().len(), 1);
        assert_eq!((&told[1].1["fileId"], &told[1].1["status"]), (&json!(file.id), &json!("ready")));
    }

    #[tokio::test]
    async fn a_retry_answers_with_the_same_message_and_pushes_once() {
        let fixture = Fixture::new().await;
        fixture.listen("user-dad", "tablet").await;
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
    async fn bad_requests_and_strangers_commit_nothing() {
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
        assert_eq!(fixture.chat.last_seq(&fixture.thread.id).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_mark_is_taken_off_once_everybody_is_reached_and_names_who_is_not() {
        let fixture = Fixture::new().await;
        for connection in ["phone", "tablet"] {
            fixture.listen("user-dad", connection).await;
        }
        fixture.send("user-sarah", None, &json!({"body": "a"})).await.unwrap();
        fixture.management.answer("tablet", 403);
        fixture.send("user-sarah", None, &json!({"body": "b"})).await.unwrap();
        fixture.tables.client.delete_table().table_name(&fixture.tables.connections).send().await.unwrap();
        fixture.send("user-sarah", None, &json!({"body": "c"})).await.unwrap();
        let all = [1, 2, 3].map(|seq| (fixture.thread.id.clone(), seq));
        let mut marked = fixture.chat.undelivered_messages(&all).await.unwrap();
        marked.sort_unstable_by_key(|row| row.seq);
        let marked: Vec<_> = marked.iter().map(|row| (row.seq, row.undelivered().unwrap())).collect();
        let tablet = Undelivered::Connections([ConnectionId::new("tablet")].into());
        assert_eq!(marked, [(2, tablet), (3, Undelivered::Everybody)]);
    }

    #[tokio::test]
    async fn a_delivery_that_fails_does_not_fail_the_send() {
        let fixture = Fixture::new().await;
        fixture.listen("user-dad", "closed").await;
        fixture.listen("user-dad", "tablet").await;
        fixture.management.answer("closed", 410);
        assert_eq!(fixture.send("user-sarah", None, &json!({"body": "a"})).await.unwrap().status(), 201);
        assert_eq!(fixture.management.frames("tablet").len(), 1);
        let closed = fixture.tables.connections().connection(&ConnectionId::new("closed")).await.unwrap();
        assert_eq!(closed, None);

        fixture.tables.client.delete_table().table_name(&fixture.tables.connections).send().await.unwrap();
        assert_eq!(fixture.send("user-sarah", None, &json!({"body": "b"})).await.unwrap().status(), 201);
    }

    #[tokio::test]
    async fn many_senders_at_once_are_all_answered_and_pushed() {
        let fixture = Fixture::new().await;
        fixture.listen("user-dad", "tablet").await;
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
}

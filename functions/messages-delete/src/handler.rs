//! Deletes a message: erases its content and leaves a tombstone.

use contract::ApiError;
use runtime::{Answer, Call, StatusCode, json};
use store::{Change, Chat, Links, MessageRate, NewChange};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages and their changes.
    pub chat: Chat,
    /// Signs the links to message attachments.
    pub links: Links,
    /// Limits the messages and changes of each user per minute.
    pub rate: MessageRate,
}

/// Handles `DELETE /api/threads/{threadId}/messages/{seq}`. Answers 200 with the tombstone. Only the author may delete
/// a message. Its files are no longer served unless another message or a profile uses them; files-process deletes their
/// objects.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread_id, seq, change) = (call.thread_id()?, call.seq()?, Change::Delete);
    let new = NewChange { thread_id: &thread_id, seq, caller: &call.caller.profile(), change };
    let message = deps.chat.change(new, &deps.rate, &deps.links).await??;
    json(StatusCode::OK, &message, &[])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::{Thread, ThreadId};
    use serde_json::{Value, json};
    use testkit::{
        Tables, body, call, caller, change, links, new_file, new_thread, problem, send_text, send_with_files,
        set_in_message,
    };

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-delete.json");
    const RATE: u64 = 30;

    struct Fixture {
        tables: Tables,
        deps: Deps,
        thread: Thread,
    }

    impl Fixture {
        /// Creates a thread of Sarah and Dad with one message of Sarah's.
        async fn new() -> Self {
            let tables = Tables::create().await;
            let chat = tables.chat();
            let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
            send_text(&chat, "user-sarah", &thread, "Dinner at 6?").await;
            Self { tables, deps: Deps { chat, links: links(), rate: MessageRate::new(RATE) }, thread }
        }

        async fn delete(&self, user: &str, seq: &str) -> Result<Answer, ApiError> {
            let path = json!({"threadId": self.thread.id, "seq": seq});
            handle(&self.deps, call(EVENT, &caller(user), |event| event["pathParameters"] = path)).await
        }

        async fn code(&self, user: &str, seq: &str) -> (Value, Value) {
            let mut problem = problem(self.delete(user, seq).await);
            (problem["status"].take(), problem["code"].take())
        }

        async fn last_rev(&self) -> u64 {
            self.tables.chat().last_rev(&self.thread.id).await.unwrap()
        }
    }

    #[tokio::test]
    async fn answer_is_the_tombstone_of_the_whole_message() {
        let fixture = Fixture::new().await;
        let (chat, thread) = (&fixture.deps.chat, &fixture.thread);
        let file = new_file(chat, "user-sarah", "cake.jpg", "image/jpeg", 1).await.id;
        let sent = send_with_files(chat, "user-sarah", thread, "Look!", std::slice::from_ref(&file)).await;
        let edit = Change::Edit { body: "Look at this!", window: Duration::from_hours(1) };
        change(chat, "user-sarah", thread, 2, edit).await;
        change(chat, "user-dad", thread, 2, Change::React(contract::Emoji::parse("👍").unwrap())).await;
        let answer = fixture.delete("user-sarah", "2").await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let tombstone = body(&answer);
        let deleted_at = &tombstone["deletedAt"];
        assert!(deleted_at.as_str().unwrap() >= sent.created_at.to_string().as_str());
        let expected = json!({
            "id": sent.id, "threadId": thread.id, "seq": 2, "rev": 3, "body": "", "attachments": [], "reactions": [],
            "author": {"id": "user-sarah", "name": "Sarah"}, "createdAt": sent.created_at, "deletedAt": deleted_at
        });
        assert_eq!(tombstone, expected);
        assert!(chat.files(&[file]).await.unwrap()[0].is_erased());
    }

    #[tokio::test]
    async fn tombstone_of_a_reply_has_no_quote() {
        let fixture = Fixture::new().await;
        let author = &caller("user-dad").profile();
        let (thread_id, body_text) = (&fixture.thread.id, "At 7");
        let reply = store::NewMessage {
            thread_id,
            author,
            body: body_text,
            file_ids: &[],
            reply_to: Some(1),
            idempotency_key: None,
        };
        fixture.deps.chat.send(reply, &links()).await.unwrap();
        let tombstone = body(&fixture.delete("user-dad", "2").await.unwrap());
        assert_eq!(tombstone.get("replyTo"), None);
    }

    #[tokio::test]
    async fn repeated_deletion_answers_the_same_and_makes_no_revision() {
        let fixture = Fixture::new().await;
        let first = body(&fixture.delete("user-sarah", "1").await.unwrap());
        let again = body(&fixture.delete("user-sarah", "1").await.unwrap());
        assert_eq!((again, fixture.last_rev().await), (first, 1));
    }

    #[tokio::test]
    async fn message_can_be_deleted_at_any_age_but_only_by_its_author() {
        let fixture = Fixture::new().await;
        let old = [("createdAt", "2001-01-01T00:00:00.000Z")];
        set_in_message(&fixture.tables, &fixture.thread, 1, &old).await;
        assert_eq!(fixture.code("user-dad", "1").await, (json!(403), json!("not_author")));
        assert_eq!(fixture.last_rev().await, 0);
        fixture.delete("user-sarah", "1").await.unwrap();
        assert_eq!(fixture.code("user-dad", "1").await, (json!(403), json!("not_author")));
    }

    #[tokio::test]
    async fn missing_message_and_thread_of_others_are_404() {
        let fixture = Fixture::new().await;
        for seq in ["2", "0", "-1", "x", "", "1.0", "99999999999999999999999"] {
            assert_eq!(fixture.code("user-sarah", seq).await, (json!(404), json!("message_not_found")), "{seq:?}");
        }
        let of_others = problem(fixture.delete("user-michael", "1").await);
        assert_eq!((&of_others["status"], &of_others["code"]), (&json!(404), &json!("thread_not_found")));
        assert_eq!(problem(fixture.delete("user-michael", "2").await), of_others);
        for id in [ThreadId::new().as_str(), "nonsense"] {
            let missing = call(EVENT, &caller("user-sarah"), |event| event["pathParameters"]["threadId"] = id.into());
            assert_eq!(problem(handle(&fixture.deps, missing).await), of_others, "{id}");
        }
        assert_eq!(fixture.last_rev().await, 0);
    }

    #[tokio::test]
    async fn deletion_over_the_rate_is_a_429_and_deletes_nothing() {
        let mut fixture = Fixture::new().await;
        // A rate of 0 messages per minute is always exceeded.
        fixture.deps.rate = MessageRate::new(0);
        assert_eq!(fixture.code("user-sarah", "1").await, (json!(429), json!("rate_limited")));
        assert_eq!(fixture.last_rev().await, 0);
    }
}

//! Removes the caller's reaction to a message.

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

/// Handles `DELETE /api/threads/{threadId}/messages/{seq}/reaction`. Answers 200 with the message as it is now.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread_id, seq, change) = (call.thread_id()?, call.seq()?, Change::Unreact);
    let new = NewChange { thread_id: &thread_id, seq, caller: &call.caller.profile(), change };
    let message = deps.chat.change(new, &deps.rate, &deps.links).await??;
    json(StatusCode::OK, &message, &[])
}

#[cfg(test)]
mod tests {
    use contract::{Emoji, Thread, ThreadId};
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, change, links, new_thread, problem, send_text};

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-unreact.json");

    struct Fixture {
        tables: Tables,
        deps: Deps,
        thread: Thread,
    }

    impl Fixture {
        /// Creates a thread of Sarah and Dad with one message of Sarah's, to which both react with the same emoji.
        async fn new() -> Self {
            let tables = Tables::create().await;
            let chat = tables.chat();
            let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
            send_text(&chat, "user-sarah", &thread, "Dinner at 6?").await;
            for user in ["user-sarah", "user-dad"] {
                change(&chat, user, &thread, 1, Change::React(Emoji::parse("👍").unwrap())).await;
            }
            Self { tables, deps: Deps { chat, links: links(), rate: MessageRate::new(100) }, thread }
        }

        async fn unreact(&self, user: &str, seq: &str) -> Result<Answer, ApiError> {
            let path = json!({"threadId": self.thread.id, "seq": seq});
            handle(&self.deps, call(EVENT, &caller(user), |event| event["pathParameters"] = path)).await
        }

        async fn code(&self, user: &str, seq: &str) -> (Value, Value) {
            let mut problem = problem(self.unreact(user, seq).await);
            (problem["status"].take(), problem["code"].take())
        }

        async fn last_rev(&self) -> u64 {
            self.tables.chat().last_rev(&self.thread.id).await.unwrap()
        }
    }

    #[tokio::test]
    async fn only_the_reaction_of_the_caller_is_removed() {
        let fixture = Fixture::new().await;
        let answer = fixture.unreact("user-dad", "1").await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let message = body(&answer);
        let expected = json!([{"emoji": "👍", "userIds": ["user-sarah"]}]);
        assert_eq!((&message["reactions"], &message["rev"]), (&expected, &json!(3)));
        assert_eq!(message["body"], "Dinner at 6?");
    }

    #[tokio::test]
    async fn missing_reaction_answers_the_message_and_makes_no_revision() {
        let fixture = Fixture::new().await;
        let first = body(&fixture.unreact("user-dad", "1").await.unwrap());
        assert_eq!((body(&fixture.unreact("user-dad", "1").await.unwrap()), fixture.last_rev().await), (first, 3));
        // A deletion removes all reactions, so there is none of Sarah's either.
        change(&fixture.deps.chat, "user-sarah", &fixture.thread, 1, Change::Delete).await;
        let tombstone = body(&fixture.unreact("user-sarah", "1").await.unwrap());
        assert!(tombstone["deletedAt"].is_string());
        assert_eq!((&tombstone["reactions"], fixture.last_rev().await), (&json!([]), 4));
    }

    #[tokio::test]
    async fn missing_message_and_thread_of_others_are_404() {
        let fixture = Fixture::new().await;
        for seq in ["2", "0", "-1", "x", "", "1.0", "99999999999999999999999"] {
            assert_eq!(fixture.code("user-dad", seq).await, (json!(404), json!("message_not_found")), "{seq:?}");
        }
        let of_others = problem(fixture.unreact("user-michael", "1").await);
        assert_eq!((&of_others["status"], &of_others["code"]), (&json!(404), &json!("thread_not_found")));
        assert_eq!(problem(fixture.unreact("user-michael", "2").await), of_others);
        for id in [ThreadId::new().as_str(), "nonsense"] {
            let missing = call(EVENT, &caller("user-sarah"), |event| event["pathParameters"]["threadId"] = id.into());
            assert_eq!(problem(handle(&fixture.deps, missing).await), of_others, "{id}");
        }
        assert_eq!(fixture.last_rev().await, 2);
    }

    #[tokio::test]
    async fn removal_over_the_rate_is_a_429_and_removes_nothing() {
        let mut fixture = Fixture::new().await;
        // A rate of 0 messages per minute is always exceeded.
        fixture.deps.rate = MessageRate::new(0);
        assert_eq!(fixture.code("user-dad", "1").await, (json!(429), json!("rate_limited")));
        assert_eq!(fixture.last_rev().await, 2);
    }
}

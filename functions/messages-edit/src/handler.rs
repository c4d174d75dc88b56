//! Replaces the text of a message.

use std::time::Duration;

use contract::{ApiError, EditMessage};
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
    /// The maximum age of a message that can be edited.
    pub window: Duration,
}

/// Handles `PATCH /api/threads/{threadId}/messages/{seq}`. Answers 200 with the message as it is now. Only the author may edit
/// it, and only within [`Deps::window`].
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread_id, seq, EditMessage { body }) = (call.thread_id()?, call.seq()?, EditMessage::parse(call.body())?);
    let change = Change::Edit { body: &body, window: deps.window };
    let new = NewChange { thread_id: &thread_id, seq, caller: &call.caller.profile(), change };
    let message = deps.chat.change(new, &deps.rate, &deps.links).await??;
    json(StatusCode::OK, &message, &[])
}

#[cfg(test)]
mod tests {
    use contract::{Thread, ThreadId};
    use serde_json::{Value, json};
    use testkit::{
        Tables, body, call, caller, change, links, new_file, new_thread, problem, send_text, send_with_files,
        set_in_message,
    };

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-edit.json");

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
            let (rate, window) = (MessageRate::new(100), Duration::from_hours(24));
            Self { tables, deps: Deps { chat, links: links(), rate, window }, thread }
        }

        async fn edit(&self, user: &str, seq: &str, request: &Value) -> Result<Answer, ApiError> {
            let call = call(EVENT, &caller(user), |event| {
                event["pathParameters"] = json!({"threadId": self.thread.id, "seq": seq});
                event["body"] = request.to_string().into();
            });
            handle(&self.deps, call).await
        }

        async fn code(&self, user: &str, seq: &str, request: &Value) -> (Value, Value) {
            let mut problem = problem(self.edit(user, seq, request).await);
            (problem["status"].take(), problem["code"].take())
        }

        async fn last_rev(&self) -> u64 {
            self.tables.chat().last_rev(&self.thread.id).await.unwrap()
        }
    }

    fn text(body: &str) -> Value {
        json!({ "body": body })
    }

    #[tokio::test]
    async fn answer_is_the_edited_message() {
        let fixture = Fixture::new().await;
        let answer = fixture.edit("user-sarah", "1", &text("Dinner at 7?")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let message = body(&answer);
        let (id, created_at, edited_at) = (&message["id"], &message["createdAt"], &message["editedAt"]);
        assert!(edited_at.as_str().unwrap() >= created_at.as_str().unwrap());
        let expected = json!({
            "id": id, "threadId": fixture.thread.id, "seq": 1, "rev": 1, "body": "Dinner at 7?", "attachments": [],
            "reactions": [], "author": {"id": "user-sarah", "name": "Sarah"}, "createdAt": created_at, "editedAt": edited_at
        });
        assert_eq!(message, expected);
    }

    #[tokio::test]
    async fn repeated_edit_answers_the_same_and_makes_no_revision() {
        let fixture = Fixture::new().await;
        let unchanged = body(&fixture.edit("user-sarah", "1", &text("Dinner at 6?")).await.unwrap());
        assert_eq!((&unchanged["rev"], unchanged.get("editedAt")), (&json!(0), None));
        let first = body(&fixture.edit("user-sarah", "1", &text("Dinner at 7?")).await.unwrap());
        let again = body(&fixture.edit("user-sarah", "1", &text("Dinner at 7?")).await.unwrap());
        assert_eq!((again, fixture.last_rev().await), (first, 1));
        let back = body(&fixture.edit("user-sarah", "1", &text("Dinner at 6?")).await.unwrap());
        assert_eq!((&back["rev"], &back["body"]), (&json!(2), &json!("Dinner at 6?")));
    }

    #[tokio::test]
    async fn invalid_text_is_refused_and_changes_nothing() {
        let fixture = Fixture::new().await;
        for wrong in [text(""), text(" \n\u{200b}"), text(&"a".repeat(8_001)), json!({}), json!({"body": null})] {
            let refused = problem(fixture.edit("user-sarah", "1", &wrong).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")), "{wrong}");
            assert_eq!(refused["errors"][0]["field"], "body");
        }
        assert_eq!(fixture.last_rev().await, 0);
        fixture.edit("user-sarah", "1", &text(&"🏡".repeat(8_000))).await.unwrap();
    }

    #[tokio::test]
    async fn text_of_a_message_with_files_may_be_removed() {
        let fixture = Fixture::new().await;
        let file = new_file(&fixture.deps.chat, "user-sarah", "cake.jpg", "image/jpeg", 1).await.id;
        send_with_files(&fixture.deps.chat, "user-sarah", &fixture.thread, "Look!", std::slice::from_ref(&file)).await;
        let message = body(&fixture.edit("user-sarah", "2", &text("")).await.unwrap());
        assert_eq!((&message["body"], &message["attachments"][0]["id"]), (&json!(""), &json!(file)));
    }

    #[tokio::test]
    async fn only_the_author_edits() {
        let fixture = Fixture::new().await;
        assert_eq!(fixture.code("user-dad", "1", &text("a")).await, (json!(403), json!("not_author")));
        // The request is refused even if the text equals the stored one. So the answer does not reveal whether it does.
        assert_eq!(fixture.code("user-dad", "1", &text("Dinner at 6?")).await, (json!(403), json!("not_author")));
        assert_eq!(fixture.last_rev().await, 0);
    }

    #[tokio::test]
    async fn message_is_edited_only_within_the_window() {
        let fixture = Fixture::new().await;
        let at = |minutes: u64| {
            let age = i64::try_from(Duration::from_mins(minutes).as_millis()).unwrap();
            contract::Timestamp::from_millis(contract::Timestamp::now().millis() - age).to_string()
        };
        let window = fixture.deps.window.as_secs() / 60;
        set_in_message(&fixture.tables, &fixture.thread, 1, &[("createdAt", &at(window + 1))]).await;
        let over = fixture.code("user-sarah", "1", &text("a")).await;
        assert_eq!(over, (json!(403), json!("edit_window_over")));
        // The message already has this text, as after an edit whose answer was lost. So the request succeeds after the
        // window, and makes no revision.
        let repeated = body(&fixture.edit("user-sarah", "1", &text("Dinner at 6?")).await.unwrap());
        assert_eq!(repeated["rev"], 0);
        set_in_message(&fixture.tables, &fixture.thread, 1, &[("createdAt", &at(window - 1))]).await;
        assert_eq!(body(&fixture.edit("user-sarah", "1", &text("a")).await.unwrap())["rev"], 1);
        // The message may be newer than this instance's current time, because the clocks of instances differ.
        set_in_message(&fixture.tables, &fixture.thread, 1, &[("createdAt", "2999-01-01T00:00:00.000Z")]).await;
        assert_eq!(body(&fixture.edit("user-sarah", "1", &text("b")).await.unwrap())["rev"], 2);
    }

    #[tokio::test]
    async fn deleted_message_cannot_be_edited() {
        let fixture = Fixture::new().await;
        change(&fixture.deps.chat, "user-sarah", &fixture.thread, 1, Change::Delete).await;
        for body in ["a", "", "Dinner at 6?"] {
            let refused = fixture.code("user-sarah", "1", &text(body)).await;
            assert_eq!(refused, (json!(409), json!("message_deleted")), "{body:?}");
        }
        assert_eq!(fixture.code("user-dad", "1", &text("a")).await, (json!(403), json!("not_author")));
    }

    #[tokio::test]
    async fn missing_message_and_thread_of_others_are_404() {
        let fixture = Fixture::new().await;
        for seq in ["2", "0", "-1", "x", "", "1.0", "99999999999999999999999", "%31"] {
            let missing = fixture.code("user-sarah", seq, &text("a")).await;
            assert_eq!(missing, (json!(404), json!("message_not_found")), "{seq:?}");
        }
        let of_others = problem(fixture.edit("user-michael", "1", &text("a")).await);
        assert_eq!((&of_others["status"], &of_others["code"]), (&json!(404), &json!("thread_not_found")));
        assert_eq!(problem(fixture.edit("user-michael", "2", &text("a")).await), of_others);
        for id in [ThreadId::new().as_str(), "nonsense"] {
            let missing = call(EVENT, &caller("user-sarah"), |event| event["pathParameters"]["threadId"] = id.into());
            assert_eq!(problem(handle(&fixture.deps, missing).await), of_others, "{id}");
        }
        assert_eq!(fixture.last_rev().await, 0);
    }

    #[tokio::test]
    async fn edits_and_messages_share_one_rate() {
        const RATE: u64 = 20;
        let mut fixture = Fixture::new().await;
        fixture.deps.rate = MessageRate::new(RATE);
        // Edits that change nothing do not count.
        for _ in 0..=RATE {
            fixture.edit("user-sarah", "1", &text("Dinner at 6?")).await.unwrap();
        }
        let minute = || contract::Timestamp::now().seconds() / 60;
        let start = minute();
        // Another instance has counted 10 messages of Sarah's.
        let (other, sarah) = (MessageRate::new(RATE), &caller("user-sarah").id);
        for _ in 0..10 {
            other.count(sarah).unwrap();
        }
        other.share(&fixture.deps.chat, sarah).await;
        let mut refused = None;
        for edits in 0..3 * RATE {
            if let Err(ApiError::Problem(problem)) = fixture.edit("user-sarah", "1", &text(&edits.to_string())).await {
                refused = Some((problem, edits));
                break;
            }
        }
        let (refused, edits) = refused.expect("no edit was refused");
        assert_eq!((refused.code, refused.code.status()), (contract::ErrorCode::RateLimited, 429));
        assert!((1..=60).contains(&refused.retry_after.unwrap()));
        assert_eq!(fixture.last_rev().await, edits);
        // 10 edits are left of the rate of 20. If another minute has begun meanwhile, more edits were allowed.
        assert!(edits == 10 || minute() != start, "{edits} edits");
    }
}

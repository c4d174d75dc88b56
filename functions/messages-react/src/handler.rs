//! Sets or replaces the caller's reaction to a message.

use contract::{ApiError, React};
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

/// Handles `PUT /api/threads/{threadId}/messages/{seq}/reaction`. Answers 200 with the message as it is now. Every member may
/// react, each with one emoji.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread_id, seq, React { emoji }) = (call.thread_id()?, call.seq()?, React::parse(call.body())?);
    let change = Change::React(emoji);
    let new = NewChange { thread_id: &thread_id, seq, caller: &call.caller.profile(), change };
    let message = deps.chat.change(new, &deps.rate, &deps.links).await??;
    json(StatusCode::OK, &message, &[])
}

#[cfg(test)]
mod tests {
    use contract::{Thread, ThreadId};
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, change, links, new_thread, problem, send_text};

    use super::*;

    const EVENT: &str = include_str!("../../../events/messages-react.json");

    struct Fixture {
        tables: Tables,
        deps: Deps,
        thread: Thread,
    }

    impl Fixture {
        /// Creates a thread of Sarah, Dad and a user without a name, with one message of Sarah's.
        async fn new() -> Self {
            let tables = Tables::create().await;
            let chat = tables.chat();
            let thread = new_thread(&chat, &["user-sarah", "user-dad", "a#b.c 🏡"]).await;
            send_text(&chat, "user-sarah", &thread, "Dinner at 6?").await;
            Self { tables, deps: Deps { chat, links: links(), rate: MessageRate::new(100) }, thread }
        }

        async fn react(&self, user: &str, seq: &str, request: &Value) -> Result<Answer, ApiError> {
            let call = call(EVENT, &caller(user), |event| {
                event["pathParameters"] = json!({"threadId": self.thread.id, "seq": seq});
                event["body"] = request.to_string().into();
            });
            handle(&self.deps, call).await
        }

        async fn code(&self, user: &str, seq: &str) -> (Value, Value) {
            let mut problem = problem(self.react(user, seq, &json!({"emoji": "👍"})).await);
            (problem["status"].take(), problem["code"].take())
        }

        async fn last_rev(&self) -> u64 {
            self.tables.chat().last_rev(&self.thread.id).await.unwrap()
        }
    }

    #[tokio::test]
    async fn answer_is_the_message_with_its_reactions_in_order() {
        let fixture = Fixture::new().await;
        for (user, emoji) in [("user-sarah", "👍"), ("user-dad", "🎉"), ("a#b.c 🏡", "👍")] {
            fixture.react(user, "1", &json!({"emoji": emoji})).await.unwrap();
        }
        let answer = fixture.react("user-dad", "1", &json!({"emoji": "\u{2764}", "x": 1})).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let message = body(&answer);
        let reactions = json!([
            {"emoji": "\u{2764}\u{fe0f}", "userIds": ["user-dad"]},
            {"emoji": "👍", "userIds": ["a#b.c 🏡", "user-sarah"]},
        ]);
        assert_eq!((&message["reactions"], &message["rev"]), (&reactions, &json!(4)));
        assert_eq!((&message["body"], message.get("editedAt")), (&json!("Dinner at 6?"), None));
    }

    #[tokio::test]
    async fn repeated_reaction_answers_the_same_and_makes_no_revision() {
        let fixture = Fixture::new().await;
        let first = body(&fixture.react("user-dad", "1", &json!({"emoji": "❤️"})).await.unwrap());
        for same in ["❤️", "\u{2764}"] {
            let again = body(&fixture.react("user-dad", "1", &json!({"emoji": same})).await.unwrap());
            assert_eq!((&again, fixture.last_rev().await), (&first, 1), "{same:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_exactly_one_emoji_is_refused_by_name() {
        let fixture = Fixture::new().await;
        let hundred_bytes = "👍".repeat(25);
        for wrong in ["", " ", "ok", "1", "👍👍", "👍 ", "\u{fe0f}", "\u{200d}", "🇩", &hundred_bytes] {
            let refused = problem(fixture.react("user-dad", "1", &json!({"emoji": wrong})).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")), "{wrong:?}");
            assert_eq!(
                (&refused["errors"][0]["field"], refused["errors"].as_array().unwrap().len()),
                (&json!("emoji"), 1)
            );
        }
        for wrong in [json!({}), json!({"emoji": null}), json!({"emoji": ["👍"]})] {
            assert_eq!(problem(fixture.react("user-dad", "1", &wrong).await)["errors"][0]["field"], "emoji", "{wrong}");
        }
        assert_eq!(fixture.last_rev().await, 0);
    }

    #[tokio::test]
    async fn deleted_message_gets_no_reaction() {
        let fixture = Fixture::new().await;
        change(&fixture.deps.chat, "user-sarah", &fixture.thread, 1, Change::Delete).await;
        for user in ["user-sarah", "user-dad"] {
            assert_eq!(fixture.code(user, "1").await, (json!(409), json!("message_deleted")));
        }
        assert_eq!(fixture.last_rev().await, 1);
    }

    #[tokio::test]
    async fn missing_message_and_thread_of_others_are_404() {
        let fixture = Fixture::new().await;
        for seq in ["2", "0", "-1", "x", "", "1.0", "99999999999999999999999"] {
            assert_eq!(fixture.code("user-dad", seq).await, (json!(404), json!("message_not_found")), "{seq:?}");
        }
        let request = json!({"emoji": "👍"});
        let of_others = problem(fixture.react("user-michael", "1", &request).await);
        assert_eq!((&of_others["status"], &of_others["code"]), (&json!(404), &json!("thread_not_found")));
        assert_eq!(problem(fixture.react("user-michael", "2", &request).await), of_others);
        for id in [ThreadId::new().as_str(), "nonsense"] {
            let missing = call(EVENT, &caller("user-sarah"), |event| event["pathParameters"]["threadId"] = id.into());
            assert_eq!(problem(handle(&fixture.deps, missing).await), of_others, "{id}");
        }
        assert_eq!(fixture.last_rev().await, 0);
    }

    #[tokio::test]
    async fn reaction_over_the_rate_is_a_429_and_is_not_stored() {
        let mut fixture = Fixture::new().await;
        // A rate of 0 messages per minute is always exceeded.
        fixture.deps.rate = MessageRate::new(0);
        assert_eq!(fixture.code("user-dad", "1").await, (json!(429), json!("rate_limited")));
        assert_eq!(fixture.last_rev().await, 0);
    }
}

//! Moves the caller's read mark in a thread.

use contract::{ApiError, MarkRead, MarkedRead, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, ReadResult};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores memberships and messages.
    pub chat: Chat,
}

/// Handles `PUT /api/threads/{threadId}/read`. Answers 200 with the read mark that is now in effect. The mark never moves
/// back. Fails with `thread_not_found` for a non-member, and with `invalid_request` if the thread has no such message.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let (thread, MarkRead { seq }) = (call.thread_id()?, MarkRead::parse(call.body())?);
    let profile = call.caller.profile();
    let (marked, ()) =
        tokio::try_join!(deps.chat.mark_read(&call.caller.id, &thread, seq), deps.chat.record_profile(&profile))?;
    match marked {
        ReadResult::Mark(read_seq) => json(StatusCode::OK, &MarkedRead { read_seq }, &[]),
        ReadResult::NoMessage => Err(MarkRead::beyond_the_end().into()),
        ReadResult::NotMember => Err(Problem::thread_not_found().into()),
    }
}

#[cfg(test)]
mod tests {
    use contract::{Thread, ThreadId};
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, message_row, new_thread, problem, send_text};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-read.json");

    async fn mark(deps: &Deps, user: &str, thread: &str, request: &Value) -> Result<Answer, ApiError> {
        let call = call(EVENT, &caller(user), |event| {
            event["pathParameters"]["threadId"] = thread.into();
            event["body"] = request.to_string().into();
        });
        handle(deps, call).await
    }

    async fn mark_in_effect(deps: &Deps, thread: &Thread, user: &str) -> u64 {
        deps.chat.thread(&thread.id, &caller(user).id).await.unwrap().unwrap().own.read_seq
    }

    /// Creates a thread of Sarah and Michael with two messages by Michael.
    async fn two_messages(tables: &Tables) -> Thread {
        let chat = tables.chat();
        let thread = new_thread(&chat, &["user-sarah", "user-michael"]).await;
        for body in ["Dinner at 6?", "Or at 7?"] {
            let message = send_text(&chat, "user-michael", &thread, body).await;
            chat.advance_projection(&message_row(&message)).await.unwrap();
        }
        thread
    }

    #[tokio::test]
    async fn answer_is_the_mark_in_effect_and_it_never_moves_back() {
        let tables = Tables::create().await;
        let (deps, thread) = (Deps { chat: tables.chat() }, two_messages(&tables).await);
        for (seq, expected) in
            [(json!(0), 0), (json!(1), 1), (json!(2.0), 2), (json!(2), 2), (json!(1), 2), (json!(0), 2)]
        {
            let answer = mark(&deps, "user-sarah", thread.id.as_str(), &json!({"seq": seq})).await.unwrap();
            assert_eq!((answer.status(), body(&answer)), (StatusCode::OK, json!({"readSeq": expected})), "{seq}");
        }
        assert_eq!(mark_in_effect(&deps, &thread, "user-michael").await, 0, "another member's mark has moved");
    }

    #[tokio::test]
    async fn mark_of_a_missing_message_is_refused_and_changes_nothing() {
        let tables = Tables::create().await;
        let (deps, thread) = (Deps { chat: tables.chat() }, two_messages(&tables).await);
        let invalid =
            [json!(3), json!(contract::limits::SEQ), json!(-1), json!(0.5), json!("1"), Value::Null, json!([1])];
        for seq in invalid {
            let refused = problem(mark(&deps, "user-sarah", thread.id.as_str(), &json!({"seq": seq})).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")), "{seq}");
            assert_eq!(refused["errors"][0]["field"], "seq");
        }
        assert_eq!(mark_in_effect(&deps, &thread, "user-sarah").await, 0);
    }

    #[tokio::test]
    async fn message_that_is_not_projected_yet_can_be_marked() {
        let tables = Tables::create().await;
        let (deps, thread) = (Deps { chat: tables.chat() }, two_messages(&tables).await);
        send_text(&tables.chat(), "user-michael", &thread, "Hello?").await;
        let answer = mark(&deps, "user-sarah", thread.id.as_str(), &json!({"seq": 3})).await.unwrap();
        assert_eq!(body(&answer), json!({"readSeq": 3}));
    }

    #[tokio::test]
    async fn membership_without_a_stored_mark_counts_as_read_to_the_end() {
        let tables = Tables::create().await;
        let (deps, thread) = (Deps { chat: tables.chat() }, two_messages(&tables).await);
        let key = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
        let row = tables.client.update_item().table_name(&tables.chat).key("pk", key("USER#user-sarah".into()));
        let row = row.key("sk", key(format!("THREAD#{}", thread.id))).update_expression("REMOVE readSeq");
        row.send().await.unwrap();
        let answer = mark(&deps, "user-sarah", thread.id.as_str(), &json!({"seq": 1})).await.unwrap();
        assert_eq!(body(&answer), json!({"readSeq": 2}));
    }

    #[tokio::test]
    async fn thread_of_others_and_missing_thread_get_the_same_answer_and_no_membership() {
        let tables = Tables::create().await;
        let (deps, thread) = (Deps { chat: tables.chat() }, two_messages(&tables).await);
        let of_others = problem(mark(&deps, "user-dad", thread.id.as_str(), &json!({"seq": 1})).await);
        assert_eq!((&of_others["status"], &of_others["code"]), (&json!(404), &json!("thread_not_found")));
        for id in [ThreadId::new().as_str(), "nonsense", ""] {
            assert_eq!(problem(mark(&deps, "user-dad", id, &json!({"seq": 1})).await), of_others, "{id}");
            assert_eq!(problem(mark(&deps, "user-dad", id, &json!({"seq": 99})).await), of_others, "{id}");
        }
        assert_eq!(problem(mark(&deps, "user-dad", thread.id.as_str(), &json!({"seq": 99})).await), of_others);
        let query = contract::ThreadsQuery::parse(None, None, None).unwrap();
        let listed = deps.chat.threads(&caller("user-dad").id, &query).await.unwrap();
        assert!(listed.threads.is_empty());
        assert_eq!(problem(handle(&deps, call(EVENT, &caller("user-dad"), |_| {})).await), of_others);
    }

    #[tokio::test]
    async fn malformed_body_is_refused_before_access_is_checked() {
        let tables = Tables::create().await;
        let (deps, thread) = (Deps { chat: tables.chat() }, two_messages(&tables).await);
        for user in ["user-sarah", "user-dad"] {
            let call = call(EVENT, &caller(user), |event| {
                event["pathParameters"]["threadId"] = thread.id.as_str().into();
                event["body"] = "{".into();
            });
            assert_eq!(problem(handle(&deps, call).await)["code"], "malformed_json");
        }
    }
}

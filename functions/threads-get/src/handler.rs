//! Returns one of the caller's threads.

use contract::{ApiError, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores threads and user names.
    pub chat: Chat,
}

/// Handles `GET /api/threads/{threadId}`. Answers 200 with the thread, including its members' names, the caller's own read
/// mark and settings, and the read marks of the members who share them.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let id = call.thread_id()?;
    let profile = call.caller.profile();
    let (thread, ()) = tokio::try_join!(deps.chat.thread(&id, &call.caller.id), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &thread.ok_or_else(Problem::thread_not_found)?, &[])
}

#[cfg(test)]
mod tests {
    use contract::UpdateSettings;
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, message_row, new_thread, problem, send_text, set_receipts};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-get.json");

    async fn get(deps: &Deps, user: &str, thread_id: &str) -> Result<Answer, ApiError> {
        handle(deps, call(EVENT, &caller(user), |event| event["pathParameters"]["threadId"] = thread_id.into())).await
    }

    #[tokio::test]
    async fn member_names_are_in_the_order_of_member_ids() {
        let deps = Deps { chat: Tables::create().await.chat() };
        let thread = new_thread(&deps.chat, &["user-sarah", "never-seen", "user-dad"]).await;
        deps.chat.record_profile(&caller("user-sarah").profile()).await.unwrap();
        deps.chat.record_profile(&caller("user-dad").profile()).await.unwrap();
        let answer = body(&get(&deps, "user-sarah", thread.id.as_str()).await.unwrap());
        assert_eq!(answer["memberIds"], json!(["user-sarah", "never-seen", "user-dad"]));
        assert_eq!(answer["memberNames"], json!(["Sarah", "never-seen", "Dad"]));
    }

    #[tokio::test]
    async fn settings_are_the_callers_and_read_marks_are_those_that_members_share() {
        let deps = Deps { chat: Tables::create().await.chat() };
        let thread = new_thread(&deps.chat, &["user-sarah", "user-michael", "user-dad"]).await;
        for body in ["Dinner at 6?", "Or at 7?"] {
            let message = send_text(&deps.chat, "user-michael", &thread, body).await;
            deps.chat.advance_projection(&message_row(&message)).await.unwrap();
        }
        deps.chat.mark_read(&caller("user-sarah").id, &thread.id, 1).await.unwrap();
        deps.chat.mark_read(&caller("user-dad").id, &thread.id, 2).await.unwrap();
        set_receipts(&deps.chat, &caller("user-dad").profile(), Some(false)).await.unwrap();
        let archive = UpdateSettings { archived: Some(true), muted_until: None };
        deps.chat.update_settings(&caller("user-sarah").id, &thread.id, archive).await.unwrap();

        let shared = json!([{"userId": "user-sarah", "seq": 1}, {"userId": "user-michael", "seq": 0}]);
        for (user, read_seq, archived) in [("user-sarah", 1, true), ("user-michael", 0, false), ("user-dad", 2, false)]
        {
            let answer = body(&get(&deps, user, thread.id.as_str()).await.unwrap());
            let own = [&answer["lastSeq"], &answer["readSeq"], &answer["archived"], &answer["mutedUntil"]];
            assert_eq!(own, [&json!(2), &json!(read_seq), &json!(archived), &Value::Null], "{user}");
            assert_eq!(answer["reads"], shared, "{user}");
        }
    }

    #[tokio::test]
    async fn thread_of_others_and_missing_thread_get_the_same_answer() {
        let deps = Deps { chat: Tables::create().await.chat() };
        let thread = new_thread(&deps.chat, &["user-sarah", "user-michael"]).await;
        let of_others = problem(get(&deps, "user-dad", thread.id.as_str()).await);
        for id in ["thread_0", "nonsense", "", "thread_%23", "msg_1"] {
            assert_eq!(problem(get(&deps, "user-dad", id).await), of_others);
        }
        assert_eq!(of_others["code"], "thread_not_found");
    }
}

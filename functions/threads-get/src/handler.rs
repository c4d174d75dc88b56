//! Returns one of the caller's threads.

use contract::{ApiError, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores threads and user names.
    pub chat: Chat,
}

/// Handles `GET /api/threads/{threadId}`. Answers 200 with the thread, including its members' names.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let id = call.thread_id()?;
    let profile = call.caller.profile();
    let (thread, ()) = tokio::try_join!(deps.chat.thread(&id, &call.caller.id), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &thread.ok_or_else(Problem::thread_not_found)?, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::{Tables, body, call, caller, new_thread, problem};

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

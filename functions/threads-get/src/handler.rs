//! Gets one of the caller's threads.

use contract::{ApiError, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::Chat;

/// Answers 200 with the thread, its members' names among it.
pub async fn handle(chat: &Chat, call: Call) -> Result<Answer, ApiError> {
    let thread = chat.thread(&call.thread_id()?, &call.caller.id).await?;
    json(StatusCode::OK, &thread.ok_or_else(Problem::thread_not_found)?, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::{Tables, body, call, caller, new_thread, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-get.json");

    async fn get(chat: &Chat, user: &str, thread_id: &str) -> Result<Answer, ApiError> {
        handle(chat, call(EVENT, &caller(user), |event| event["pathParameters"]["threadId"] = thread_id.into())).await
    }

    #[tokio::test]
    async fn names_go_index_by_index_with_the_members() {
        let chat = Tables::create().await.chat();
        let thread = new_thread(&chat, &["user-sarah", "never-seen", "user-dad"]).await;
        chat.record_profile(&caller("user-sarah").profile()).await.unwrap();
        chat.record_profile(&caller("user-dad").profile()).await.unwrap();
        let answer = body(&get(&chat, "user-sarah", thread.id.as_str()).await.unwrap());
        assert_eq!(answer["memberIds"], json!(["user-sarah", "never-seen", "user-dad"]));
        assert_eq!(answer["memberNames"], json!(["Sarah", "never-seen", "Dad"]));
    }

    #[tokio::test]
    async fn a_foreign_thread_answers_as_one_that_does_not_exist() {
        let chat = Tables::create().await.chat();
        let thread = new_thread(&chat, &["user-sarah", "user-michael"]).await;
        let foreign = problem(get(&chat, "user-dad", thread.id.as_str()).await);
        for id in ["thread_0", "nonsense", "", "thread_%23", "msg_1"] {
            assert_eq!(problem(get(&chat, "user-dad", id).await), foreign);
        }
        assert_eq!(foreign["code"], "thread_not_found");
    }
}

//! Says where a file stands.

use contract::{ApiError, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Answers 200 to the file's owner and to the members of the threads it was sent to.
pub async fn handle(chat: &Chat, links: &Links, call: Call) -> Result<Answer, ApiError> {
    let file = chat.visible_file(&call.file_id()?, &call.caller.id).await?;
    json(StatusCode::OK, &file.ok_or_else(Problem::file_not_found)?.details(links), &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use store::Outcome;
    use testkit::{Tables, body, call, caller, links, new_file, new_thread, problem, send_with_files};

    use super::*;

    const EVENT: &str = include_str!("../../../events/files-status.json");

    async fn status(chat: &Chat, user: &str, id: &str) -> Result<Answer, ApiError> {
        let call = call(EVENT, &caller(user), |event| event["pathParameters"]["fileId"] = id.into());
        handle(chat, &links(), call).await
    }

    #[tokio::test]
    async fn each_state_is_as_the_contract_shows_it() {
        let chat = Tables::create().await.chat();
        let (photo, text) = (
            new_file(&chat, "user-sarah", "a b.jpg", "image/jpeg", 1).await,
            new_file(&chat, "user-sarah", "a.txt", "text/plain", 1).await,
        );
        let read = async |id| body(&status(&chat, "user-sarah", id).await.unwrap());
        let pending = json!({"id": photo.id, "name": "a b.jpg", "status": "pending", "thumbUrl": null});
        assert_eq!(read(photo.id.as_str()).await, pending);

        let ready = Outcome::Ready { original: "files/1".into(), thumbnail: Some("thumbs/1.jpg".into()) };
        chat.record_outcome(&photo.id, &ready).await.unwrap();
        let ready = read(photo.id.as_str()).await;
        assert_eq!(ready["status"], "ready");
        let begins = |field: &str, text: String| ready[field].as_str().is_some_and(|url| url.starts_with(&text));
        assert!(begins("url", format!("/files/{}/a%20b.jpg?expires=", photo.id)), "{ready}");
        assert!(begins("thumbUrl", format!("/thumbs/{}.jpg?expires=", photo.id)), "{ready}");
        assert_eq!(read(photo.id.as_str()).await, ready, "the URLs stay the same");

        chat.record_outcome(&text.id, &Outcome::Failed { reason: "It broke.".into() }).await.unwrap();
        let failed =
            json!({"id": text.id, "name": "a.txt", "status": "failed", "thumbUrl": null, "reason": "It broke."});
        assert_eq!(read(text.id.as_str()).await, failed);
    }

    #[tokio::test]
    async fn strangers_and_unknown_files_answer_alike() {
        let chat = Tables::create().await.chat();
        let file = new_file(&chat, "user-sarah", "a", "a/b", 1).await;
        let thread = new_thread(&chat, &["user-sarah", "user-dad"]).await;
        let refused = problem(status(&chat, "user-dad", file.id.as_str()).await);
        assert_eq!((&refused["status"], &refused["code"]), (&json!(404), &json!("file_not_found")));
        for id in ["file_0", "nonsense", "", "thread_1", "file_%23"] {
            assert_eq!(problem(status(&chat, "user-sarah", id).await), refused, "{id}");
        }
        send_with_files(&chat, "user-sarah", &thread, "", std::slice::from_ref(&file.id)).await;
        assert_eq!(
            body(&status(&chat, "user-dad", file.id.as_str()).await.unwrap())["id"],
            Value::from(file.id.as_str())
        );
        assert_eq!(problem(status(&chat, "user-michael", file.id.as_str()).await), refused);
    }
}

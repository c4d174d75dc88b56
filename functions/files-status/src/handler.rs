//! Returns a file's status (pending, ready or failed) and links.

use contract::{ApiError, Problem};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores files, memberships and user names.
    pub chat: Chat,
    /// Signs the links to the file and its thumbnail.
    pub links: Links,
}

/// Handles `GET /api/files/{fileId}/status`. Answers 200 to the file's owner and to the members of every thread that
/// the file was sent to, and 404 to everyone else.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let id = call.file_id()?;
    let profile = call.caller.profile();
    let (file, ()) =
        tokio::try_join!(deps.chat.visible_file(&id, &call.caller.id), deps.chat.record_profile(&profile))?;
    json(StatusCode::OK, &file.ok_or_else(Problem::file_not_found)?.details(&deps.links), &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use store::{Change, Outcome};
    use testkit::{
        Tables, body, call, caller, change, links, new_file, new_thread, problem, ready_image, send_with_files,
    };

    use super::*;

    const EVENT: &str = include_str!("../../../events/files-status.json");

    async fn deps() -> Deps {
        Deps { chat: Tables::create().await.chat(), links: links() }
    }

    async fn status(deps: &Deps, user: &str, id: &str) -> Result<Answer, ApiError> {
        let call = call(EVENT, &caller(user), |event| event["pathParameters"]["fileId"] = id.into());
        handle(deps, call).await
    }

    #[tokio::test]
    async fn each_status_has_exactly_the_fields_of_the_contract() {
        let deps = deps().await;
        let photo = new_file(&deps.chat, "user-sarah", "a b.jpg", "image/jpeg", 1).await;
        let text = new_file(&deps.chat, "user-sarah", "a.txt", "text/plain", 1).await;
        let read = async |id| body(&status(&deps, "user-sarah", id).await.unwrap());
        let pending = json!({"id": photo.id, "name": "a b.jpg", "status": "pending", "thumbUrl": null});
        assert_eq!(read(photo.id.as_str()).await, pending);

        deps.chat.record_outcome(&photo.id, &ready_image("1")).await.unwrap();
        let ready = read(photo.id.as_str()).await;
        assert_eq!(
            [&ready["status"], &ready["width"], &ready["height"]],
            [&json!("ready"), &json!(4_032), &json!(3_024)]
        );
        let begins = |field: &str, text: String| ready[field].as_str().is_some_and(|url| url.starts_with(&text));
        assert!(begins("url", format!("/files/{}/a%20b.jpg?expires=", photo.id)), "{ready}");
        assert!(begins("thumbUrl", format!("/thumbs/{}.jpg?expires=", photo.id)), "{ready}");
        assert_eq!(read(photo.id.as_str()).await, ready, "a second request returns the same links");

        let failed = Outcome::Failed { reason: "The image is damaged.".into() };
        deps.chat.record_outcome(&text.id, &failed).await.unwrap();
        let reason = "The image is damaged.";
        let failed = json!({"id": text.id, "name": "a.txt", "status": "failed", "thumbUrl": null, "reason": reason});
        assert_eq!(read(text.id.as_str()).await, failed);
    }

    #[tokio::test]
    async fn file_of_others_and_missing_file_get_the_same_answer() {
        let deps = deps().await;
        let file = new_file(&deps.chat, "user-sarah", "a", "a/b", 1).await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        let refused = problem(status(&deps, "user-dad", file.id.as_str()).await);
        assert_eq!((&refused["status"], &refused["code"]), (&json!(404), &json!("file_not_found")));
        for id in ["file_0", "nonsense", "", "thread_1", "file_%23"] {
            assert_eq!(problem(status(&deps, "user-sarah", id).await), refused, "{id}");
        }
        send_with_files(&deps.chat, "user-sarah", &thread, "", std::slice::from_ref(&file.id)).await;
        let shared = body(&status(&deps, "user-dad", file.id.as_str()).await.unwrap());
        assert_eq!(shared["id"], Value::from(file.id.as_str()), "a member of the thread sees the file");
        assert_eq!(problem(status(&deps, "user-michael", file.id.as_str()).await), refused);
    }
    #[tokio::test]
    async fn file_of_a_deleted_message_looks_like_a_missing_one_unless_another_message_uses_it() {
        let deps = deps().await;
        let file = new_file(&deps.chat, "user-sarah", "a", "a/b", 1).await;
        let thread = new_thread(&deps.chat, &["user-sarah", "user-dad"]).await;
        let missing = problem(status(&deps, "user-sarah", "file_0").await);
        for _ in 0..2 {
            send_with_files(&deps.chat, "user-sarah", &thread, "", std::slice::from_ref(&file.id)).await;
        }
        for deleted in [1, 2] {
            for user in ["user-sarah", "user-dad"] {
                assert_eq!(status(&deps, user, file.id.as_str()).await.unwrap().status(), 200, "{user}");
            }
            change(&deps.chat, "user-sarah", &thread, deleted, Change::Delete).await;
        }
        for erased in [false, true] {
            for user in ["user-sarah", "user-dad"] {
                assert_eq!(problem(status(&deps, user, file.id.as_str()).await), missing, "{user}");
            }
            assert!(erased || deps.chat.erase_file(&file.id).await.unwrap());
        }
    }
}

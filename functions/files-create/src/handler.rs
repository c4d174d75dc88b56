//! Takes the announcement of a file, and says where its bytes go.

use contract::{ApiError, CreateFile, NewFile, Upload};
use files::{Presigner, Reminders, UPLOAD_WINDOW};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, FileRow};

/// What it takes to accept a file.
pub struct Desk {
    /// Where the file is noted.
    pub chat: Chat,
    /// Where its bytes go.
    pub presigner: Presigner,
    /// What looks after a file that never comes.
    pub reminders: Reminders,
    /// The largest file accepted, in bytes.
    pub max_size: u64,
}

/// Answers 200 with a URL for the bytes.
pub async fn handle(desk: &Desk, call: Call) -> Result<Answer, ApiError> {
    let file = FileRow::new(&call.caller.id, CreateFile::parse(call.body(), desk.max_size)?);
    let upload = desk.presigner.upload(&file.id, &file.mimetype, file.size).await?;
    // Before there is a file, so that there is none without a reminder; one of no file does nothing.
    desk.reminders.remind(&file.id, UPLOAD_WINDOW).await?;
    desk.chat.create_file(&file).await?;
    let answer = Upload {
        upload_url: upload.url,
        method: "PUT",
        headers: upload.headers,
        expires_at: upload.expires_at,
        file: NewFile { id: file.id, name: file.name, status: file.status },
    };
    json(StatusCode::OK, &answer, &[])
}

#[cfg(test)]
mod tests {
    use files::PresignedUpload;
    use serde_json::{Value, json};
    use testkit::{Fault, Queue, Storage, Tables, body, call, caller, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/files-create.json");

    struct Fixture {
        tables: Tables,
        storage: Storage,
        queue: Queue,
    }

    impl Fixture {
        async fn new() -> Self {
            Self { tables: Tables::create().await, storage: Storage::create().await, queue: Queue::start().await }
        }

        async fn announce(&self, request: &Value) -> Result<Answer, ApiError> {
            let desk = Desk {
                chat: self.tables.chat(),
                presigner: self.storage.presigner(),
                reminders: self.queue.reminders(),
                max_size: 1_000,
            };
            let call = call(EVENT, &caller("user-sarah"), |event| event["body"] = request.to_string().into());
            handle(&desk, call).await
        }

        async fn is_empty(&self) -> bool {
            let rows = self.tables.client.scan().table_name(&self.tables.chat).send().await.unwrap();
            rows.count == 0
        }
    }

    #[tokio::test]
    async fn the_answer_is_all_it_takes_to_upload() {
        let fixture = Fixture::new().await;
        let name = "Käse \"1\".png";
        let answer = fixture.announce(&json!({"filename": name, "mimetype": "image/png", "size": 5})).await.unwrap();
        let answer = body(&answer);
        assert_eq!((&answer["method"], &answer["headers"]), (&json!("PUT"), &json!({"content-type": "image/png"})));
        assert_eq!((&answer["file"]["name"], &answer["file"]["status"]), (&json!(name), &json!("pending")));
        let upload = PresignedUpload {
            url: answer["uploadUrl"].as_str().unwrap().into(),
            headers: serde_json::from_value(answer["headers"].clone()).unwrap(),
            expires_at: serde_json::from_value(answer["expiresAt"].clone()).unwrap(),
        };
        assert_eq!(Storage::put(&upload, "hello").await.status(), 200);
        assert_eq!(Storage::put(&upload, "hello!").await.status(), 403);

        let id = serde_json::from_value(answer["file"]["id"].clone()).unwrap();
        let file = fixture.tables.chat().file(&id).await.unwrap().unwrap();
        assert_eq!((file.owner_id.as_str(), file.name.as_str(), file.size), ("user-sarah", name, 5));
        assert_eq!(fixture.storage.keys().await, [format!("uploads/{id}")]);
        assert_eq!(fixture.queue.sent(), [(id, UPLOAD_WINDOW)]);
    }

    #[tokio::test]
    async fn bad_requests_leave_nothing() {
        let fixture = Fixture::new().await;
        let wrong = problem(fixture.announce(&json!({"filename": "a/b", "mimetype": "png", "size": 1_001})).await);
        assert_eq!((&wrong["status"], &wrong["code"]), (&json!(422), &json!("invalid_request")));
        let fields: Vec<_> = wrong["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["filename", "mimetype", "size"]);
        assert!(fixture.is_empty().await && fixture.queue.sent().is_empty());
    }

    #[tokio::test]
    async fn there_is_no_file_without_a_reminder() {
        let mut fixture = Fixture::new().await;
        fixture.queue = fixture.queue.through(|_| Fault::Refuse("com.amazonaws.sqs#AccessDenied")).await;
        let failed = problem(fixture.announce(&json!({"filename": "a", "mimetype": "a/b", "size": 1})).await);
        assert_eq!(failed["code"], "internal");
        assert!(fixture.is_empty().await);
    }
}

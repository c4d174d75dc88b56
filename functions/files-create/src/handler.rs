//! Creates a pending file and returns the signed URL for its upload.

use contract::{ApiError, CreateFile, ErrorCode, NewFile, Problem, Upload};
use files::{Presigner, Reminders, UPLOAD_WINDOW};
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, FileRow, QuotaExceeded, UploadQuota};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores the file's row and the caller's name.
    pub chat: Chat,
    /// Signs the upload URL.
    pub presigner: Presigner,
    /// Sends the reminder that makes files-process check on the file after its upload window.
    pub reminders: Reminders,
    /// Maximum size of a file, in bytes.
    pub max_file_bytes: u64,
    /// Number and total size of the files that a user may create per day (UTC).
    pub uploads_per_day: UploadQuota,
}

/// Handles `POST /api/files`. Answers 200 with the pending file and the signed URL for its upload.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let profile = call.caller.profile();
    let file = FileRow::new(&call.caller.id, CreateFile::parse(call.body(), deps.max_file_bytes)?);
    // The file is counted first, so that a refused request has no effect at all.
    let counted = deps.chat.count_upload(&file.owner_id, file.size, deps.uploads_per_day).await?;
    counted.map_err(|exceeded| refuse(deps, exceeded))?;
    let upload = deps.presigner.upload(&file.id, &file.mimetype, file.size).await?;
    // The reminder is sent before the file's row is stored, so that every row has a reminder. If the function fails
    // before it stores the row, the reminder has no effect.
    deps.reminders.remind(&file.id, UPLOAD_WINDOW).await?;
    tokio::try_join!(deps.chat.create_file(&file), deps.chat.record_profile(&profile))?;
    let answer = Upload {
        upload_url: upload.url,
        method: "PUT",
        headers: upload.headers,
        expires_at: upload.expires_at,
        file: NewFile { id: file.id, name: file.name, status: file.status },
    };
    json(StatusCode::OK, &answer, &[])
}

fn refuse(deps: &Deps, exceeded: QuotaExceeded) -> Problem {
    let UploadQuota { files, bytes } = deps.uploads_per_day;
    let detail = format!("You may upload {files} files and {bytes} bytes per day. Try again tomorrow (UTC).");
    Problem::retry_later(ErrorCode::QuotaExceeded, detail, exceeded.retry_after)
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

        async fn create(&self, request: &Value) -> Result<Answer, ApiError> {
            let deps = Deps {
                chat: self.tables.chat(),
                presigner: self.storage.presigner(),
                reminders: self.queue.reminders(),
                max_file_bytes: 1_000,
                uploads_per_day: UploadQuota { files: 2, bytes: 1_500 },
            };
            let call = call(EVENT, &caller("user-sarah"), |event| event["body"] = request.to_string().into());
            handle(&deps, call).await
        }

        /// Returns the number of rows of files.
        async fn rows(&self) -> i32 {
            let rows = self.tables.client.scan().table_name(&self.tables.chat);
            let files = rows.filter_expression("attribute_exists(ownerId)");
            files.send().await.unwrap().count
        }
    }

    #[tokio::test]
    async fn answer_allows_the_upload_of_exactly_the_announced_size() {
        let fixture = Fixture::new().await;
        let name = "Käse \"1\".png";
        let answer = fixture.create(&json!({"filename": name, "mimetype": "image/png", "size": 5})).await.unwrap();
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
    async fn invalid_request_names_each_field_and_stores_nothing() {
        let fixture = Fixture::new().await;
        let refused = problem(fixture.create(&json!({"filename": "a/b", "mimetype": "png", "size": 1_001})).await);
        assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")));
        let fields: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["filename", "mimetype", "size"]);
        assert!(fixture.rows().await == 0 && fixture.queue.sent().is_empty());
    }

    #[tokio::test]
    async fn file_over_the_quota_is_a_429_that_says_when_to_retry_and_has_no_effect() {
        let fixture = Fixture::new().await;
        let request = |size: u64| json!({"filename": "a", "mimetype": "a/b", "size": size});
        fixture.create(&request(1_000)).await.unwrap();
        let before = fixture.rows().await;
        let Err(ApiError::Problem(refused)) = fixture.create(&request(501)).await else { panic!("not refused") };
        assert_eq!((refused.code, refused.code.status()), (ErrorCode::QuotaExceeded, 429));
        let retry_after = refused.retry_after.unwrap();
        assert!((1..=86_400).contains(&retry_after), "{retry_after}");
        assert_eq!((fixture.rows().await, fixture.queue.sent().len()), (before, 1));
        fixture.create(&request(500)).await.unwrap();
        assert_eq!(problem(fixture.create(&request(0)).await)["code"], "invalid_request");
        assert_eq!(problem(fixture.create(&request(1)).await)["code"], "quota_exceeded");
    }

    #[tokio::test]
    async fn no_file_is_stored_if_its_reminder_cannot_be_sent() {
        let mut fixture = Fixture::new().await;
        fixture.queue = fixture.queue.through(|_| Fault::Refuse("com.amazonaws.sqs#AccessDenied")).await;
        let failed = problem(fixture.create(&json!({"filename": "a", "mimetype": "a/b", "size": 1})).await);
        assert_eq!(failed["code"], "internal");
        assert_eq!(fixture.rows().await, 0);
    }
}

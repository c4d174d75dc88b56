use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::api::{Reply, fetch, http};
use crate::shape::{assert_file, assert_keys, assert_timestamp, text};
use crate::user::User;
use crate::wait::eventually;

/// A file created with `POST /api/files`, and what a client needs to upload its bytes.
#[derive(Debug, Clone)]
pub struct Upload {
    /// ID of the file.
    pub id: String,
    /// Signed URL to which the client uploads the bytes with PUT.
    pub url: Url,
    /// `Content-Type` header that the upload must have.
    pub content_type: String,
    /// When the upload URL expires, as an RFC 3339 time.
    pub expires_at: String,
}

impl Upload {
    /// Uploads `bytes` with PUT and returns the response from S3, which may be a refusal.
    pub async fn put(&self, bytes: &[u8]) -> Reply {
        put(self.url.clone(), Some(&self.content_type), bytes).await
    }

    /// Uploads `bytes` with PUT. Panics if S3 refuses them.
    pub async fn send(&self, bytes: &[u8]) {
        let reply = self.put(bytes).await;
        assert_eq!(reply.status, 200, "{reply}");
    }
}

/// Sends a PUT with `bytes` as the body, and with a `Content-Type` header if one is given.
pub async fn put(url: Url, content_type: Option<&str>, bytes: &[u8]) -> Reply {
    let mut request = http().put(url).body(bytes.to_vec());
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    fetch(request).await
}

/// Checks that `Content-Type` is the only header that the API requires of an upload, because the bucket's CORS rules
/// allow browsers no other header.
#[track_caller]
fn assert_headers(headers: &Value, mimetype: &str) {
    let given = headers.as_object().unwrap_or_else(|| panic!("`headers` is not an object: {headers}"));
    let expected = given.len() == 1
        && given.iter().all(|(name, value)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()) && value == mimetype);
    assert!(expected, "the headers are not exactly the content type: {headers}");
}

impl User {
    /// Creates a file with `POST /api/files`. Panics if the API refuses it.
    pub async fn create_file(&self, name: &str, mimetype: &str, size: usize) -> Upload {
        let body = json!({ "filename": name, "mimetype": mimetype, "size": size });
        let answer = self.post("/api/files", &body).await.ok(200);
        assert_keys(&answer, &["uploadUrl", "method", "headers", "expiresAt", "file"]);
        assert_eq!(answer["method"], "PUT", "{answer}");
        assert_headers(&answer["headers"], mimetype);
        assert_timestamp(&answer["expiresAt"]);
        let id = text(&answer["file"]["id"]);
        assert!(id.starts_with("file_"), "the ID does not start with `file_`: {answer}");
        assert_eq!(answer["file"], json!({ "id": id, "name": name, "status": "pending" }), "{answer}");
        let url = Url::parse(text(&answer["uploadUrl"]))
            .unwrap_or_else(|error| panic!("uploadUrl is not a URL: {error}: {answer}"));
        let expires_at = text(&answer["expiresAt"]).to_owned();
        Upload { id: id.to_owned(), url, content_type: mimetype.to_owned(), expires_at }
    }

    /// Creates a file and uploads `bytes` as its content. Returns the file's ID.
    pub async fn upload(&self, name: &str, mimetype: &str, bytes: &[u8]) -> String {
        let upload = self.create_file(name, mimetype, bytes.len()).await;
        upload.send(bytes).await;
        upload.id
    }

    /// Sends `GET /api/files/{fileId}/status`.
    pub async fn get_file_status(&self, file: &str) -> Reply {
        self.get(&format!("/api/files/{file}/status"), &[]).await
    }

    /// Returns a file's status. Panics if the user may not see the file.
    pub async fn file(&self, file: &str) -> Value {
        let status = self.get_file_status(file).await.ok(200);
        assert_file(&status);
        assert_eq!(status["id"], file, "{status}");
        status
    }

    /// Waits until a file is no longer pending, and returns its status.
    pub async fn wait_for_outcome(&self, file: &str) -> Value {
        eventually(&format!("{file} is ready or failed"), async || {
            let status = self.file(file).await;
            (status["status"] != "pending").then_some(status)
        })
        .await
    }

    /// Waits until a file is ready, and returns its status. Panics if the file fails.
    pub async fn wait_until_ready(&self, file: &str) -> Value {
        let status = self.wait_for_outcome(file).await;
        assert_eq!(status["status"], "ready", "{status}");
        status
    }

    /// Waits until a file has failed, and returns its status. Panics if the file becomes ready.
    pub async fn wait_until_failed(&self, file: &str) -> Value {
        let status = self.wait_for_outcome(file).await;
        assert_eq!(status["status"], "failed", "{status}");
        status
    }

    /// Creates and uploads a file, waits until it is ready, and returns its status.
    pub async fn upload_ready(&self, name: &str, mimetype: &str, bytes: &[u8]) -> Value {
        let file = self.upload(name, mimetype, bytes).await;
        self.wait_until_ready(&file).await
    }

    /// Sends a message with files to a thread. Panics if the API refuses the message.
    pub async fn send_files(&self, thread: &str, body: &str, files: &[&str]) -> Value {
        self.post_message(thread, &json!({ "body": body, "fileIds": files })).await.ok(201)
    }
}

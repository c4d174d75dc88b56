use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::api::{Reply, fetch, http};
use crate::patience::eventually;
use crate::shape::{assert_file, assert_keys, assert_timestamp, text};
use crate::user::User;

/// A file that was announced, and where its bytes go.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file's id.
    pub id: String,
    /// Takes the bytes.
    pub url: Url,
    /// The media type that goes with them.
    pub content_type: String,
    /// Until when, as RFC 3339.
    pub expires_at: String,
}

impl Upload {
    /// PUT of these bytes, whatever comes of it.
    pub async fn put(&self, bytes: &[u8]) -> Reply {
        put(self.url.clone(), Some(&self.content_type), bytes).await
    }

    /// PUT of these bytes, which has to succeed.
    pub async fn send(&self, bytes: &[u8]) {
        let reply = self.put(bytes).await;
        assert_eq!(reply.status, 200, "{reply}");
    }
}

/// PUT of these bytes as this media type.
pub async fn put(url: Url, content_type: Option<&str>, bytes: &[u8]) -> Reply {
    let mut request = http().put(url).body(bytes.to_vec());
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    fetch(request).await
}

/// Checks that the headers of an upload are what the announcement says and no more: a browser may send no others.
#[track_caller]
fn assert_headers(headers: &Value, mimetype: &str) {
    let given = headers.as_object().unwrap_or_else(|| panic!("no headers: {headers}"));
    let expected = given.len() == 1
        && given.iter().all(|(name, value)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()) && value == mimetype);
    assert!(expected, "not the content type alone: {headers}");
}

impl User {
    /// Announces a file, which has to be accepted.
    pub async fn announce(&self, name: &str, mimetype: &str, size: usize) -> Upload {
        let body = json!({ "filename": name, "mimetype": mimetype, "size": size });
        let answer = self.post("/api/files", &body).await.ok(200);
        assert_keys(&answer, &["uploadUrl", "method", "headers", "expiresAt", "file"]);
        assert_eq!(answer["method"], "PUT", "{answer}");
        assert_headers(&answer["headers"], mimetype);
        assert_timestamp(&answer["expiresAt"]);
        let id = text(&answer["file"]["id"]);
        assert!(id.starts_with("file_"), "id: {answer}");
        assert_eq!(answer["file"], json!({ "id": id, "name": name, "status": "pending" }), "{answer}");
        let url = Url::parse(text(&answer["uploadUrl"])).unwrap_or_else(|error| panic!("uploadUrl: {error}: {answer}"));
        let expires_at = text(&answer["expiresAt"]).to_owned();
        Upload { id: id.to_owned(), url, content_type: mimetype.to_owned(), expires_at }
    }

    /// Announces and uploads a file, and returns its id.
    pub async fn upload(&self, name: &str, mimetype: &str, bytes: &[u8]) -> String {
        let upload = self.announce(name, mimetype, bytes.len()).await;
        upload.send(bytes).await;
        upload.id
    }

    /// GET of a file's status.
    pub async fn ask_for_file(&self, file: &str) -> Reply {
        self.get(&format!("/api/files/{file}/status"), &[]).await
    }

    /// The status of a file, which this user has to see.
    pub async fn file(&self, file: &str) -> Value {
        let status = self.ask_for_file(file).await.ok(200);
        assert_file(&status);
        assert_eq!(status["id"], file, "{status}");
        status
    }

    /// Waits until a file is no longer pending.
    pub async fn settled(&self, file: &str) -> Value {
        eventually(&format!("{file} is settled"), async || {
            let status = self.file(file).await;
            (status["status"] != "pending").then_some(status)
        })
        .await
    }

    /// Waits until a file is ready.
    pub async fn ready(&self, file: &str) -> Value {
        let status = self.settled(file).await;
        assert_eq!(status["status"], "ready", "{status}");
        status
    }

    /// Waits until a file is failed.
    pub async fn failed(&self, file: &str) -> Value {
        let status = self.settled(file).await;
        assert_eq!(status["status"], "failed", "{status}");
        status
    }

    /// Uploads a file and waits until it is ready.
    pub async fn upload_ready(&self, name: &str, mimetype: &str, bytes: &[u8]) -> Value {
        let file = self.upload(name, mimetype, bytes).await;
        self.ready(&file).await
    }

    /// Sends a message with files that has to be accepted.
    pub async fn send_files(&self, thread: &str, body: &str, files: &[&str]) -> Value {
        self.post_message(thread, &json!({ "body": body, "fileIds": files })).await.ok(201)
    }
}

//! Tests of `POST /api/files`

use std::collections::BTreeSet;

use e2e::{Upload, User, items, text};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

/// Maximum size of a file in the local cloud, in bytes. It is the default of `MaxFileBytes` in `template.yaml`.
const MAX_FILE_BYTES: u64 = 25 * 1024 * 1024;

fn query_value(upload: &Upload, name: &str) -> String {
    let found = upload.url.query_pairs().find(|(key, _)| key == name);
    found.unwrap_or_else(|| panic!("{} has no {name}", upload.url)).1.into_owned()
}

#[tokio::test]
async fn each_file_has_its_own_id_and_upload_url() {
    let sarah = User::sarah().await;
    let one = sarah.create_file("photo.jpg", "image/jpeg", 12345).await;
    let two = sarah.create_file("photo.jpg", "image/jpeg", 12345).await;
    assert_ne!(one.id, two.id);
    assert_ne!(one.url.path(), two.url.path());
    for upload in [&one, &two] {
        let file = sarah.file(&upload.id).await;
        let pending = json!({ "id": upload.id, "name": "photo.jpg", "status": "pending", "thumbUrl": null });
        assert_eq!(file, pending, "a new file should be pending and have no links");
    }
}

#[tokio::test]
async fn expires_at_is_when_the_upload_url_expires() {
    let upload = User::sarah().await.create_file("photo.jpg", "image/jpeg", 12345).await;
    let expires_at = OffsetDateTime::parse(&upload.expires_at, &Rfc3339).unwrap();
    let left = expires_at - OffsetDateTime::now_utc();
    assert!(left > Duration::MINUTE, "only {left} left to upload");
    assert!(left <= Duration::minutes(20), "{left} left to upload, but the file fails after 20 minutes");
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed_at = PrimitiveDateTime::parse(&query_value(&upload, "X-Amz-Date"), format).unwrap().assume_utc();
    let lifetime = Duration::seconds(query_value(&upload, "X-Amz-Expires").parse().unwrap());
    let difference = (signed_at + lifetime - expires_at).abs();
    assert!(difference <= Duration::seconds(2), "expiresAt is {}, {difference} off: {}", upload.expires_at, upload.url);
}

#[tokio::test]
async fn all_invalid_fields_are_named() {
    let sarah = User::sarah().await;
    let body = json!({ "filename": "a/b", "mimetype": "a", "size": MAX_FILE_BYTES + 1 });
    let reply = sarah.post("/api/files", &body).await;
    reply.assert_problem_fields(422, "invalid_request", &["filename", "mimetype", "size"]);
}

#[tokio::test]
async fn unknown_fields_and_parameters_change_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let body = json!({
        "filename": "a", "mimetype": "a/b", "size": 1,
        "id": "file_mine", "status": "ready", "ownerId": michael.id, "userId": michael.id, "key": "files/file_mine",
    });
    let answer = sarah.post(&format!("/api/files?userId={}", michael.id), &body).await.ok(200);
    let id = text(&answer["file"]["id"]);
    assert_ne!(id, "file_mine");
    assert_eq!(sarah.file(id).await["status"], "pending");
    michael.get_file_status(id).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn file_id_in_a_message_body_is_not_an_attachment() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let upload = sarah.create_file("a", "a/b", 1).await;
    let sent = sarah.send(&thread, &upload.id).await;
    assert!(items(&sent["attachments"]).is_empty(), "{sent}");
}

#[tokio::test]
async fn concurrent_requests_create_different_files() {
    let sarah = User::sarah().await;
    let uploads = futures::future::join_all((0..24).map(|_| sarah.create_file("a", "a/b", 1))).await;
    let ids: BTreeSet<&str> = uploads.iter().map(|upload| upload.id.as_str()).collect();
    assert_eq!(ids.len(), uploads.len());
}

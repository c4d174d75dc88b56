//! Tests the outcome of a file when all calls to `DynamoDB`, S3 and SQS succeed.

use std::sync::Arc;
use std::time::Duration;

use contract::{FileId, FileStatus};
use files_process::Event;
use serde_json::json;
use store::Published;
use testkit::{Fault, connect, links, once, send_with_files};

use crate::{BLACK, BROKEN, Fixture, WHITE, lambda};

#[tokio::test]
async fn image_is_ready_together_with_its_thumbnail_and_its_status_is_pushed() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    send_with_files(&fixture.tables.chat(), "user-sarah", &fixture.thread, "", std::slice::from_ref(&fixture.file.id))
        .await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    let file = fixture.file_row().await;
    assert_eq!((file.status, file.announced), (FileStatus::Ready, true));
    fixture.assert_consistent(&file).await;

    let original = fixture.storage.object(file.published(Published::Original).unwrap()).await;
    assert_eq!(original.headers()["content-type"], "image/gif");
    assert_eq!(original.headers()["content-disposition"], "inline; filename=\"photo.gif\"");
    let thumbnail = fixture.storage.object(file.published(Published::Thumbnail).unwrap()).await;
    assert_eq!(thumbnail.headers()["content-type"], "image/jpeg");

    let thumb_url = file.clone().details(&links()).thumb_url;
    let data = json!({"fileId": file.id, "status": "ready", "thumbUrl": thumb_url, "width": 1, "height": 1});
    let event = json!({"event": "file:status", "data": data});
    assert_eq!(fixture.management.frames("phone"), std::slice::from_ref(&event));
    assert_eq!(fixture.management.frames("tablet"), [event]);
}

#[tokio::test]
async fn content_that_browsers_must_not_show_is_published_as_a_download() {
    for (bytes, claimed) in [
        (&b"<script>alert(1)</script>"[..], "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"<!DOCTYPE html><script></script>", "application/pdf"),
        (b"hello", "video/mp4"),
    ] {
        let fixture = Fixture::with(claimed, bytes.len()).await;
        fixture.upload(bytes).await;
        fixture.handle(fixture.upload_event()).await.unwrap();
        let file = fixture.file_row().await;
        assert_eq!((file.status, file.published(Published::Thumbnail)), (FileStatus::Ready, None), "{claimed}");
        let original = fixture.storage.object(file.published(Published::Original).unwrap()).await;
        assert_eq!(original.headers()["content-type"], "application/octet-stream");
        assert_eq!(original.headers()["content-disposition"], "attachment; filename=\"photo.gif\"");
        assert_eq!(original.body(), bytes);
    }
}

#[tokio::test]
async fn image_that_cannot_be_decoded_fails_with_a_reason() {
    let fixture = Fixture::new().await;
    fixture.upload(BROKEN).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    let file = fixture.file_row().await;
    assert_eq!(file.status, FileStatus::Failed);
    let reason = file.details(&links()).reason.unwrap();
    assert!(reason.ends_with('.') && reason.contains(' '), "{reason}");
    assert_eq!(fixture.received("phone"), [FileStatus::Failed]);
    assert_eq!(fixture.published_keys().await, [""; 0]);
}

/// A GIF like [`WHITE`] with a comment before its end.
fn with_comment() -> &'static [u8] {
    let (image, end) = WHITE.split_at(WHITE.len() - 1);
    [image, b"\x21\xfe\x07at home\0", end].concat().leak()
}

#[tokio::test]
async fn images_are_published_without_metadata_unless_they_are_kept() {
    let upload = with_comment();
    for (keep_metadata, expected) in [(false, WHITE), (true, upload)] {
        let fixture = Fixture::with("image/gif", upload.len()).await;
        fixture.upload(upload).await;
        let lambda = lambda(&fixture.storage, keep_metadata).await;
        let deps = fixture.deps_with_lambda(&fixture.tables, &fixture.storage, &fixture.queue, &lambda);
        files_process::handle(&deps, fixture.upload_event()).await.unwrap();
        let file = fixture.file_row().await;
        fixture.assert_published(&file, expected).await;
        assert_eq!(file.size, upload.len() as u64, "the size stays that of the upload");
    }
}

#[tokio::test]
async fn files_that_are_not_images_are_published_unchanged() {
    // An image that has metadata and cannot be decoded, declared as `application/octet-stream`.
    let upload = &with_comment()[..WHITE.len() - 8];
    let fixture = Fixture::with("application/octet-stream", upload.len()).await;
    fixture.upload(upload).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    fixture.assert_published(&fixture.file_row().await, upload).await;
}

#[tokio::test]
async fn image_whose_metadata_cannot_be_removed_fails_and_is_not_published() {
    // The second frame is cut short. A thumbnail needs only the first one.
    let upload: &[u8] = [&WHITE[..WHITE.len() - 1], b",\0\0"].concat().leak();
    assert!(media::thumbnail(upload).is_ok());
    let fixture = Fixture::with("image/gif", upload.len()).await;
    fixture.upload(upload).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    let file = fixture.file_row().await;
    assert_eq!(file.details(&links()).reason.as_deref(), Some(&*media::Refusal::HiddenData.to_string()));
    assert_eq!((fixture.received("phone"), fixture.published_keys().await), (vec![FileStatus::Failed], vec![]));
}

#[tokio::test]
async fn upload_of_another_size_than_announced_fails() {
    let fixture = Fixture::with("image/gif", WHITE.len() + 1).await;
    fixture.upload(WHITE).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    assert_eq!(fixture.file_row().await.status, FileStatus::Failed);
}

#[tokio::test]
async fn second_upload_does_not_change_published_objects() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    let (file, published) = (fixture.file_row().await, fixture.published_keys().await);
    for bytes in [BLACK, BROKEN] {
        fixture.upload(bytes).await;
        fixture.handle(fixture.upload_event()).await.unwrap();
        fixture.handle(fixture.reminder_event()).await.unwrap();
    }
    assert_eq!((fixture.file_row().await, fixture.published_keys().await), (file, published));
    assert_eq!(fixture.received("phone"), [FileStatus::Ready], "the status is pushed once");
}

#[tokio::test]
async fn slower_of_two_concurrent_invocations_removes_the_objects_it_published() {
    let fixture = Arc::new(Fixture::new().await);
    fixture.upload(WHITE).await;
    let faster = fixture.clone();
    // The slower invocation has inspected the white image. Before it publishes the thumbnail, a black image is uploaded
    // and processed.
    let process_other_upload = once(
        |call| call.is("PUT", "/thumbs/"),
        move |_| {
            let fixture = faster.clone();
            Fault::After(Box::pin(async move {
                fixture.upload(BLACK).await;
                fixture.handle(fixture.upload_event()).await.unwrap();
            }))
        },
    );
    let storage = fixture.storage.through(process_other_upload).await;
    let slower = fixture.deps_with(&fixture.tables, &storage, &fixture.queue).await;
    files_process::handle(&slower, fixture.upload_event()).await.unwrap();
    let file = fixture.file_row().await;
    fixture.assert_consistent(&file).await;
    assert_eq!(fixture.storage.object(file.published(Published::Original).unwrap()).await.body(), BLACK);
    assert_eq!((fixture.published_keys().await.len(), fixture.received("phone")), (2, vec![FileStatus::Ready]));
}

#[tokio::test]
async fn missing_upload_fails_after_the_upload_window_and_not_before() {
    let fixture = Fixture::new().await;
    fixture.set_age(15).await;
    fixture.handle(fixture.reminder_event()).await.unwrap();
    assert_eq!(fixture.file_row().await.status, FileStatus::Pending);
    let [(id, delay)] = &fixture.queue.sent()[..] else { panic!("the function did not send exactly one reminder") };
    assert_eq!(*id, fixture.file.id);
    assert!((Duration::from_mins(14)..=Duration::from_mins(15)).contains(delay), "{delay:?}");

    fixture.set_age(30).await;
    fixture.handle(fixture.reminder_event()).await.unwrap();
    assert_eq!((fixture.file_row().await.status, fixture.queue.sent().len()), (FileStatus::Failed, 1));
    assert_eq!(fixture.received("phone"), [FileStatus::Failed]);
}

#[tokio::test]
async fn reminder_processes_an_upload_whose_event_was_lost() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    fixture.set_age(15).await;
    fixture.handle(fixture.reminder_event()).await.unwrap();
    fixture.assert_consistent(&fixture.file_row().await).await;
    assert_eq!(fixture.received("phone"), [FileStatus::Ready]);
}

#[tokio::test]
async fn event_fails_until_every_connection_has_the_status() {
    let fixture = Fixture::new().await;
    connect(&fixture.tables.connections(), "user-sarah", "tunnel").await;
    fixture.management.answer("tunnel", 500);
    fixture.upload(WHITE).await;
    assert!(fixture.handle(fixture.upload_event()).await.is_err());
    assert_eq!((fixture.file_row().await.status, fixture.file_row().await.announced), (FileStatus::Ready, false));
    fixture.management.answer("tunnel", 200);
    fixture.handle(fixture.upload_event()).await.unwrap();
    assert!(fixture.file_row().await.announced);
    assert_eq!(fixture.received("phone"), [FileStatus::Ready; 2]);
}

#[tokio::test]
async fn events_without_a_file_are_ignored_and_malformed_events_fail() {
    let mut fixture = Fixture::new().await;
    fixture.file.id = FileId::new();
    fixture.handle(fixture.upload_event()).await.unwrap();
    fixture.handle(fixture.reminder_event()).await.unwrap();
    let garbage = json!({"Records": [{"eventSource": "aws:sns"}]});
    assert!(serde_json::from_value::<Event>(garbage).is_err());
    let mut event: serde_json::Value =
        serde_json::from_str(include_str!("../../../../events/files-process.json")).unwrap();
    for key in ["files/file_1/hash", "uploads/", "uploads/%ff", "", "uploads/file_1%2Fx"] {
        event["Records"][0]["s3"]["object"]["key"] = json!(key);
        fixture.handle(serde_json::from_value(event.clone()).unwrap()).await.unwrap();
    }
    // A malformed reminder makes the invocation fail, so that the reminder stays in the queue. The queue moves it to
    // the dead-letter queue after the last retry.
    let mut reminder: serde_json::Value =
        serde_json::from_str(include_str!("../../../../events/files-process-reminder.json")).unwrap();
    reminder["Records"][0]["body"] = json!("{}");
    let failed = fixture.handle(serde_json::from_value(reminder).unwrap()).await;
    assert!(failed.is_err());
}

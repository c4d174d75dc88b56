//! What becomes of a file, without anything going wrong on the way.

use std::sync::Arc;
use std::time::Duration;

use contract::{FileId, FileStatus};
use files_process::Event;
use serde_json::json;
use store::Published;
use testkit::{Fault, connect, links, once, send_with_files};

use crate::{BLACK, BROKEN, WHITE, World};

#[tokio::test]
async fn an_image_is_ready_together_with_its_thumbnail_and_everybody_is_told() {
    let world = World::new().await;
    world.upload(WHITE).await;
    send_with_files(&world.tables.chat(), "user-sarah", &world.thread, "", std::slice::from_ref(&world.file.id)).await;
    world.handle(world.uploaded()).await.unwrap();
    let file = world.now().await;
    assert_eq!((file.status, file.announced), (FileStatus::Ready, true));
    world.assert_whole(&file).await;

    let original = world.storage.object(file.published(Published::Original).unwrap()).await;
    assert_eq!(original.headers()["content-type"], "image/gif");
    assert_eq!(original.headers()["content-disposition"], "inline; filename=\"photo.gif\"");
    let thumbnail = world.storage.object(file.published(Published::Thumbnail).unwrap()).await;
    assert_eq!(thumbnail.headers()["content-type"], "image/jpeg");

    let thumb_url = file.clone().details(&links()).thumb_url;
    let event = json!({"event": "file:status", "data": {"fileId": file.id, "status": "ready", "thumbUrl": thumb_url}});
    assert_eq!(world.management.frames("phone"), std::slice::from_ref(&event));
    assert_eq!(world.management.frames("tablet"), [event]);
}

#[tokio::test]
async fn what_no_browser_may_show_is_a_download_whatever_it_claims() {
    for (bytes, claimed) in [
        (&b"<script>alert(1)</script>"[..], "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"<!DOCTYPE html><script></script>", "application/pdf"),
        (b"hello", "video/mp4"),
    ] {
        let world = World::with(claimed, bytes.len()).await;
        world.upload(bytes).await;
        world.handle(world.uploaded()).await.unwrap();
        let file = world.now().await;
        assert_eq!((file.status, file.published(Published::Thumbnail)), (FileStatus::Ready, None), "{claimed}");
        let original = world.storage.object(file.published(Published::Original).unwrap()).await;
        assert_eq!(original.headers()["content-type"], "application/octet-stream");
        assert_eq!(original.headers()["content-disposition"], "attachment; filename=\"photo.gif\"");
        assert_eq!(original.body(), bytes);
    }
}

#[tokio::test]
async fn what_claims_to_be_an_image_and_is_none_is_failed_with_a_reason() {
    let world = World::new().await;
    world.upload(BROKEN).await;
    world.handle(world.uploaded()).await.unwrap();
    let file = world.now().await;
    assert_eq!(file.status, FileStatus::Failed);
    let reason = file.details(&links()).reason.unwrap();
    assert!(reason.ends_with('.') && reason.contains(' '), "{reason}");
    assert_eq!(world.heard("phone"), [FileStatus::Failed]);
    assert_eq!(world.published().await, [""; 0]);
}

#[tokio::test]
async fn another_size_than_announced_is_failed() {
    let world = World::with("image/gif", WHITE.len() + 1).await;
    world.upload(WHITE).await;
    world.handle(world.uploaded()).await.unwrap();
    assert_eq!(world.now().await.status, FileStatus::Failed);
}

#[tokio::test]
async fn a_second_upload_changes_nothing_that_was_published() {
    let world = World::new().await;
    world.upload(WHITE).await;
    world.handle(world.uploaded()).await.unwrap();
    let (file, published) = (world.now().await, world.published().await);
    for bytes in [BLACK, BROKEN] {
        world.upload(bytes).await;
        world.handle(world.uploaded()).await.unwrap();
        world.handle(world.reminder()).await.unwrap();
    }
    assert_eq!((world.now().await, world.published().await), (file, published));
    assert_eq!(world.heard("phone"), [FileStatus::Ready], "and nobody is told twice");
}

#[tokio::test]
async fn who_is_overtaken_by_another_run_changes_nothing_and_leaves_nothing() {
    let world = Arc::new(World::new().await);
    world.upload(WHITE).await;
    let overtaking = world.clone();
    // Between looking at the white picture and publishing it, a black one is uploaded and settled.
    let overtaken = once(
        |call| call.is("PUT", "/thumbs/"),
        move |_| {
            let world = overtaking.clone();
            Fault::After(Box::pin(async move {
                world.upload(BLACK).await;
                world.handle(world.uploaded()).await.unwrap();
            }))
        },
    );
    let overtaken = world.process_on(&world.tables, &world.storage.through(overtaken).await, &world.queue);
    overtaken.handle(world.uploaded()).await.unwrap();
    let file = world.now().await;
    world.assert_whole(&file).await;
    assert_eq!(world.storage.object(file.published(Published::Original).unwrap()).await.body(), BLACK);
    assert_eq!((world.published().await.len(), world.heard("phone")), (2, vec![FileStatus::Ready]));
}

#[tokio::test]
async fn a_file_never_uploaded_is_failed_after_its_window_and_not_before() {
    let world = World::new().await;
    world.wait(15).await;
    world.handle(world.reminder()).await.unwrap();
    assert_eq!(world.now().await.status, FileStatus::Pending);
    let [(id, delay)] = &world.queue.sent()[..] else { panic!("no reminder, or several") };
    assert_eq!(*id, world.file.id);
    assert!((Duration::from_mins(14)..=Duration::from_mins(15)).contains(delay), "{delay:?}");

    world.wait(30).await;
    world.handle(world.reminder()).await.unwrap();
    assert_eq!((world.now().await.status, world.queue.sent().len()), (FileStatus::Failed, 1));
    assert_eq!(world.heard("phone"), [FileStatus::Failed]);
}

#[tokio::test]
async fn a_reminder_makes_up_for_a_lost_event() {
    let world = World::new().await;
    world.upload(WHITE).await;
    world.wait(15).await;
    world.handle(world.reminder()).await.unwrap();
    world.assert_whole(&world.now().await).await;
    assert_eq!(world.heard("phone"), [FileStatus::Ready]);
}

#[tokio::test]
async fn a_file_that_ends_the_function_each_time_is_given_up() {
    let world = World::new().await;
    world.upload(WHITE).await;
    // What a run leaves behind that ends while it looks at the bytes.
    for looks in 0..5 {
        assert_eq!(world.tables.chat().begin_attempt(&world.file.id).await.unwrap(), looks);
    }
    world.handle(world.uploaded()).await.unwrap();
    assert_eq!(world.now().await.status, FileStatus::Failed);
    assert_eq!(world.heard("phone"), [FileStatus::Failed]);
    // Its event, late.
    world.handle(world.uploaded()).await.unwrap();
    assert_eq!((world.now().await.status, world.published().await), (FileStatus::Failed, vec![]));
}

#[tokio::test]
async fn while_somebody_is_not_reached_the_event_is_tried_again() {
    let world = World::new().await;
    connect(&world.tables.connections(), "user-sarah", "tunnel").await;
    world.management.answer("tunnel", 500);
    world.upload(WHITE).await;
    assert!(world.handle(world.uploaded()).await.is_err());
    assert_eq!((world.now().await.status, world.now().await.announced), (FileStatus::Ready, false));
    world.management.answer("tunnel", 200);
    world.handle(world.uploaded()).await.unwrap();
    assert!(world.now().await.announced);
    assert_eq!(world.heard("phone"), [FileStatus::Ready; 2]);
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_let_go() {
    let mut world = World::new().await;
    world.file.id = FileId::new();
    world.handle(world.uploaded()).await.unwrap();
    world.handle(world.reminder()).await.unwrap();
    let garbage = json!({"Records": [{"eventSource": "aws:sns"}]});
    assert!(serde_json::from_value::<Event>(garbage).is_err());
    let mut event: serde_json::Value =
        serde_json::from_str(include_str!("../../../../events/files-process.json")).unwrap();
    for key in ["files/file_1/hash", "uploads/", "uploads/%ff", "", "uploads/file_1%2Fx"] {
        event["Records"][0]["s3"]["object"]["key"] = json!(key);
        world.handle(serde_json::from_value(event.clone()).unwrap()).await.unwrap();
    }
    // A reminder that cannot be read stays in the queue, and goes to the dead letters in the end.
    let mut reminder: serde_json::Value =
        serde_json::from_str(include_str!("../../../../events/files-process-reminder.json")).unwrap();
    reminder["Records"][0]["body"] = json!("{}");
    let failed = world.handle(serde_json::from_value(reminder).unwrap()).await;
    assert!(failed.is_err());
}

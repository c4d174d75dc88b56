//! Tests of the files of deleted messages.

use e2e::{User, download, eventually, get_link, http, jpeg, redirect_target, text};
use reqwest::Url;
use serde_json::Value;

use crate::changes::delete;

/// Checks that the status of a file and its links are answered with 404, for its owner and for another member, and that
/// its owner cannot send it again.
async fn assert_gone(owner: &User, member: &User, thread: &str, file: &Value) {
    for user in [owner, member] {
        user.get_file_status(text(&file["id"])).await.assert_problem(404, "file_not_found");
    }
    for link in ["url", "thumbUrl"] {
        get_link(text(&file[link])).await.assert_problem(404, "file_not_found");
    }
    let refused = owner.post_message(thread, &serde_json::json!({ "fileIds": [file["id"]] })).await;
    assert_eq!(refused.indexed_fields(), ["fileIds[0]"].into(), "{refused}");
}

/// Waits until the storage does not have the object of a presigned URL any more.
pub(crate) async fn wait_until_deleted(url: &Url) {
    eventually("the object is deleted", async || {
        let reply = http().get(url.clone()).send().await.unwrap_or_else(|error| panic!("GET {url}: {error:?}"));
        (reply.status() == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn files_of_a_deleted_message_are_gone() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let file = sarah.upload_ready("wrong photo.jpg", "image/jpeg", &jpeg(100, 100)).await;
    sarah.send_files(&thread, "look", &[text(&file["id"])]).await;
    let objects = [redirect_target(text(&file["url"])).await, redirect_target(text(&file["thumbUrl"])).await];
    let _ = delete(&sarah, &thread, 1).await.ok(200);
    // The links still have a valid signature, but are refused as soon as the deletion is answered.
    assert_gone(&sarah, &michael, &thread, &file).await;
    for object in &objects {
        wait_until_deleted(object).await;
    }
}

#[tokio::test]
async fn file_is_kept_as_long_as_a_message_uses_it() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (thread, other) = (sarah.new_thread(&[&michael]).await, sarah.new_thread(&[]).await);
    let photo = jpeg(100, 100);
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &photo).await;
    let id = text(&file["id"]);
    for thread in [&thread, &thread, &other] {
        sarah.send_files(thread, "look", &[id]).await;
    }
    let _ = delete(&sarah, &thread, 1).await.ok(200);
    let shown = michael.file(id).await;
    assert_eq!(download(text(&shown["url"])).await.bytes.len() as u64, photo.len() as u64);
    let _ = delete(&sarah, &thread, 2).await.ok(200);
    // The last message with the file is in the other thread, of which Michael is not a member.
    michael.get_file_status(id).await.assert_problem(404, "file_not_found");
    let shown = sarah.file(id).await;
    assert!(!download(text(&shown["thumbUrl"])).await.bytes.is_empty());
    let _ = delete(&sarah, &other, 1).await.ok(200);
    assert_gone(&sarah, &michael, &other, &file).await;
}

#[tokio::test]
async fn file_that_is_uploaded_after_its_message_was_deleted_is_not_published() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let photo = jpeg(100, 100);
    let upload = sarah.create_file("late.jpg", "image/jpeg", photo.len()).await;
    sarah.send_files(&thread, "look", &[&upload.id]).await;
    let _ = delete(&sarah, &thread, 1).await.ok(200);
    upload.send(&photo).await;
    // Usually, files-process handles the late upload before this one. The order is not guaranteed. In the other order,
    // the checks below may pass although files-process would publish the late upload.
    let later = sarah.upload_ready("later.jpg", "image/jpeg", &photo).await;
    assert_eq!(later["status"], "ready");
    for user in [&sarah, &michael] {
        user.get_file_status(&upload.id).await.assert_problem(404, "file_not_found");
    }
}

//! Tests of `GET /api/files/{fileId}/status` and the event `file:status`

use e2e::{Operator, Picture, User, assert_message_with, download, items, jpeg, png, text};
use futures::future::join_all;
use serde_json::Value;

use crate::samples::{HTML, SVG, TEXT, bomb, noise, polyglot};

/// Creates a file, sends it in a message and uploads its bytes. Checks what its owner and another member of the thread
/// then see. Returns the thumbnail, or `None` if the file has none.
async fn process_file(name: &str, mimetype: &str, bytes: &[u8]) -> Option<Picture> {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut sarahs, mut michaels) = (sarah.connect().await, michael.connect_and_subscribe(&thread).await);

    let upload = sarah.create_file(name, mimetype, bytes.len()).await;
    let file = upload.id.as_str();
    let sent = sarah.send_files(&thread, "look", &[file]).await;
    assert_message_with(&sent, &thread, &[file]);
    assert_eq!(sent["attachments"][0]["status"], "pending", "{sent}");
    assert_eq!(sent["attachments"][0]["name"], name, "{sent}");
    assert_eq!(sent["attachments"][0]["mimetype"], mimetype, "{sent}");
    assert_eq!(sent["attachments"][0]["size"], bytes.len(), "{sent}");
    assert_eq!(michaels.wait_for_message(&thread, 1).await["message"], sent);

    upload.send(bytes).await;
    let pushed = sarahs.wait_for_file_status(file).await;
    assert_eq!(pushed["status"], "ready", "{pushed}");
    assert_eq!(michaels.wait_for_file_status(file).await, pushed);

    // When the event arrives, requests already return the new status.
    let status = sarah.file(file).await;
    assert_eq!(status["status"], "ready", "{status}");
    assert_eq!(status["name"], name, "{status}");
    assert_eq!(status["thumbUrl"], pushed["thumbUrl"]);
    assert_eq!(michael.file(file).await, status);
    let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
    assert_message_with(&listed, &thread, &[file]);
    let attachment = &listed["attachments"][0];
    assert_eq!(attachment["status"], "ready", "{attachment}");
    assert_eq!(attachment["url"], status["url"], "{attachment}");
    assert_eq!(attachment.get("thumbUrl").unwrap_or(&Value::Null), &pushed["thumbUrl"], "{attachment}");
    for side in ["width", "height"] {
        assert_eq!((&attachment[side], &status[side]), (&pushed[side], &pushed[side]), "{attachment}");
    }
    assert_eq!(attachment["url"], sent["attachments"][0]["url"], "the url must not change when the file becomes ready");

    let served = download(text(&attachment["url"])).await;
    assert!(served.bytes == bytes, "other bytes are served than were uploaded");
    assert_eq!(served.disposition.name.as_deref(), Some(name));
    let thumb_url = pushed["thumbUrl"].as_str()?;
    let thumbnail = download(thumb_url).await;
    assert_eq!(thumbnail.content_type, "image/jpeg");
    assert_eq!(thumbnail.disposition.kind, "inline");
    Some(Picture::decode(&thumbnail.bytes))
}

#[tokio::test]
async fn jpeg_becomes_ready_with_a_thumbnail() {
    let thumbnail = process_file("photo.jpg", "image/jpeg", &jpeg(1200, 800)).await.unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (720, 480));
    thumbnail.assert_red_and_blue();
}

#[tokio::test]
async fn png_becomes_ready_with_a_thumbnail() {
    let thumbnail = process_file("screen.png", "image/png", &png(600, 1200)).await.unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (480, 960));
    thumbnail.assert_red_and_blue();
}

#[tokio::test]
async fn thumbnail_of_a_small_image_keeps_its_size() {
    let thumbnail = process_file("icon.png", "image/png", &png(40, 30)).await.unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (40, 30));
    thumbnail.assert_red_and_blue();
}

#[tokio::test]
async fn image_with_another_media_type_gets_a_thumbnail() {
    for (mimetype, bytes) in [("application/octet-stream", jpeg(60, 60)), ("text/html", png(60, 60))] {
        let thumbnail = process_file("photo", mimetype, &bytes).await.unwrap();
        thumbnail.assert_red_and_blue();
    }
}

#[tokio::test]
async fn image_is_served_with_its_detected_type() {
    let sarah = User::sarah().await;
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &png(60, 60)).await;
    assert_eq!(download(text(&file["url"])).await.content_type, "image/png");
    Picture::decode(&download(text(&file["thumbUrl"])).await.bytes).assert_red_and_blue();
}

#[tokio::test]
async fn text_becomes_ready_without_a_thumbnail() {
    assert!(process_file("list.txt", "text/plain; charset=utf-8", TEXT).await.is_none());
}

#[tokio::test]
async fn invalid_image_fails_with_a_reason() {
    let sarah = User::sarah().await;
    let mut sarahs = sarah.connect().await;
    let claims: [(&str, Vec<u8>); 12] = [
        ("image/jpeg", noise(5000)),
        ("image/jpeg", vec![0]),
        ("image/jpeg", b"\xff\xd8\xff\xe0".to_vec()),
        ("IMAGE/JPEG", noise(5000)),
        ("image/jpeg; q=1", noise(5000)),
        ("image/png", HTML.to_vec()),
        ("image/png", SVG.to_vec()),
        ("image/png", polyglot()),
        ("image/png", bomb()),
        ("image/gif", TEXT.to_vec()),
        ("image/heic", noise(5000)),
        ("image/x-unknown", noise(5000)),
    ];
    let files = join_all(claims.iter().map(async |(mimetype, bytes)| sarah.upload("a", mimetype, bytes).await)).await;
    for (file, (mimetype, _)) in files.iter().zip(&claims) {
        let pushed = sarahs.wait_for_file_status(file).await;
        assert_eq!(pushed["status"], "failed", "{mimetype}: {pushed}");
        assert_eq!(pushed["thumbUrl"], Value::Null, "{mimetype}: {pushed}");
        let status = sarah.wait_until_failed(file).await;
        assert_eq!(status["thumbUrl"], Value::Null, "{mimetype}: {status}");
    }
}

#[tokio::test]
async fn attachment_that_fails_after_sending_is_shown_as_failed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    let upload = sarah.create_file("photo.jpg", "image/jpeg", 500).await;
    sarah.send_files(&thread, "look", &[&upload.id]).await;
    upload.send(&noise(500)).await;
    let pushed = michaels.wait_for_file_status(&upload.id).await;
    assert_eq!(pushed["status"], "failed", "{pushed}");
    let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
    assert_message_with(&listed, &thread, &[&upload.id]);
    assert_eq!(listed["attachments"][0]["status"], "failed", "{listed}");
    assert_eq!(michael.file(&upload.id).await, sarah.file(&upload.id).await);
}

#[tokio::test]
async fn every_socket_of_the_owner_receives_the_status() {
    let sarah = User::sarah().await;
    let mut sockets = join_all((0..3).map(|_| sarah.connect())).await;
    let file = sarah.upload("a.txt", "text/plain", TEXT).await;
    for socket in &mut sockets {
        assert_eq!(socket.wait_for_file_status(&file).await["status"], "ready");
    }
}

#[tokio::test]
async fn socket_opened_during_processing_receives_the_next_status() {
    let sarah = User::sarah().await;
    let processing = join_all((0..16).map(|_| sarah.upload_ready("a.txt", "text/plain", TEXT)));
    let opening = join_all((0..16).map(|_| sarah.connect()));
    let (_, mut sockets) = futures::join!(processing, opening);
    let next = sarah.upload("a.txt", "text/plain", TEXT).await;
    for socket in &mut sockets {
        assert_eq!(socket.wait_for_file_status(&next).await["status"], "ready");
    }
}

#[tokio::test]
async fn every_thread_of_a_file_receives_its_status() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let thread = sarah.new_thread(&[&michael]).await;
        sarah.send_files(&thread, "look", &[&upload.id]).await;
        sockets.push(michael.connect_and_subscribe(&thread).await);
    }
    upload.send(TEXT).await;
    for socket in &mut sockets {
        assert_eq!(socket.wait_for_file_status(&upload.id).await["status"], "ready");
    }
}

#[tokio::test]
async fn other_threads_and_users_do_not_receive_the_status() {
    let (sarah, michael, dad) = (User::sarah().await, User::michael().await, User::dad().await);
    let (shared, other) = (sarah.new_thread(&[&michael]).await, sarah.new_thread(&[&michael]).await);
    let mut others = [michael.connect().await, michael.connect_and_subscribe(&other).await, dad.connect().await];
    let (mut sarahs, mut michaels) = (sarah.connect().await, michael.connect_and_subscribe(&shared).await);
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    sarah.send_files(&shared, "look", &[&upload.id]).await;
    upload.send(TEXT).await;
    sarahs.wait_for_file_status(&upload.id).await;
    michaels.wait_for_file_status(&upload.id).await;
    // An event of Sarah's file must not arrive on these sockets. Michael's own file becomes ready later. So if the
    // server had sent them an event of Sarah's file, it would have arrived before the event of Michael's file.
    let next = michael.upload("a.txt", "text/plain", TEXT).await;
    others[0].wait_for_file_status(&next).await;
    for socket in &mut others {
        socket.ping().await;
        assert!(!socket.has_unread_file_status(&upload.id));
    }
}

#[tokio::test]
async fn only_the_owner_sees_a_file_until_it_is_sent() {
    let (sarah, michael, dad) = (User::sarah().await, User::michael().await, User::dad().await);
    let file = sarah.upload("a.txt", "text/plain", TEXT).await;
    let status = sarah.wait_until_ready(&file).await;
    let (private, shared) = (sarah.new_thread(&[]).await, sarah.new_thread(&[&michael]).await);
    michael.get_file_status(&file).await.assert_problem(404, "file_not_found");
    sarah.send_files(&private, "mine", &[&file]).await;
    sarah.send(&shared, &file).await;
    michael.get_file_status(&file).await.assert_problem(404, "file_not_found");
    sarah.send_files(&shared, "ours", &[&file]).await;
    assert_eq!(michael.file(&file).await, status);
    dad.get_file_status(&file).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn unknown_file_id_is_not_found() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    for id in ["file_missing", "META", "file_%F0%9F%91%AA", &thread] {
        sarah.get_file_status(id).await.assert_problem(404, "file_not_found");
    }
}

#[tokio::test]
async fn file_that_was_never_uploaded_fails_after_its_upload_window() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let upload = sarah.create_file("photo.jpg", "image/jpeg", 500).await;
    sarah.send_files(&thread, "look", &[&upload.id]).await;
    let (mut sarahs, mut michaels) = (sarah.connect().await, michael.connect_and_subscribe(&thread).await);
    let operator = Operator::new();
    operator.make_file_an_hour_older(&upload.id).await;
    operator.send_reminder(&upload.id).await;
    for socket in [&mut sarahs, &mut michaels] {
        let pushed = socket.wait_for_file_status(&upload.id).await;
        assert_eq!(pushed["status"], "failed", "{pushed}");
        assert_eq!(pushed["thumbUrl"], Value::Null, "{pushed}");
    }
    assert_eq!(sarah.file(&upload.id).await["status"], "failed");
    let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
    assert_eq!(listed["attachments"][0]["status"], "failed", "{listed}");
}

#[tokio::test]
async fn early_or_late_reminder_changes_nothing() {
    let sarah = User::sarah().await;
    let mut sarahs = sarah.connect().await;
    let operator = Operator::new();
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    operator.send_reminder(&upload.id).await;
    // This second reminder makes its file fail. Once the file has failed, the first reminder, which is earlier in the
    // queue, was processed as well.
    let expired = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    operator.make_file_an_hour_older(&expired.id).await;
    operator.send_reminder(&expired.id).await;
    assert_eq!(sarahs.wait_for_file_status(&expired.id).await["status"], "failed");
    assert_eq!(sarah.file(&upload.id).await["status"], "pending", "an early reminder changed the file");

    upload.send(TEXT).await;
    let ready = sarah.wait_until_ready(&upload.id).await;
    operator.make_file_an_hour_older(&upload.id).await;
    operator.send_reminder(&upload.id).await;
    let expired = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    operator.make_file_an_hour_older(&expired.id).await;
    operator.send_reminder(&expired.id).await;
    assert_eq!(sarahs.wait_for_file_status(&expired.id).await["status"], "failed");
    assert_eq!(sarah.file(&upload.id).await, ready, "a late reminder changed the file");
}

#[tokio::test]
async fn two_files_can_have_the_same_name() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let one = sarah.upload("a.txt", "text/plain", b"one").await;
    let two = sarah.upload("a.txt", "text/plain", b"two").await;
    sarah.wait_until_ready(&one).await;
    sarah.wait_until_ready(&two).await;
    let sent = sarah.send_files(&thread, "both", &[&one, &two]).await;
    for (attachment, bytes) in items(&sent["attachments"]).iter().zip([b"one", b"two"]) {
        assert_eq!(download(text(&attachment["url"])).await.bytes, bytes);
    }
}

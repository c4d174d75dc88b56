//! GET /api/files/{fileId}/status and `file:status`: what becomes of a file.

use e2e::{Operator, Picture, User, assert_message_with, items, jpeg, png, text, view};
use futures::future::join_all;
use serde_json::Value;

use crate::samples::{HTML, SVG, TEXT, bomb, noise, polyglot};

/// Announces, sends, uploads and views a file, as its owner and as another member of the thread. Returns its thumbnail.
async fn all_the_way(name: &str, mimetype: &str, bytes: &[u8]) -> Option<Picture> {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let (mut hers, mut his) = (sarah.connect().await, michael.listen(&thread).await);

    let upload = sarah.announce(name, mimetype, bytes.len()).await;
    let file = upload.id.as_str();
    let sent = sarah.send_files(&thread, "look", &[file]).await;
    assert_message_with(&sent, &thread, &[file]);
    assert_eq!(sent["attachments"][0]["status"], "pending", "{sent}");
    assert_eq!(sent["attachments"][0]["name"], name, "{sent}");
    assert_eq!(sent["attachments"][0]["mimetype"], mimetype, "{sent}");
    assert_eq!(sent["attachments"][0]["size"], bytes.len(), "{sent}");
    assert_eq!(his.pushed(&thread, 1).await["message"], sent);

    upload.send(bytes).await;
    let heard = hers.file_status(file).await;
    assert_eq!(heard["status"], "ready", "{heard}");
    assert_eq!(his.file_status(file).await, heard);

    // Whoever was told finds it so at once.
    let status = sarah.file(file).await;
    assert_eq!(status["status"], "ready", "{status}");
    assert_eq!(status["name"], name, "{status}");
    assert_eq!(status["thumbUrl"], heard["thumbUrl"]);
    assert_eq!(michael.file(file).await, status);
    let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
    assert_message_with(&listed, &thread, &[file]);
    let attachment = &listed["attachments"][0];
    assert_eq!(attachment["status"], "ready", "{attachment}");
    assert_eq!(attachment["url"], status["url"], "{attachment}");
    assert_eq!(attachment.get("thumbUrl").unwrap_or(&Value::Null), &heard["thumbUrl"], "{attachment}");
    assert_eq!(attachment["url"], sent["attachments"][0]["url"], "the same while it was pending");

    let served = view(text(&attachment["url"])).await;
    assert!(served.bytes == bytes, "not what was uploaded");
    assert_eq!(served.disposition.name.as_deref(), Some(name));
    let thumb_url = heard["thumbUrl"].as_str()?;
    let thumbnail = view(thumb_url).await;
    assert_eq!(thumbnail.content_type, "image/jpeg");
    assert_eq!(thumbnail.disposition.kind, "inline");
    Some(Picture::decode(&thumbnail.bytes))
}

#[tokio::test]
async fn a_jpeg_is_ready_with_its_thumbnail_and_all_concerned_hear_of_it() {
    let thumbnail = all_the_way("photo.jpg", "image/jpeg", &jpeg(1200, 800)).await.unwrap();
    assert_eq!((thumbnail.width, thumbnail.height.abs_diff(341) <= 1), (512, true), "{}", thumbnail.height);
    thumbnail.assert_red_and_blue();
}

#[tokio::test]
async fn a_png_is_ready_with_its_thumbnail_and_all_concerned_hear_of_it() {
    let thumbnail = all_the_way("screen.png", "image/png", &png(600, 1200)).await.unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (256, 512));
    thumbnail.assert_red_and_blue();
}

#[tokio::test]
async fn a_small_image_has_a_thumbnail_too() {
    let thumbnail = all_the_way("icon.png", "image/png", &png(40, 30)).await.unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (40, 30));
    thumbnail.assert_red_and_blue();
}

#[tokio::test]
async fn an_image_that_claims_to_be_something_else_has_a_thumbnail_too() {
    for (mimetype, bytes) in [("application/octet-stream", jpeg(60, 60)), ("text/html", png(60, 60))] {
        let thumbnail = all_the_way("photo", mimetype, &bytes).await.unwrap();
        thumbnail.assert_red_and_blue();
    }
}

#[tokio::test]
async fn an_image_that_claims_to_be_another_kind_of_image_is_what_it_is() {
    let sarah = User::sarah().await;
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &png(60, 60)).await;
    assert_eq!(view(text(&file["url"])).await.content_type, "image/png");
    Picture::decode(&view(text(&file["thumbUrl"])).await.bytes).assert_red_and_blue();
}

#[tokio::test]
async fn a_text_is_ready_without_a_thumbnail_and_all_concerned_hear_of_it() {
    assert!(all_the_way("list.txt", "text/plain; charset=utf-8", TEXT).await.is_none());
}

#[tokio::test]
async fn what_claims_to_be_an_image_and_is_none_fails_with_a_reason() {
    let sarah = User::sarah().await;
    let mut hers = sarah.connect().await;
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
        ("image/x-unheard-of", noise(5000)),
    ];
    let files = join_all(claims.iter().map(async |(mimetype, bytes)| sarah.upload("a", mimetype, bytes).await)).await;
    for (file, (mimetype, _)) in files.iter().zip(&claims) {
        let heard = hers.file_status(file).await;
        assert_eq!(heard["status"], "failed", "{mimetype}: {heard}");
        assert_eq!(heard["thumbUrl"], Value::Null, "{mimetype}: {heard}");
        let status = sarah.failed(file).await;
        assert_eq!(status["thumbUrl"], Value::Null, "{mimetype}: {status}");
    }
}

#[tokio::test]
async fn what_fails_after_it_was_sent_is_shown_as_failed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut his = michael.listen(&thread).await;
    let upload = sarah.announce("photo.jpg", "image/jpeg", 500).await;
    sarah.send_files(&thread, "look", &[&upload.id]).await;
    upload.send(&noise(500)).await;
    let heard = his.file_status(&upload.id).await;
    assert_eq!(heard["status"], "failed", "{heard}");
    let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
    assert_message_with(&listed, &thread, &[&upload.id]);
    assert_eq!(listed["attachments"][0]["status"], "failed", "{listed}");
    assert_eq!(michael.file(&upload.id).await, sarah.file(&upload.id).await);
}

#[tokio::test]
async fn every_socket_of_the_owner_hears_of_it() {
    let sarah = User::sarah().await;
    let mut sockets = join_all((0..3).map(|_| sarah.connect())).await;
    let file = sarah.upload("a.txt", "text/plain", TEXT).await;
    for socket in &mut sockets {
        assert_eq!(socket.file_status(&file).await["status"], "ready");
    }
}

#[tokio::test]
async fn a_socket_that_opens_while_files_settle_hears_of_the_next_one() {
    let sarah = User::sarah().await;
    let settling = join_all((0..16).map(|_| sarah.upload_ready("a.txt", "text/plain", TEXT)));
    let opening = join_all((0..16).map(|_| sarah.connect()));
    let (_, mut sockets) = futures::join!(settling, opening);
    let next = sarah.upload("a.txt", "text/plain", TEXT).await;
    for socket in &mut sockets {
        assert_eq!(socket.file_status(&next).await["status"], "ready");
    }
}

#[tokio::test]
async fn every_thread_it_was_sent_to_hears_of_it() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let thread = sarah.open_thread(&[&michael]).await;
        sarah.send_files(&thread, "look", &[&upload.id]).await;
        sockets.push(michael.listen(&thread).await);
    }
    upload.send(TEXT).await;
    for socket in &mut sockets {
        assert_eq!(socket.file_status(&upload.id).await["status"], "ready");
    }
}

#[tokio::test]
async fn who_is_not_concerned_hears_nothing() {
    let (sarah, michael, dad) = (User::sarah().await, User::michael().await, User::dad().await);
    let (theirs, other) = (sarah.open_thread(&[&michael]).await, sarah.open_thread(&[&michael]).await);
    let mut unconcerned = [michael.connect().await, michael.listen(&other).await, dad.connect().await];
    let (mut hers, mut his) = (sarah.connect().await, michael.listen(&theirs).await);
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    sarah.send_files(&theirs, "look", &[&upload.id]).await;
    upload.send(TEXT).await;
    hers.file_status(&upload.id).await;
    his.file_status(&upload.id).await;
    // What is told after it has arrived, so it would have arrived as well.
    let next = michael.upload("a.txt", "text/plain", TEXT).await;
    unconcerned[0].file_status(&next).await;
    for socket in &mut unconcerned {
        socket.ping().await;
        assert!(!socket.has_unclaimed_status(&upload.id));
    }
}

#[tokio::test]
async fn a_file_is_its_owners_until_it_is_sent() {
    let (sarah, michael, dad) = (User::sarah().await, User::michael().await, User::dad().await);
    let file = sarah.upload("a.txt", "text/plain", TEXT).await;
    let status = sarah.ready(&file).await;
    let (alone, ours) = (sarah.open_thread(&[]).await, sarah.open_thread(&[&michael]).await);
    michael.ask_for_file(&file).await.assert_problem(404, "file_not_found");
    sarah.send_files(&alone, "mine", &[&file]).await;
    sarah.say(&ours, &file).await;
    michael.ask_for_file(&file).await.assert_problem(404, "file_not_found");
    sarah.send_files(&ours, "ours", &[&file]).await;
    assert_eq!(michael.file(&file).await, status);
    dad.ask_for_file(&file).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn a_strangers_file_answers_as_one_that_does_not_exist() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let ready = sarah.upload("a.txt", "text/plain", TEXT).await;
    sarah.ready(&ready).await;
    let pending = sarah.announce("a.txt", "text/plain", 1).await.id;
    for theirs in [&ready, &pending] {
        // Of the same length and kind as an id that exists.
        let nobodys = format!("{}0000", &theirs[..theirs.len() - 4]);
        let (forbidden, missing) = (dad.ask_for_file(theirs).await, dad.ask_for_file(&nobodys).await);
        forbidden.assert_problem(404, "file_not_found");
        assert_eq!(forbidden.comparable(theirs), missing.comparable(&nobodys));
    }
}

#[tokio::test]
async fn an_id_that_no_file_has_is_not_found() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let missing = sarah.ask_for_file("file_nope").await;
    missing.assert_problem(404, "file_not_found");
    let long = format!("file_{}", "x".repeat(3000));
    for id in ["file_", "nope", "msg_1", "META", "file_%F0%9F%91%AA", "file_%23META", "%20", &thread, &long] {
        let reply = sarah.ask_for_file(id).await;
        reply.assert_problem(404, "file_not_found");
        assert_eq!(reply.json["detail"], missing.json["detail"], "{id}");
    }
}

#[tokio::test]
async fn what_was_never_uploaded_fails_when_its_time_is_over() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let upload = sarah.announce("photo.jpg", "image/jpeg", 500).await;
    sarah.send_files(&thread, "look", &[&upload.id]).await;
    let (mut hers, mut his) = (sarah.connect().await, michael.listen(&thread).await);
    let operator = Operator::new();
    operator.let_an_hour_pass(&upload.id).await;
    operator.remind(&upload.id).await;
    for socket in [&mut hers, &mut his] {
        let heard = socket.file_status(&upload.id).await;
        assert_eq!(heard["status"], "failed", "{heard}");
        assert_eq!(heard["thumbUrl"], Value::Null, "{heard}");
    }
    assert_eq!(sarah.file(&upload.id).await["status"], "failed");
    let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
    assert_eq!(listed["attachments"][0]["status"], "failed", "{listed}");
}

#[tokio::test]
async fn a_reminder_that_comes_early_or_late_changes_nothing() {
    let sarah = User::sarah().await;
    let mut hers = sarah.connect().await;
    let operator = Operator::new();
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    operator.remind(&upload.id).await;
    // A reminder that does something is behind it in the queue.
    let forgotten = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    operator.let_an_hour_pass(&forgotten.id).await;
    operator.remind(&forgotten.id).await;
    assert_eq!(hers.file_status(&forgotten.id).await["status"], "failed");
    assert_eq!(sarah.file(&upload.id).await["status"], "pending", "reminded early");

    upload.send(TEXT).await;
    let ready = sarah.ready(&upload.id).await;
    operator.let_an_hour_pass(&upload.id).await;
    operator.remind(&upload.id).await;
    let forgotten = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    operator.let_an_hour_pass(&forgotten.id).await;
    operator.remind(&forgotten.id).await;
    assert_eq!(hers.file_status(&forgotten.id).await["status"], "failed");
    assert_eq!(sarah.file(&upload.id).await, ready, "reminded late");
}

#[tokio::test]
async fn two_files_with_one_name_are_two_files() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let one = sarah.upload("a.txt", "text/plain", b"one").await;
    let two = sarah.upload("a.txt", "text/plain", b"two").await;
    sarah.ready(&one).await;
    sarah.ready(&two).await;
    let sent = sarah.send_files(&thread, "both", &[&one, &two]).await;
    for (attachment, bytes) in items(&sent["attachments"]).iter().zip([b"one", b"two"]) {
        assert_eq!(view(text(&attachment["url"])).await.bytes, bytes);
    }
}

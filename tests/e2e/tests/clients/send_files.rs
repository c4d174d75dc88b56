//! POST /api/threads/{threadId}/messages with `fileIds`

use e2e::{
    Upload, User, assert_attachment, assert_keys, assert_message_with, eventually, fresh_member, items, jpeg, seq_of,
    text,
};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::samples::{TEXT, noise};

async fn announce_all(user: &User, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let next = (count - ids.len()).min(10);
        ids.extend(join_all((0..next).map(|_| user.announce("a.txt", "text/plain", 1))).await.into_iter().map(id));
    }
    ids
}

fn id(upload: Upload) -> String {
    upload.id
}

fn strs(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_file_that_is_ready_is_shown_wherever_its_message_is() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut his = michael.listen(&thread).await;
    let photo = jpeg(100, 100);
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &photo).await;
    let sent = sarah.send_files(&thread, "look", &[text(&file["id"])]).await;
    assert_message_with(&sent, &thread, &[text(&file["id"])]);
    let expected = json!({
        "id": file["id"], "name": "photo.jpg", "url": file["url"], "mimetype": "image/jpeg", "size": photo.len(),
        "status": "ready", "thumbUrl": file["thumbUrl"],
    });
    assert_eq!(sent["attachments"], json!([expected]));
    let data = his.pushed(&thread, 1).await;
    assert_keys(&data, &["threadId", "message"]);
    assert_eq!(data["message"], sent);
    for reader in [&sarah, &michael] {
        assert_eq!(reader.page(&thread, &[]).await.messages, std::slice::from_ref(&sent));
        assert_eq!(reader.page(&thread, &[("after", "0")]).await.messages, std::slice::from_ref(&sent));
    }
}

#[tokio::test]
async fn the_list_of_threads_shows_files_as_they_are_now() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let photo = jpeg(100, 100);
    let upload = sarah.announce("photo.jpg", "image/jpeg", photo.len()).await;
    let sent = sarah.send_files(&thread, "look", &[&upload.id]).await;
    let last_message = async |wanted: &Value| {
        eventually("the list shows the message and its file", async || {
            let page = michael.get("/api/threads", &[("limit", "100")]).await.ok(200);
            let listed = items(&page["threads"]).iter().find(|listed| listed["id"] == thread)?;
            let last = &listed["lastMessage"];
            (last["attachments"][0]["status"] == *wanted).then(|| last.clone())
        })
        .await
    };
    assert_eq!(last_message(&json!("pending")).await, sent);
    upload.send(&photo).await;
    sarah.ready(&upload.id).await;
    let ready = michael.page(&thread, &[]).await.messages.swap_remove(0);
    assert_eq!(ready["attachments"][0]["status"], "ready", "{ready}");
    assert_eq!(last_message(&json!("ready")).await, ready);
}

#[tokio::test]
async fn sending_beside_the_upload_leaves_nobody_waiting() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let photo = jpeg(100, 100);
    join_all((0..6).map(async |_| {
        let thread = sarah.open_thread(&[&michael]).await;
        let mut his = michael.listen(&thread).await;
        let upload = sarah.announce("photo.jpg", "image/jpeg", photo.len()).await;
        let files = [upload.id.as_str()];
        let ((), sent) = futures::join!(upload.send(&photo), sarah.send_files(&thread, "look", &files));
        let pushed = his.pushed(&thread, 1).await["message"].take();
        assert_message_with(&pushed, &thread, &files);
        assert_eq!(pushed["id"], sent["id"]);
        if pushed["attachments"][0]["status"] == "pending" {
            assert_eq!(his.file_status(&upload.id).await["status"], "ready");
        }
        let file = sarah.ready(&upload.id).await;
        let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
        assert_eq!(listed["attachments"][0]["status"], "ready", "{listed}");
        assert_eq!(listed["attachments"][0]["thumbUrl"], file["thumbUrl"], "{listed}");
    }))
    .await;
}

#[tokio::test]
async fn a_message_with_files_needs_no_text() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let file = sarah.announce("a.txt", "text/plain", 1).await.id;
    for body in [json!({ "fileIds": [file] }), json!({ "body": "", "fileIds": [file] })] {
        let sent = sarah.post_message(&thread, &body).await.ok(201);
        assert_message_with(&sent, &thread, &[&file]);
        assert_eq!(sent["body"], "", "{sent}");
    }
}

#[tokio::test]
async fn files_stand_in_the_order_they_were_named() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let mut files = announce_all(&sarah, 10).await;
    for _ in 0..3 {
        files.rotate_left(3);
        let sent = sarah.send_files(&thread, "ten", &strs(&files)).await;
        assert_message_with(&sent, &thread, &strs(&files));
        assert_eq!(sarah.page(&thread, &[("limit", "1")]).await.messages, [sent]);
    }
}

#[tokio::test]
async fn a_page_shows_the_files_of_all_its_messages() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    // More than DynamoDB reads at once.
    let files = announce_all(&sarah, 120).await;
    for (n, files) in files.chunks(10).enumerate() {
        sarah.send_files(&thread, "ten", &strs(files)).await;
        if n % 4 == 0 {
            michael.say(&thread, "none").await;
        }
    }
    let page = michael.page(&thread, &[("after", "0"), ("limit", "100")]).await;
    assert_eq!(page.messages.len(), 15);
    let mut expected = files.chunks(10);
    for message in &page.messages {
        let files = if message["body"] == "ten" { expected.next().unwrap() } else { &[] };
        assert_message_with(message, &thread, &strs(files));
    }
    let mut backward = michael.page(&thread, &[]).await.messages;
    backward.reverse();
    assert_eq!(backward, page.messages);
}

#[tokio::test]
async fn a_message_whose_files_do_not_fit_a_frame_is_announced_without_them() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut his = michael.listen(&thread).await;
    let name = "👪".repeat(255);
    let files: Vec<String> =
        join_all((0..10).map(|_| sarah.announce(&name, "text/plain", 1))).await.into_iter().map(id).collect();
    let sent = sarah.send_files(&thread, "look", &strs(&files)).await;
    assert_message_with(&sent, &thread, &strs(&files));
    let data = his.pushed(&thread, 1).await;
    assert_eq!(data["truncated"], true, "{data}");
    assert_eq!(data["message"]["id"], sent["id"], "{data}");
    assert!(items(&data["message"]["attachments"]).is_empty(), "{data}");
    assert_eq!(michael.page(&thread, &[]).await.messages, [sent]);
}

#[tokio::test]
async fn eleven_files_are_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let files = announce_all(&sarah, 11).await;
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": files })).await;
    reply.assert_problem_in(422, "invalid_request", &["fileIds"]);
    assert_eq!(seq_of(&sarah.send_files(&thread, "look", &strs(&files[1..])).await), 1);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_refused_as_if_there_were_none() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let his = michael.upload("a.txt", "text/plain", TEXT).await;
    michael.ready(&his).await;
    let refused = async |file: &str| {
        let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [file] })).await;
        reply.assert_problem_in(422, "invalid_request", &["fileIds"]);
        reply.comparable(file)
    };
    let nobodys = format!("{}0000", &his[..his.len() - 4]);
    assert_eq!(refused(&his).await, refused(&nobodys).await);
    // Not even one that she may see.
    michael.send_files(&thread, "mine", &[&his]).await;
    sarah.file(&his).await;
    refused(&his).await;
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}

#[tokio::test]
async fn a_file_that_failed_is_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let file = sarah.upload("photo.jpg", "image/jpeg", &noise(500)).await;
    sarah.failed(&file).await;
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [file] })).await;
    reply.assert_problem_in(422, "invalid_request", &["fileIds"]);
    assert!(sarah.page(&thread, &[]).await.messages.is_empty());
}

#[tokio::test]
async fn each_file_that_cannot_be_sent_is_named() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let failed = sarah.upload("photo.jpg", "image/jpeg", &noise(500)).await;
    sarah.failed(&failed).await;
    let (hers, his) =
        (sarah.announce("a.txt", "text/plain", 1).await.id, michael.announce("a.txt", "text/plain", 1).await.id);
    let files = json!([hers, his, "file_nope", failed]);
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": files })).await;
    reply.assert_problem(422, "invalid_request");
    assert!(reply.exact_fields().iter().eq(["fileIds[1]", "fileIds[2]", "fileIds[3]"].iter()), "{reply}");
    assert!(sarah.page(&thread, &[]).await.messages.is_empty());
}

#[tokio::test]
async fn a_file_behind_a_repeated_one_is_named_by_where_it_stands() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let file = sarah.announce("a.txt", "text/plain", 1).await.id;
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [file, file, "file_nope"] })).await;
    reply.assert_problem(422, "invalid_request");
    assert!(reply.exact_fields().iter().eq(["fileIds[2]"].iter()), "{reply}");
}

#[tokio::test]
async fn a_file_that_is_named_twice_is_sent_once() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let files = announce_all(&sarah, 2).await;
    let sent = sarah.send_files(&thread, "twice", &[&files[0], &files[1], &files[0]]).await;
    assert_message_with(&sent, &thread, &strs(&files));
}

#[tokio::test]
async fn a_refused_message_shows_its_files_to_nobody() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut his = michael.listen(&thread).await;
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [upload.id, "file_nope"] })).await;
    reply.assert_problem_in(422, "invalid_request", &["fileIds"]);
    michael.ask_for_file(&upload.id).await.assert_problem(404, "file_not_found");
    upload.send(TEXT).await;
    sarah.ready(&upload.id).await;
    sarah.say(&thread, "first").await;
    his.pushed(&thread, 1).await;
    assert!(!his.has_unclaimed_status(&upload.id), "of a file that was not sent");
}

#[tokio::test]
async fn who_may_not_write_to_a_thread_sends_no_file_to_it() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.open_thread(&[]).await;
    let file = dad.announce("a.txt", "text/plain", 1).await.id;
    let reply = dad.post_message(&thread, &json!({ "body": "look", "fileIds": [file] })).await;
    reply.assert_problem(404, "thread_not_found");
    sarah.ask_for_file(&file).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn a_file_can_be_sent_again() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (one, two) = (sarah.open_thread(&[&michael]).await, sarah.open_thread(&[&michael]).await);
    let file = sarah.upload_ready("a.txt", "text/plain", TEXT).await;
    let id = text(&file["id"]);
    for thread in [&one, &two, &one] {
        let sent = sarah.send_files(thread, "again", &[id]).await;
        assert_eq!(sent["attachments"][0]["url"], file["url"], "{sent}");
    }
    let listed = michael.page(&one, &[]).await.messages;
    assert_eq!(listed[0]["attachments"], listed[1]["attachments"]);
}

#[tokio::test]
async fn a_retry_answers_with_the_same_message_and_files() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_member();
    let file = sarah.upload_ready("a.txt", "text/plain", TEXT).await;
    let body = json!({ "body": "once", "fileIds": [file["id"]] });
    let first = sarah.post_message_once(&thread, key.as_bytes(), &body).await.ok(201);
    assert_message_with(&first, &thread, &[text(&file["id"])]);
    let again = sarah.post_message_once(&thread, key.as_bytes(), &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again}");
    assert_eq!(again.json, first);
    assert_eq!(sarah.page(&thread, &[]).await.messages, [first]);
}

#[tokio::test]
async fn the_same_key_with_other_files_is_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_member();
    let files = announce_all(&sarah, 2).await;
    let once = async |files: &[String]| {
        let body = json!({ "body": "once", "fileIds": files });
        sarah.post_message_once(&thread, key.as_bytes(), &body).await
    };
    let first = once(&files[..1]).await;
    assert_eq!(first.status, 201, "{first}");
    for other in [&files[1..], &files[..], &[]] {
        once(other).await.assert_problem(422, "idempotency_key_reused");
    }
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}

#[tokio::test]
async fn a_retry_is_answered_though_its_file_has_failed_since() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_member();
    let upload = sarah.announce("photo.jpg", "image/jpeg", 500).await;
    let body = json!({ "body": "once", "fileIds": [upload.id] });
    let first = sarah.post_message_once(&thread, key.as_bytes(), &body).await.ok(201);
    upload.send(&noise(500)).await;
    sarah.failed(&upload.id).await;
    let again = sarah.post_message_once(&thread, key.as_bytes(), &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again}");
    assert_eq!(again.json["id"], first["id"], "{again}");
    assert_attachment(&again.json["attachments"][0]);
    assert_eq!(again.json["attachments"][0]["status"], "failed", "{again}");
}

#[tokio::test]
async fn ids_that_cannot_be_files_break_nothing() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let long = format!("file_{}", "x".repeat(3000));
    for id in ["", "nope", "file_", "META", "file_#META", "FILE#file_1", "file_👪", "file_\u{0}", &thread, &long] {
        let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [id] })).await;
        reply.assert_problem_in(422, "invalid_request", &["fileIds"]);
    }
    assert!(sarah.page(&thread, &[]).await.messages.is_empty());
}

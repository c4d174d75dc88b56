//! Tests of `POST /api/threads/{threadId}/messages` with `fileIds`

use e2e::{
    Upload, User, assert_attachment, assert_keys, assert_message_with, assert_preview, eventually, items, jpeg, text,
    unknown_user_id,
};
use futures::future::join_all;
use serde_json::json;

use crate::samples::{TEXT, noise};

async fn create_files(user: &User, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let next = (count - ids.len()).min(10);
        ids.extend(join_all((0..next).map(|_| user.create_file("a.txt", "text/plain", 1))).await.into_iter().map(id));
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
async fn ready_file_is_shown_wherever_its_message_is() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    let photo = jpeg(100, 100);
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &photo).await;
    let sent = sarah.send_files(&thread, "look", &[text(&file["id"])]).await;
    assert_message_with(&sent, &thread, &[text(&file["id"])]);
    let expected = json!({
        "id": file["id"], "name": "photo.jpg", "url": file["url"], "mimetype": "image/jpeg", "size": photo.len(),
        "status": "ready", "thumbUrl": file["thumbUrl"], "width": 100, "height": 100,
    });
    assert_eq!(sent["attachments"], json!([expected]));
    let data = michaels.wait_for_message(&thread, 1).await;
    assert_keys(&data, &["threadId", "message"]);
    assert_eq!(data["message"], sent);
    for reader in [&sarah, &michael] {
        assert_eq!(reader.page(&thread, &[]).await.messages, std::slice::from_ref(&sent));
        assert_eq!(reader.page(&thread, &[("after", "0")]).await.messages, std::slice::from_ref(&sent));
    }
}

#[tokio::test]
async fn thread_list_shows_files_by_name_without_links() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let pending = sarah.create_file("photo.jpg", "image/jpeg", 1).await.id;
    let ready = sarah.upload("shopping list.txt", "text/plain", b"milk").await;
    let sent = sarah.send_files(&thread, "", &[&pending, &ready]).await;
    let last = eventually("the list shows the message", async || {
        michael
            .listed(&thread, false)
            .await
            .map(|mut listed| listed["lastMessage"].take())
            .filter(|last| !last.is_null())
    })
    .await;
    assert_preview(&last, &thread, &[&pending, &ready]);
    for (shown, attachment) in items(&last["attachments"]).iter().zip(items(&sent["attachments"])) {
        assert_eq!((&shown["name"], &shown["mimetype"]), (&attachment["name"], &attachment["mimetype"]));
    }
    assert_eq!((&last["id"], &last["body"], &last["seq"]), (&sent["id"], &sent["body"], &sent["seq"]));
}

#[tokio::test]
async fn file_sent_during_its_upload_becomes_ready_for_members() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let photo = jpeg(100, 100);
    join_all((0..6).map(async |_| {
        let thread = sarah.new_thread(&[&michael]).await;
        let mut michaels = michael.connect_and_subscribe(&thread).await;
        let upload = sarah.create_file("photo.jpg", "image/jpeg", photo.len()).await;
        let files = [upload.id.as_str()];
        let ((), sent) = futures::join!(upload.send(&photo), sarah.send_files(&thread, "look", &files));
        let pushed = michaels.wait_for_message(&thread, 1).await["message"].take();
        assert_message_with(&pushed, &thread, &files);
        assert_eq!(pushed["id"], sent["id"]);
        if pushed["attachments"][0]["status"] == "pending" {
            assert_eq!(michaels.wait_for_file_status(&upload.id).await["status"], "ready");
        }
        let file = sarah.wait_until_ready(&upload.id).await;
        let listed = michael.page(&thread, &[]).await.messages.swap_remove(0);
        assert_eq!(listed["attachments"][0]["status"], "ready", "{listed}");
        assert_eq!(listed["attachments"][0]["thumbUrl"], file["thumbUrl"], "{listed}");
    }))
    .await;
}

#[tokio::test]
async fn message_with_files_needs_no_text() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let file = sarah.create_file("a.txt", "text/plain", 1).await.id;
    for body in [json!({ "fileIds": [file] }), json!({ "body": "", "fileIds": [file] })] {
        let sent = sarah.post_message(&thread, &body).await.ok(201);
        assert_message_with(&sent, &thread, &[&file]);
        assert_eq!(sent["body"], "", "{sent}");
    }
}

#[tokio::test]
async fn attachments_keep_the_order_of_file_ids() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let mut files = create_files(&sarah, 10).await;
    for _ in 0..3 {
        files.rotate_left(3);
        let sent = sarah.send_files(&thread, "ten", &strs(&files)).await;
        assert_message_with(&sent, &thread, &strs(&files));
        assert_eq!(sarah.page(&thread, &[("limit", "1")]).await.messages, [sent]);
    }
}

#[tokio::test]
async fn page_shows_the_files_of_all_its_messages() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    // The page has 120 files, more than one BatchGetItem can read (100 items). So the server must send a second
    // BatchGetItem.
    let files = create_files(&sarah, 120).await;
    for (n, files) in files.chunks(10).enumerate() {
        sarah.send_files(&thread, "ten", &strs(files)).await;
        if n % 4 == 0 {
            michael.send(&thread, "none").await;
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
async fn message_whose_files_exceed_a_frame_is_pushed_truncated() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    let name = "👪".repeat(255);
    let files: Vec<String> =
        join_all((0..10).map(|_| sarah.create_file(&name, "text/plain", 1))).await.into_iter().map(id).collect();
    let sent = sarah.send_files(&thread, "look", &strs(&files)).await;
    assert_message_with(&sent, &thread, &strs(&files));
    let data = michaels.wait_for_message(&thread, 1).await;
    assert_eq!(data["truncated"], true, "{data}");
    assert_eq!(data["message"]["id"], sent["id"], "{data}");
    assert!(items(&data["message"]["attachments"]).is_empty(), "{data}");
    assert_eq!(michael.page(&thread, &[]).await.messages, [sent]);
}

#[tokio::test]
async fn file_of_another_user_is_refused_like_a_missing_one() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let michaels_file = michael.upload("a.txt", "text/plain", TEXT).await;
    michael.wait_until_ready(&michaels_file).await;
    let refused = async |file: &str| {
        let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [file] })).await;
        reply.assert_problem_fields(422, "invalid_request", &["fileIds"]);
        reply.without_ids(file)
    };
    let missing = format!("{}0000", &michaels_file[..michaels_file.len() - 4]);
    assert_eq!(refused(&michaels_file).await, refused(&missing).await);
    // Once Michael has sent the file, Sarah may see it, but still may not send it.
    michael.send_files(&thread, "mine", &[&michaels_file]).await;
    sarah.file(&michaels_file).await;
    refused(&michaels_file).await;
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}

#[tokio::test]
async fn failed_file_is_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let file = sarah.upload("photo.jpg", "image/jpeg", &noise(500)).await;
    sarah.wait_until_failed(&file).await;
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [file] })).await;
    reply.assert_problem_fields(422, "invalid_request", &["fileIds"]);
    assert!(sarah.page(&thread, &[]).await.messages.is_empty());
}

#[tokio::test]
async fn each_unusable_file_is_named_by_index() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let failed = sarah.upload("photo.jpg", "image/jpeg", &noise(500)).await;
    sarah.wait_until_failed(&failed).await;
    let (sarahs, michaels) =
        (sarah.create_file("a.txt", "text/plain", 1).await.id, michael.create_file("a.txt", "text/plain", 1).await.id);
    let files = json!([sarahs, michaels, "file_missing", failed]);
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": files })).await;
    reply.assert_problem(422, "invalid_request");
    assert!(reply.indexed_fields().iter().eq(["fileIds[1]", "fileIds[2]", "fileIds[3]"].iter()), "{reply}");
    assert!(sarah.page(&thread, &[]).await.messages.is_empty());
}

#[tokio::test]
async fn duplicates_do_not_shift_the_index_of_a_refused_file() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let file = sarah.create_file("a.txt", "text/plain", 1).await.id;
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [file, file, "file_missing"] })).await;
    reply.assert_problem(422, "invalid_request");
    assert!(reply.indexed_fields().iter().eq(["fileIds[2]"].iter()), "{reply}");
}

#[tokio::test]
async fn duplicate_file_is_attached_once() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let files = create_files(&sarah, 2).await;
    let sent = sarah.send_files(&thread, "twice", &[&files[0], &files[1], &files[0]]).await;
    assert_message_with(&sent, &thread, &strs(&files));
}

#[tokio::test]
async fn refused_message_gives_nobody_access_to_its_files() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": [upload.id, "file_missing"] })).await;
    reply.assert_problem_fields(422, "invalid_request", &["fileIds"]);
    michael.get_file_status(&upload.id).await.assert_problem(404, "file_not_found");
    upload.send(TEXT).await;
    sarah.wait_until_ready(&upload.id).await;
    sarah.send(&thread, "first").await;
    michaels.wait_for_message(&thread, 1).await;
    assert!(!michaels.has_unread_file_status(&upload.id), "received the status of a file that was not sent");
}

#[tokio::test]
async fn non_member_cannot_send_a_file_to_a_thread() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.new_thread(&[]).await;
    let file = dad.create_file("a.txt", "text/plain", 1).await.id;
    let reply = dad.post_message(&thread, &json!({ "body": "look", "fileIds": [file] })).await;
    reply.assert_problem(404, "thread_not_found");
    sarah.get_file_status(&file).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn file_can_be_sent_several_times() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (one, two) = (sarah.new_thread(&[&michael]).await, sarah.new_thread(&[&michael]).await);
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
async fn retry_with_same_key_returns_same_message_and_files() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = unknown_user_id();
    let file = sarah.upload_ready("a.txt", "text/plain", TEXT).await;
    let body = json!({ "body": "once", "fileIds": [file["id"]] });
    let first = sarah.post_message_with_key(&thread, key.as_bytes(), &body).await.ok(201);
    assert_message_with(&first, &thread, &[text(&file["id"])]);
    let again = sarah.post_message_with_key(&thread, key.as_bytes(), &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again}");
    assert_eq!(again.json, first);
    assert_eq!(sarah.page(&thread, &[]).await.messages, [first]);
}

#[tokio::test]
async fn same_key_with_other_files_is_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = unknown_user_id();
    let files = create_files(&sarah, 2).await;
    let once = async |files: &[String]| {
        let body = json!({ "body": "once", "fileIds": files });
        sarah.post_message_with_key(&thread, key.as_bytes(), &body).await
    };
    let first = once(&files[..1]).await;
    assert_eq!(first.status, 201, "{first}");
    for other in [&files[1..], &files[..], &[]] {
        once(other).await.assert_problem(422, "idempotency_key_reused");
    }
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}

#[tokio::test]
async fn retry_succeeds_after_its_file_has_failed() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = unknown_user_id();
    let upload = sarah.create_file("photo.jpg", "image/jpeg", 500).await;
    let body = json!({ "body": "once", "fileIds": [upload.id] });
    let first = sarah.post_message_with_key(&thread, key.as_bytes(), &body).await.ok(201);
    upload.send(&noise(500)).await;
    sarah.wait_until_failed(&upload.id).await;
    let again = sarah.post_message_with_key(&thread, key.as_bytes(), &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again}");
    assert_eq!(again.json["id"], first["id"], "{again}");
    assert_attachment(&again.json["attachments"][0]);
    assert_eq!(again.json["attachments"][0]["status"], "failed", "{again}");
}

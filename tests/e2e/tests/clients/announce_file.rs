//! POST /api/files

use std::collections::BTreeSet;

use e2e::{Upload, User, items, text};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

const LARGEST: u64 = 25 * 1024 * 1024;

fn parameter(upload: &Upload, name: &str) -> String {
    let found = upload.url.query_pairs().find(|(key, _)| key == name);
    found.unwrap_or_else(|| panic!("no {name} in {}", upload.url)).1.into_owned()
}

#[tokio::test]
async fn each_file_gets_an_id_and_a_place_of_its_own() {
    let sarah = User::sarah().await;
    let one = sarah.announce("photo.jpg", "image/jpeg", 12345).await;
    let two = sarah.announce("photo.jpg", "image/jpeg", 12345).await;
    assert_ne!(one.id, two.id);
    assert_ne!(one.url.path(), two.url.path());
    for upload in [&one, &two] {
        let file = sarah.file(&upload.id).await;
        assert_eq!(
            file,
            json!({ "id": upload.id, "name": "photo.jpg", "status": "pending", "thumbUrl": null }),
            "pending, and nothing to fetch"
        );
    }
}

#[tokio::test]
async fn an_upload_ends_when_its_url_does() {
    let upload = User::sarah().await.announce("photo.jpg", "image/jpeg", 12345).await;
    let ends = OffsetDateTime::parse(&upload.expires_at, &Rfc3339).unwrap();
    let left = ends - OffsetDateTime::now_utc();
    assert!(left > Duration::MINUTE, "{left} to upload");
    assert!(left <= Duration::minutes(20), "{left} to upload, and failed after 20 minutes");
    let signed = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed = PrimitiveDateTime::parse(&parameter(&upload, "X-Amz-Date"), signed).unwrap().assume_utc();
    let lasts = Duration::seconds(parameter(&upload, "X-Amz-Expires").parse().unwrap());
    let apart = (signed + lasts - ends).abs();
    assert!(apart <= Duration::seconds(2), "{} is not when {} ends", upload.expires_at, upload.url);
}

#[tokio::test]
async fn a_type_may_have_parameters() {
    let sarah = User::sarah().await;
    for mimetype in ["text/plain; charset=utf-8", "image/svg+xml", "application/vnd.a.b-c_d", "A/B", "a/b;c=\"d, e\""] {
        sarah.announce("a", mimetype, 1).await;
    }
}

#[tokio::test]
async fn every_offending_field_is_named() {
    let sarah = User::sarah().await;
    let all = vec!["filename", "mimetype", "size"];
    let cases = [
        (json!({}), all.clone()),
        (json!({ "filename": null, "mimetype": null, "size": null }), all.clone()),
        (json!({ "filename": 1, "mimetype": ["a/b"], "size": "1" }), all.clone()),
        (json!({ "filename": "a/b", "mimetype": "a", "size": 0 }), all),
        (json!({ "name": "a", "mimetype": "a/b", "size": 1 }), vec!["filename"]),
        (json!({ "filename": "a", "mimetype": "a/b" }), vec!["size"]),
        (json!({ "filename": "a", "size": 1 }), vec!["mimetype"]),
        (json!({ "filename": "", "mimetype": "a/b", "size": -1 }), vec!["filename", "size"]),
    ];
    for (body, fields) in cases {
        sarah.post("/api/files", &body).await.assert_problem_in(422, "invalid_request", &fields);
    }
}

#[tokio::test]
async fn a_name_is_one_segment_of_a_path_and_readable() {
    let sarah = User::sarah().await;
    let (long, wide) = ("x".repeat(256), "👪".repeat(256));
    let wrong = [
        "", ".", "..", "/", "\\", "a/b", "/a", "a/", "../a", "a\\b", "C:\\a", "a\nb", "a\r", "\ta", "a\u{0}b",
        "a\u{7f}", "a\u{85}", &long, &wide,
    ];
    for name in wrong {
        let reply = sarah.post("/api/files", &json!({ "filename": name, "mimetype": "a/b", "size": 1 })).await;
        reply.assert_problem_in(422, "invalid_request", &["filename"]);
    }
}

#[tokio::test]
async fn a_type_is_a_type_and_a_subtype() {
    let sarah = User::sarah().await;
    let long = format!("a/{}", "b".repeat(5000));
    let wrong = [
        "",
        "image",
        "image/",
        "/jpeg",
        "/",
        "a/b/c",
        "a b/c",
        "a/b c",
        "a/b\r\nx-amz-acl: public-read",
        "a/b\u{0}",
        "a/ä",
        "image/jpeg, text/html",
        &long,
    ];
    for mimetype in wrong {
        let reply = sarah.post("/api/files", &json!({ "filename": "a", "mimetype": mimetype, "size": 1 })).await;
        reply.assert_problem_in(422, "invalid_request", &["mimetype"]);
    }
}

#[tokio::test]
async fn a_size_is_a_whole_number_up_to_25_mib() {
    let sarah = User::sarah().await;
    for size in [1, LARGEST] {
        sarah.announce("a", "a/b", usize::try_from(size).unwrap()).await;
    }
    let wrong = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(LARGEST + 1),
        json!(u64::MAX),
        json!(1e300),
        json!("1"),
        json!(true),
        json!([1]),
        json!({ "bytes": 1 }),
    ];
    for size in wrong {
        let reply = sarah.post("/api/files", &json!({ "filename": "a", "mimetype": "a/b", "size": size })).await;
        reply.assert_problem_in(422, "invalid_request", &["size"]);
    }
}

#[tokio::test]
async fn a_body_that_is_not_an_object_is_invalid() {
    let sarah = User::sarah().await;
    for body in [json!([]), json!("photo.jpg"), json!(7), json!(null)] {
        sarah.post("/api/files", &body).await.assert_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let sarah = User::sarah().await;
    for body in ["", "photo.jpg", "{\"filename\":\"a\"", "{'filename':'a'}"] {
        sarah.post_raw("/api/files", body).await.assert_problem(400, "malformed_json");
    }
}

#[tokio::test]
async fn what_else_is_said_is_ignored() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let body = json!({
        "filename": "a", "mimetype": "a/b", "size": 1,
        "id": "file_mine", "status": "ready", "ownerId": michael.id, "userId": michael.id, "key": "files/file_mine",
    });
    let answer = sarah.post(&format!("/api/files?userId={}", michael.id), &body).await.ok(200);
    let id = text(&answer["file"]["id"]);
    assert_ne!(id, "file_mine");
    assert_eq!(sarah.file(id).await["status"], "pending");
    michael.ask_for_file(id).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn announcing_sends_nothing() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let upload = sarah.announce("a", "a/b", 1).await;
    let sent = sarah.say(&thread, &upload.id).await;
    assert!(items(&sent["attachments"]).is_empty(), "{sent}");
}

#[tokio::test]
async fn many_at_once_each_get_their_own() {
    let sarah = User::sarah().await;
    let uploads = futures::future::join_all((0..24).map(|_| sarah.announce("a", "a/b", 1))).await;
    let ids: BTreeSet<&str> = uploads.iter().map(|upload| upload.id.as_str()).collect();
    assert_eq!(ids.len(), 24);
}

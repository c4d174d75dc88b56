//! Tests of profile pictures, and of the sizes of images.

use e2e::{Picture, Reply, User, assert_person, download, get_link, items, jpeg, redirect_target, text};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::changes::delete;
use crate::erased_files::wait_until_deleted;

/// Signs in as a new user, who has no picture.
async fn newcomer() -> User {
    let user = User::newcomer().await;
    let me = user.get("/api/me", &[]).await.ok(200);
    assert!(me.get("avatarUrl").is_none(), "{me}");
    user
}

async fn photo_of(user: &User) -> Value {
    user.upload_ready("photo.jpg", "image/jpeg", &jpeg(120, 80)).await
}

async fn choose(user: &User, file: &Value) -> Reply {
    user.patch("/api/me", &json!({ "avatarFileId": file })).await
}

/// Returns the link to a person's picture, as `viewer` sees it in the list of people. Panics if the person is not listed.
async fn seen_by(viewer: &User, person: &User) -> Option<String> {
    let mut query = vec![("limit", "100".to_owned())];
    loop {
        let pairs: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = viewer.get("/api/people", &pairs).await.ok(200);
        if let Some(person) = items(&page["people"]).iter().find(|listed| listed["id"] == *person.id) {
            assert_person(person, &[]);
            return person.get("avatarUrl").map(|url| text(url).to_owned());
        }
        query = vec![("limit", "100".to_owned()), ("cursor", text(&page["nextCursor"]).to_owned())];
    }
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn everyone_sees_the_thumbnail_of_a_picture_and_nobody_else_the_original() {
    let (user, viewer) = (newcomer().await, User::sarah().await);
    let photo = photo_of(&user).await;
    for _ in 0..2 {
        let me = choose(&user, &photo["id"]).await.ok(200);
        assert_person(&me, &["receipts"]);
        assert_eq!(me["avatarUrl"], photo["thumbUrl"]);
        assert_eq!(user.get("/api/me", &[]).await.ok(200), me);
    }
    let link = seen_by(&viewer, &user).await.unwrap();
    assert_eq!(photo["thumbUrl"], link);
    assert_eq!(seen_by(&viewer, &user).await, Some(link.clone()), "the link stays the same");
    let shown = Picture::decode(&download(&link).await.bytes);
    assert_eq!((shown.width, shown.height), (120, 80));

    // Only the owner has access to the original. The signature of the thumbnail's link does not open it.
    viewer.get_file_status(text(&photo["id"])).await.assert_problem(404, "file_not_found");
    let query = link.split_once('?').unwrap().1;
    let original = format!("/files/{}/photo.jpg?{query}", text(&photo["id"]));
    get_link(&original).await.assert_problem(403, "invalid_file_url");
    assert_eq!(user.file(text(&photo["id"])).await, photo);

    let me = choose(&user, &Value::Null).await.ok(200);
    assert!(me.get("avatarUrl").is_none(), "{me}");
    assert_eq!(seen_by(&viewer, &user).await, None);
    get_link(&link).await.assert_problem(404, "file_not_found");
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn replaced_picture_is_deleted_from_storage() {
    let user = newcomer().await;
    let (old, new) = (photo_of(&user).await, photo_of(&user).await);
    let objects = [redirect_target(text(&old["url"])).await, redirect_target(text(&old["thumbUrl"])).await];
    let _ = choose(&user, &old["id"]).await.ok(200);
    let _ = choose(&user, &new["id"]).await.ok(200);
    user.get_file_status(text(&old["id"])).await.assert_problem(404, "file_not_found");
    choose(&user, &old["id"]).await.assert_problem_fields(422, "invalid_request", &["avatarFileId"]);
    for object in &objects {
        wait_until_deleted(object).await;
    }
    assert!(!download(text(&new["thumbUrl"])).await.bytes.is_empty());
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn picture_that_was_also_sent_stays_until_its_last_use_ends() {
    let (user, member) = (newcomer().await, User::michael().await);
    let thread = user.new_thread(&[&member]).await;
    for deleted_first in [true, false] {
        let photo = photo_of(&user).await;
        let id = text(&photo["id"]);
        let _ = choose(&user, &photo["id"]).await.ok(200);
        let seq = e2e::seq_of(&user.send_files(&thread, "", &[id]).await);
        assert_eq!(member.file(id).await["url"], photo["url"]);
        for deleted in [deleted_first, !deleted_first] {
            assert!(!download(text(&photo["thumbUrl"])).await.bytes.is_empty());
            if deleted {
                let _ = delete(&user, &thread, seq).await.ok(200);
                member.get_file_status(id).await.assert_problem(404, "file_not_found");
            } else {
                let _ = choose(&user, &Value::Null).await.ok(200);
            }
        }
        get_link(text(&photo["thumbUrl"])).await.assert_problem(404, "file_not_found");
    }
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn files_that_cannot_be_a_picture_are_refused() {
    let (user, sarah) = (newcomer().await, User::sarah().await);
    let thread = sarah.new_thread(&[&user]).await;
    let of_sarah = photo_of(&sarah).await["id"].clone();
    sarah.send_files(&thread, "", &[text(&of_sarah)]).await;
    let pending = user.create_file("photo.jpg", "image/jpeg", 1).await.id;
    let broken = user.upload("photo.jpg", "image/jpeg", b"no image").await;
    user.wait_until_failed(&broken).await;
    let note = user.upload_ready("note.txt", "text/plain", b"no image").await["id"].clone();
    let missing = "file_00000000000000000000000000000000";
    for file in [of_sarah, json!(pending), json!(broken), note, json!(missing), json!("photo.jpg"), json!(7), json!([])]
    {
        let refused = user.patch("/api/me", &json!({ "avatarFileId": file, "receipts": false })).await;
        refused.assert_problem_fields(422, "invalid_request", &["avatarFileId"]);
    }
    let expected = json!({ "id": user.id, "name": user.name, "receipts": true });
    assert_eq!(user.get("/api/me", &[]).await.ok(200), expected);
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn concurrent_changes_leave_one_picture() {
    let user = newcomer().await;
    let photos = join_all((0..4).map(|_| photo_of(&user))).await;
    let replies = join_all(photos.iter().map(|photo| choose(&user, &photo["id"]))).await;
    assert!(replies.iter().any(|reply| reply.status == 200));
    assert!(replies.iter().all(|reply| reply.status == 200 || reply.is_retryable()), "{replies:?}");
    let me = user.get("/api/me", &[]).await.ok(200);
    assert_eq!(seen_by(&user, &user).await.as_deref(), me["avatarUrl"].as_str());
    let shown = join_all(photos.iter().map(|photo| user.get_file_status(text(&photo["id"])))).await;
    for (photo, shown) in photos.iter().zip(shown) {
        // Of the pictures that are not shown, checks only those in a successful answer. If a request failed, its
        // picture may never have been chosen.
        let was_chosen = replies.iter().any(|reply| reply.json["avatarUrl"] == photo["thumbUrl"]);
        if photo["thumbUrl"] == me["avatarUrl"] {
            assert_eq!(shown.status, 200, "{shown}");
        } else if was_chosen {
            shown.assert_problem(404, "file_not_found");
        }
    }
}

/// Returns a JPEG with an EXIF orientation, which follows the first marker.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
    let exif = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0"[..], &entry, &[0; 4]].concat();
    let length = u16::try_from(exif.len() + 2).unwrap_or_else(|error| panic!("{error}")).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[tokio::test]
async fn image_has_its_size_as_displayed() {
    let sarah = User::sarah().await;
    let photo = jpeg(120, 80);
    for (orientation, expected) in [(1, (120, 80)), (3, (120, 80)), (6, (80, 120)), (8, (80, 120))] {
        let file = sarah.upload_ready("photo.jpg", "image/jpeg", &turned(&photo, orientation)).await;
        let size = (file["width"].as_u64().unwrap(), file["height"].as_u64().unwrap());
        assert_eq!(size, expected, "orientation {orientation}");
        let thumbnail = Picture::decode(&download(text(&file["thumbUrl"])).await.bytes);
        assert_eq!((thumbnail.width as u64, thumbnail.height as u64), expected, "orientation {orientation}");
    }
}

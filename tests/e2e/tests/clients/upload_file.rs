//! PUT of the bytes to the `uploadUrl`, and what the storage refuses.

use e2e::{Picture, Upload, User, fetch, http, jpeg, png, put, text, view};
use futures::future::join_all;
use reqwest::{Method, Url};

use crate::samples::{TEXT, html_of, noise};

/// The URL with the last character of one parameter's value changed.
fn with_another(url: &Url, name: &str) -> Url {
    let change = |value: &str| {
        let mut value = value.to_owned();
        let last = value.pop();
        value.push(if last == Some('0') { '1' } else { '0' });
        value
    };
    rewritten(url, |key, value| if key == name { change(value) } else { value.to_owned() })
}

fn rewritten(url: &Url, rewrite: impl Fn(&str, &str) -> String) -> Url {
    let pairs: Vec<(String, String)> =
        url.query_pairs().map(|(key, value)| (key.to_string(), rewrite(&key, &value))).collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

/// PUT that has to be refused.
async fn assert_refused(url: Url, content_type: Option<&str>, bytes: &[u8], what: &str) {
    let reply = put(url, content_type, bytes).await;
    assert!((400..500).contains(&reply.status), "{what}: {reply}");
}

/// Checks that nothing has come of what was refused: the file waits, and takes what was announced.
async fn assert_still_takes(sarah: &User, upload: &Upload, bytes: &[u8]) {
    assert_eq!(sarah.file(&upload.id).await["status"], "pending");
    upload.send(bytes).await;
    let file = sarah.ready(&upload.id).await;
    assert_eq!(view(text(&file["url"])).await.bytes, bytes);
}

/// Uploads one file after the other until each is ready, so that what was uploaded before has been seen to as well.
async fn let_others_pass(user: &User) {
    for _ in 0..3 {
        user.upload_ready("later.txt", "text/plain", TEXT).await;
    }
}

#[tokio::test]
async fn another_type_is_refused() {
    let sarah = User::sarah().await;
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    for other in [Some("text/html"), Some("text/plain; charset=utf-8"), Some("image/png"), None] {
        assert_refused(upload.url.clone(), other, TEXT, &format!("{other:?}")).await;
    }
    assert_still_takes(&sarah, &upload, TEXT).await;
}

#[tokio::test]
async fn another_length_is_refused() {
    let sarah = User::sarah().await;
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    let longer = [TEXT, b"!"].concat();
    let much_longer = noise(1_000_000);
    for other in [&TEXT[1..], &TEXT[..1], &[], &longer, &much_longer] {
        assert_refused(upload.url.clone(), Some("text/plain"), other, &format!("{} bytes", other.len())).await;
    }
    assert_still_takes(&sarah, &upload, TEXT).await;
}

#[tokio::test]
async fn a_changed_url_is_refused() {
    let sarah = User::sarah().await;
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    let names: Vec<String> = upload.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert!(names.iter().any(|name| name == "X-Amz-Signature"), "{}", upload.url);
    for name in &names {
        assert_refused(with_another(&upload.url, name), Some("text/plain"), TEXT, name).await;
    }
    let longer = rewritten(&upload.url, |name, value| match name {
        "X-Amz-Expires" => "86400".to_owned(),
        _ => value.to_owned(),
    });
    assert_refused(longer, Some("text/plain"), TEXT, "valid for longer").await;
    let anything = rewritten(&upload.url, |name, value| match name {
        "X-Amz-SignedHeaders" => "host".to_owned(),
        _ => value.to_owned(),
    });
    assert_refused(anything, Some("text/html"), &noise(100), "signed for anything").await;
    let mut bare = upload.url.clone();
    bare.set_query(None);
    assert_refused(bare, Some("text/plain"), TEXT, "not signed").await;
    // Writing the same parameters anew is no change.
    let same = Upload { url: rewritten(&upload.url, |_, value| value.to_owned()), ..upload };
    assert_still_takes(&sarah, &same, TEXT).await;
}

#[tokio::test]
async fn the_url_of_one_file_takes_no_other() {
    let sarah = User::sarah().await;
    let [one, two] = [sarah.announce("a.txt", "text/plain", TEXT.len()).await, sarah.announce("a", "a/b", 1).await];
    let mut swapped = one.url.clone();
    swapped.set_path(two.url.path());
    assert_refused(swapped, Some("text/plain"), TEXT, "another file's place").await;
    let mut published = one.url.clone();
    published.set_path(&one.url.path().replace("uploads", "files"));
    if published != one.url {
        assert_refused(published, Some("text/plain"), TEXT, "where files are served from").await;
    }
    assert_eq!(sarah.file(&two.id).await["status"], "pending");
    assert_still_takes(&sarah, &one, TEXT).await;
}

#[tokio::test]
async fn the_url_is_good_for_nothing_but_the_put() {
    let sarah = User::sarah().await;
    let upload = sarah.announce("a.txt", "text/plain", TEXT.len()).await;
    upload.send(TEXT).await;
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::POST] {
        let reply = fetch(http().request(method.clone(), upload.url.clone())).await;
        assert!((400..500).contains(&reply.status), "{method}: {reply}");
    }
    sarah.ready(&upload.id).await;
}

#[tokio::test]
async fn uploading_again_changes_nothing_that_is_served() {
    let sarah = User::sarah().await;
    let photo = jpeg(300, 200);
    let upload = sarah.announce("photo.jpg", "image/jpeg", photo.len()).await;
    upload.send(&photo).await;
    let before = sarah.ready(&upload.id).await;
    let (url, thumb_url) = (text(&before["url"]), text(&before["thumbUrl"]));
    let thumbnail = view(thumb_url).await.bytes;

    let other: Vec<u8> = photo.iter().rev().copied().collect();
    for other in [other, html_of(photo.len()), noise(photo.len())] {
        let reply = upload.put(&other).await;
        assert!(reply.status < 500, "{reply}");
    }
    let_others_pass(&sarah).await;
    assert_eq!(sarah.file(&upload.id).await, before);
    let served = view(url).await;
    assert!(served.bytes == photo, "other bytes are served");
    assert_eq!(served.content_type, "image/jpeg");
    assert!(view(thumb_url).await.bytes == thumbnail, "another thumbnail is served");
}

#[tokio::test]
async fn what_failed_stays_failed_whatever_is_uploaded_again() {
    let sarah = User::sarah().await;
    let photo = jpeg(30, 20);
    let upload = sarah.announce("photo.jpg", "image/jpeg", photo.len()).await;
    upload.send(&noise(photo.len())).await;
    let before = sarah.failed(&upload.id).await;
    upload.put(&photo).await;
    let_others_pass(&sarah).await;
    assert_eq!(sarah.file(&upload.id).await, before);
}

#[tokio::test]
async fn of_two_uploads_in_a_row_only_what_was_inspected_is_served() {
    let sarah = User::sarah().await;
    let photo = png(200, 200);
    let page = html_of(photo.len());
    let files = join_all((0..6).map(async |n| {
        let upload = sarah.announce("photo.png", "image/png", photo.len()).await;
        let (first, second) = if n % 2 == 0 { (&photo, &page) } else { (&page, &photo) };
        upload.send(first).await;
        let reply = upload.put(second).await;
        assert!(reply.status < 500, "{reply}");
        sarah.settled(&upload.id).await
    }))
    .await;
    let_others_pass(&sarah).await;
    for file in files {
        assert_eq!(sarah.file(text(&file["id"])).await, file, "settled once");
        if file["status"] == "ready" {
            let served = view(text(&file["url"])).await;
            assert!(served.bytes == photo, "what was not inspected is served: {file}");
            assert_eq!(served.content_type, "image/png");
            Picture::decode(&view(text(&file["thumbUrl"])).await.bytes).assert_red_and_blue();
        }
    }
}

#[tokio::test]
async fn the_largest_file_comes_back_whole() {
    let sarah = User::sarah().await;
    let bytes = noise(25 * 1024 * 1024);
    let file = sarah.upload_ready("film.bin", "application/octet-stream", &bytes).await;
    assert!(view(text(&file["url"])).await.bytes == bytes, "not what was uploaded");
}

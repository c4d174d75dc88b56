//! Tests of uploading a file's bytes with PUT to its `uploadUrl`

use e2e::{Picture, Upload, User, download, fetch, http, jpeg, png, put, text};
use futures::future::join_all;
use reqwest::{Method, Url};

use crate::samples::{TEXT, html_of, noise};

/// Returns a URL with the last character of the query parameter `name` changed.
fn with_changed(url: &Url, name: &str) -> Url {
    let change = |value: &str| {
        let mut value = value.to_owned();
        let last = value.pop();
        value.push(if last == Some('0') { '1' } else { '0' });
        value
    };
    rewritten(url, |key, value| if key == name { change(value) } else { value.to_owned() })
}

/// Returns a URL with each query parameter's value replaced by what `rewrite` returns for its name and value.
fn rewritten(url: &Url, rewrite: impl Fn(&str, &str) -> String) -> Url {
    let pairs: Vec<(String, String)> =
        url.query_pairs().map(|(key, value)| (key.to_string(), rewrite(&key, &value))).collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

/// Sends a PUT and checks that S3 refuses it with a 4xx. `case` names the upload in the panic message.
async fn assert_refused(url: Url, content_type: Option<&str>, bytes: &[u8], case: &str) {
    let reply = put(url, content_type, bytes).await;
    assert!((400..500).contains(&reply.status), "{case}: {reply}");
}

/// Checks that refused uploads had no effect: the file is still pending, and a correct upload makes it ready.
async fn assert_upload_still_works(sarah: &User, upload: &Upload, bytes: &[u8]) {
    assert_eq!(sarah.file(&upload.id).await["status"], "pending");
    upload.send(bytes).await;
    let file = sarah.wait_until_ready(&upload.id).await;
    assert_eq!(download(text(&file["url"])).await.bytes, bytes);
}

/// Uploads a few other files and waits until they are ready, which gives files-process time to handle earlier uploads.
async fn process_other_files(user: &User) {
    for _ in 0..3 {
        user.upload_ready("later.txt", "text/plain", TEXT).await;
    }
}

#[tokio::test]
async fn upload_with_another_type_is_refused() {
    let sarah = User::sarah().await;
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    for other in [Some("text/html"), Some("text/plain; charset=utf-8"), Some("image/png"), None] {
        assert_refused(upload.url.clone(), other, TEXT, &format!("{other:?}")).await;
    }
    assert_upload_still_works(&sarah, &upload, TEXT).await;
}

#[tokio::test]
async fn upload_with_another_length_is_refused() {
    let sarah = User::sarah().await;
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    let longer = [TEXT, b"!"].concat();
    let much_longer = noise(1_000_000);
    for other in [&TEXT[1..], &TEXT[..1], &[], &longer, &much_longer] {
        assert_refused(upload.url.clone(), Some("text/plain"), other, &format!("{} bytes", other.len())).await;
    }
    assert_upload_still_works(&sarah, &upload, TEXT).await;
}

#[tokio::test]
async fn upload_with_a_changed_url_is_refused() {
    let sarah = User::sarah().await;
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    let names: Vec<String> = upload.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert!(names.iter().any(|name| name == "X-Amz-Signature"), "{}", upload.url);
    for name in &names {
        assert_refused(with_changed(&upload.url, name), Some("text/plain"), TEXT, name).await;
    }
    let longer = rewritten(&upload.url, |name, value| match name {
        "X-Amz-Expires" => "86400".to_owned(),
        _ => value.to_owned(),
    });
    assert_refused(longer, Some("text/plain"), TEXT, "longer lifetime").await;
    let unsigned = rewritten(&upload.url, |name, value| match name {
        "X-Amz-SignedHeaders" => "host".to_owned(),
        _ => value.to_owned(),
    });
    assert_refused(unsigned, Some("text/html"), &noise(100), "fewer signed headers").await;
    let mut bare = upload.url.clone();
    bare.set_query(None);
    assert_refused(bare, Some("text/plain"), TEXT, "no signature").await;
    // `rewritten` encodes the parameters again. Encoding alone must not make the URL invalid. Otherwise, the uploads
    // above may have been refused for this reason.
    let same = Upload { url: rewritten(&upload.url, |_, value| value.to_owned()), ..upload };
    assert_upload_still_works(&sarah, &same, TEXT).await;
}

#[tokio::test]
async fn upload_url_works_for_its_own_file_only() {
    let sarah = User::sarah().await;
    let [one, two] =
        [sarah.create_file("a.txt", "text/plain", TEXT.len()).await, sarah.create_file("a", "a/b", 1).await];
    let mut swapped = one.url.clone();
    swapped.set_path(two.url.path());
    assert_refused(swapped, Some("text/plain"), TEXT, "path of another file's upload").await;
    let mut published = one.url.clone();
    published.set_path(&one.url.path().replace("uploads", "files"));
    if published != one.url {
        assert_refused(published, Some("text/plain"), TEXT, "path of a published file").await;
    }
    assert_eq!(sarah.file(&two.id).await["status"], "pending");
    assert_upload_still_works(&sarah, &one, TEXT).await;
}

#[tokio::test]
async fn upload_url_allows_put_only() {
    let sarah = User::sarah().await;
    let upload = sarah.create_file("a.txt", "text/plain", TEXT.len()).await;
    upload.send(TEXT).await;
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::POST] {
        let reply = fetch(http().request(method.clone(), upload.url.clone())).await;
        assert!((400..500).contains(&reply.status), "{method}: {reply}");
    }
    sarah.wait_until_ready(&upload.id).await;
}

#[tokio::test]
async fn second_upload_does_not_change_the_served_file() {
    let sarah = User::sarah().await;
    let photo = jpeg(300, 200);
    let upload = sarah.create_file("photo.jpg", "image/jpeg", photo.len()).await;
    upload.send(&photo).await;
    let before = sarah.wait_until_ready(&upload.id).await;
    let (url, thumb_url) = (text(&before["url"]), text(&before["thumbUrl"]));
    let thumbnail = download(thumb_url).await.bytes;

    let other: Vec<u8> = photo.iter().rev().copied().collect();
    for other in [other, html_of(photo.len()), noise(photo.len())] {
        let reply = upload.put(&other).await;
        assert!(reply.status < 500, "{reply}");
    }
    process_other_files(&sarah).await;
    assert_eq!(sarah.file(&upload.id).await, before);
    let served = download(url).await;
    assert!(served.bytes == photo, "other bytes are served than before");
    assert_eq!(served.content_type, "image/jpeg");
    assert!(download(thumb_url).await.bytes == thumbnail, "another thumbnail is served");
}

#[tokio::test]
async fn second_upload_does_not_change_a_failed_file() {
    let sarah = User::sarah().await;
    let photo = jpeg(30, 20);
    let upload = sarah.create_file("photo.jpg", "image/jpeg", photo.len()).await;
    upload.send(&noise(photo.len())).await;
    let before = sarah.wait_until_failed(&upload.id).await;
    upload.put(&photo).await;
    process_other_files(&sarah).await;
    assert_eq!(sarah.file(&upload.id).await, before);
}

#[tokio::test]
async fn only_inspected_bytes_are_served_after_two_uploads() {
    let sarah = User::sarah().await;
    let photo = png(200, 200);
    let page = html_of(photo.len());
    let files = join_all((0..6).map(async |n| {
        let upload = sarah.create_file("photo.png", "image/png", photo.len()).await;
        let (first, second) = if n % 2 == 0 { (&photo, &page) } else { (&page, &photo) };
        upload.send(first).await;
        let reply = upload.put(second).await;
        assert!(reply.status < 500, "{reply}");
        sarah.wait_for_outcome(&upload.id).await
    }))
    .await;
    process_other_files(&sarah).await;
    for file in files {
        assert_eq!(sarah.file(text(&file["id"])).await, file, "the outcome changed");
        if file["status"] == "ready" {
            let served = download(text(&file["url"])).await;
            assert!(served.bytes == photo, "uninspected bytes are served: {file}");
            assert_eq!(served.content_type, "image/png");
            Picture::decode(&download(text(&file["thumbUrl"])).await.bytes).assert_red_and_blue();
        }
    }
}

// make verify: only if MaxFileBytes is 26214400
#[tokio::test]
async fn largest_file_is_served_unchanged() {
    let sarah = User::sarah().await;
    let bytes = noise(25 * 1024 * 1024);
    let file = sarah.upload_ready("video.bin", "application/octet-stream", &bytes).await;
    assert!(download(text(&file["url"])).await.bytes == bytes, "other bytes are served than were uploaded");
}

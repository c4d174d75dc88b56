//! Tests of presigned URLs: which requests they allow, and for how long.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_credential_types::Credentials;
use contract::{FileId, Timestamp};
use files::{DOWNLOAD_WINDOW, PresignedUpload, Presigner, Uploaded};
use runtime::sdk_config_for;
use testkit::Storage;

/// Returns a presigner for a bucket on AWS, not in the local cloud.
fn presigner() -> Presigner {
    let credentials = Credentials::from_keys("test", "test", Some("a/session+token".into()));
    Presigner::new(&sdk_config_for("eu-central-1".into(), credentials, None).unwrap(), "home")
}

/// Splits a URL into the part before the query and the query's parameters.
fn parts(url: &str) -> (&str, HashMap<&str, &str>) {
    let (base, query) = url.split_once('?').unwrap();
    (base, query.split('&').map(|parameter| parameter.split_once('=').unwrap()).collect())
}

#[tokio::test]
async fn upload_url_signs_content_type_and_content_length_only() {
    let id = FileId::new();
    let upload = presigner().upload(&id, "image/svg+xml; charset=UTF-8", 12_345).await.unwrap();
    let (base, query) = parts(&upload.url);
    assert_eq!(base, format!("https://home.s3.eu-central-1.amazonaws.com/uploads/{id}"));
    assert_eq!(upload.headers, BTreeMap::from([("content-type".into(), "image/svg+xml; charset=UTF-8".into())]));
    assert_eq!(query["X-Amz-SignedHeaders"], "content-length%3Bcontent-type%3Bhost");
    assert_eq!(query["X-Amz-Expires"], "900");
    assert_eq!(query["X-Amz-Security-Token"], "a%2Fsession%2Btoken");
    let mut names: Vec<_> = query.keys().copied().collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Date",
            "X-Amz-Expires",
            "X-Amz-Security-Token",
            "X-Amz-Signature",
            "X-Amz-SignedHeaders",
        ]
    );
    let window = 900_000;
    assert!((0..2_000).contains(&(Timestamp::now().millis() + window - upload.expires_at.millis())));
    let signed_at = Timestamp::from_millis(upload.expires_at.millis() - window).to_string();
    assert_eq!(signed_at.replace(['-', ':'], "").replace(".000", ""), query["X-Amz-Date"]);
}

#[tokio::test]
async fn upload_with_another_type_size_key_or_expiry_is_refused() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let upload = storage.presigner().upload(&id, "image/png", 5).await.unwrap();
    let with_type = |media_type: &str| {
        let headers = BTreeMap::from([("content-type".into(), media_type.into())]);
        PresignedUpload { headers, ..upload.clone() }
    };
    let without_type = PresignedUpload { headers: BTreeMap::new(), ..upload.clone() };
    let with_other_key =
        PresignedUpload { url: upload.url.replace(id.as_str(), FileId::new().as_str()), ..upload.clone() };
    let with_later_expiry = PresignedUpload { url: upload.url.replace("Expires=900", "Expires=901"), ..upload.clone() };
    for (upload, bytes) in [
        (&upload, "1234"),
        (&upload, "123456"),
        (&upload, ""),
        (&with_type("image/jpeg"), "12345"),
        (&with_type("text/html"), "12345"),
        (&without_type, "12345"),
        (&with_other_key, "12345"),
        (&with_later_expiry, "12345"),
    ] {
        assert_eq!(Storage::put(upload, bytes).await.status(), 403, "{bytes} to {upload:?}");
    }
    assert_eq!(storage.keys().await, [""; 0]);
    assert_eq!(Storage::put(&upload, "12345").await.status(), 200);
    assert_eq!(storage.bucket().read_upload(&id, 5).await.unwrap(), Uploaded::Bytes("12345".into()));
}

#[tokio::test]
async fn download_url_signs_only_the_host_and_is_valid_for_the_given_time() {
    let now = Timestamp::from_millis(1_757_034_300_999);
    let url = presigner().download("files/file_1/abc", now, Duration::from_secs(17)).await.unwrap();
    let (base, query) = parts(&url);
    assert_eq!(base, "https://home.s3.eu-central-1.amazonaws.com/files/file_1/abc");
    assert_eq!(query["X-Amz-SignedHeaders"], "host");
    assert_eq!((query["X-Amz-Date"], query["X-Amz-Expires"]), ("20250905T010500Z", "17"));
}

#[tokio::test]
async fn storage_serves_a_download_url_only_within_its_time() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let key = storage.bucket().publish(&id, &"inspected".into(), "text/plain", "attachment").await.unwrap();
    let now = Timestamp::now();
    let signed = async |seconds_ago: i64| {
        let at = Timestamp::from_millis(now.millis() - seconds_ago * 1_000);
        let url = storage.presigner().download(&key, at, DOWNLOAD_WINDOW).await.unwrap();
        Storage::get(&url).await.status()
    };
    assert_eq!(signed(0).await, 200);
    assert_eq!(signed(800).await, 200);
    assert_eq!(signed(901).await, 403);
}

#[tokio::test]
async fn download_url_allows_only_its_object() {
    let (storage, id) = (Storage::create().await, FileId::new());
    storage.upload(&id, "not inspected").await;
    let key = storage.bucket().publish(&id, &"inspected".into(), "text/plain", "attachment").await.unwrap();
    let url = storage.presigner().download(&key, Timestamp::now(), DOWNLOAD_WINDOW).await.unwrap();
    assert_eq!(Storage::get(&url).await.body(), "inspected");
    assert_eq!(Storage::get(&url.replace(&key, &format!("uploads/{id}"))).await.status(), 403);
    assert_eq!(Storage::get(url.split_once('?').unwrap().0).await.status(), 403);
}

#[tokio::test]
async fn invalid_header_or_size_is_an_error() {
    let id = FileId::new();
    for (mimetype, size) in [("image/png\r\nx-evil: 1", 5), ("image/\0", 5), ("image/png", u64::MAX)] {
        assert!(presigner().upload(&id, mimetype, size).await.is_err(), "{mimetype} {size}");
    }
}

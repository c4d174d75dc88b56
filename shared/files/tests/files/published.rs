//! Tests of published objects: their keys, response headers and deletion.

use contract::FileId;
use files::{content_disposition, uploaded_file};
use testkit::Storage;

#[tokio::test]
async fn equal_bytes_have_one_key_and_other_bytes_another() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let bucket = storage.bucket();
    let one = bucket.publish(&id, &"one".into(), "text/plain", "attachment").await.unwrap();
    assert_eq!(bucket.publish(&id, &"one".into(), "text/plain", "attachment").await.unwrap(), one);
    assert_eq!(storage.keys().await, [one.as_str()]);
    let other = bucket.publish(&id, &"other".into(), "text/plain", "attachment").await.unwrap();
    let thumbnail = bucket.publish_thumbnail(&id, &"one".into()).await.unwrap();
    let foreign = bucket.publish(&FileId::new(), &"one".into(), "text/plain", "attachment").await.unwrap();
    let mut keys = [one.clone(), other.clone(), thumbnail, foreign];
    keys.sort_unstable();
    assert_eq!(storage.keys().await, keys);
    assert_eq!(storage.object(&one).await.into_body(), "one");
    assert_eq!(storage.object(&other).await.into_body(), "other");
    // The key of a published object must not look like an upload, or publishing would trigger files-process.
    assert!(keys.iter().all(|key| uploaded_file(key).is_none()));
}

#[tokio::test]
async fn published_objects_are_served_with_their_headers() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let disposition = content_disposition(false, "Käse \"1\"\r\n.pdf");
    let file = storage.bucket().publish(&id, &"%PDF".into(), "application/pdf", &disposition).await.unwrap();
    let thumbnail = storage.bucket().publish_thumbnail(&id, &"JFIF".into()).await.unwrap();
    for (key, body, media_type, disposition) in
        [(file, "%PDF", "application/pdf", disposition.as_str()), (thumbnail, "JFIF", "image/jpeg", "inline")]
    {
        let answer = storage.object(&key).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], media_type);
        assert_eq!(answer.headers()["content-disposition"], disposition);
        assert_eq!(answer.headers()["cache-control"], "private, max-age=31536000, immutable");
        assert_eq!(answer.body(), body);
    }
}

#[tokio::test]
async fn unpublishing_deletes_one_object_and_can_be_repeated() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let bucket = storage.bucket();
    let one = bucket.publish(&id, &"one".into(), "text/plain", "attachment").await.unwrap();
    let other = bucket.publish(&id, &"other".into(), "text/plain", "attachment").await.unwrap();
    for _ in 0..2 {
        bucket.unpublish(&one).await.unwrap();
        assert_eq!(storage.keys().await, [other.as_str()]);
    }
    assert_eq!(storage.object(&one).await.status(), 404);
}

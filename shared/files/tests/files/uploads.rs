//! Tests of reading uploads: an upload is read only if it has the declared size.

use bytes::Bytes;
use contract::FileId;
use files::Uploaded;
use testkit::Storage;

#[tokio::test]
async fn only_uploads_of_the_declared_size_are_read() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let bucket = storage.bucket();
    assert_eq!(bucket.read_upload(&id, 5).await.unwrap(), Uploaded::Missing);
    storage.upload(&id, "12345").await;
    for size in [0, 4, 6, 10_000, u64::MAX] {
        assert_eq!(bucket.read_upload(&id, size).await.unwrap(), Uploaded::OtherSize, "{size}");
    }
    assert_eq!(bucket.read_upload(&id, 5).await.unwrap(), Uploaded::Bytes("12345".into()));
    assert_eq!(bucket.read_upload(&FileId::new(), 5).await.unwrap(), Uploaded::Missing);
}

#[tokio::test]
async fn empty_upload_is_not_a_missing_upload() {
    let (storage, id) = (Storage::create().await, FileId::new());
    assert_eq!(storage.bucket().read_upload(&id, 0).await.unwrap(), Uploaded::Missing);
    storage.upload(&id, "").await;
    assert_eq!(storage.bucket().read_upload(&id, 0).await.unwrap(), Uploaded::Bytes(Bytes::new()));
    assert_eq!(storage.bucket().read_upload(&id, 1).await.unwrap(), Uploaded::OtherSize);
}

#[tokio::test]
async fn second_upload_replaces_the_first() {
    let (storage, id) = (Storage::create().await, FileId::new());
    storage.upload(&id, "one").await;
    storage.upload(&id, "two").await;
    assert_eq!(storage.bucket().read_upload(&id, 3).await.unwrap(), Uploaded::Bytes("two".into()));
}

#[tokio::test]
async fn largest_file_is_read_and_published_unchanged() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let bytes: Bytes = (0..25 << 20).map(|i: u32| i.to_le_bytes()[1]).collect();
    storage.upload(&id, bytes.clone()).await;
    let Uploaded::Bytes(read) = storage.bucket().read_upload(&id, 25 << 20).await.unwrap() else {
        panic!("the upload was not read")
    };
    let key = storage.bucket().publish(&id, &read, "video/mp4", "inline").await.unwrap();
    assert!(storage.object(&key).await.into_body() == bytes);
}

//! Tests of failing calls to S3. A call that fails once is retried. If a call keeps failing, its error says whether the
//! failure is temporary.

use contract::{ApiError, FileId};
use files::{Error, Uploaded};
use testkit::{Fault, Storage, once};

#[tokio::test]
async fn every_call_succeeds_after_one_lost_answer() {
    let (storage, id) = (Storage::create().await, FileId::new());
    storage.upload(&id, "12345").await;
    let lossy = async |method: &'static str| {
        let lossy = storage.through(once(move |call| call.operation == method, |_| Fault::LoseAnswer)).await;
        lossy.bucket()
    };
    lossy("HEAD").await.warm_up().await.unwrap();
    assert_eq!(lossy("GET").await.read_upload(&id, 5).await.unwrap(), Uploaded::Bytes("12345".into()));
    let file = lossy("PUT").await.publish(&id, &"12345".into(), "text/plain", "inline").await.unwrap();
    let thumbnail = lossy("PUT").await.publish_thumbnail(&id, &"12345".into()).await.unwrap();
    assert_eq!(storage.keys().await, [file.clone(), thumbnail, format!("uploads/{id}")]);
    lossy("DELETE").await.unpublish(&file).await.unwrap();
    assert_eq!(storage.object(&file).await.status(), 404);
}

#[tokio::test]
async fn throttling_and_server_errors_are_unavailable_and_refusals_are_not() {
    let (storage, id) = (Storage::create().await, FileId::new());
    for (code, retryable) in [
        ("SlowDown", true),
        ("InternalError", true),
        ("ServiceUnavailable", true),
        ("RequestTimeout", true),
        ("OperationAborted", true),
        ("AccessDenied", false),
        ("NoSuchBucket", false),
        ("InvalidAccessKeyId", false),
    ] {
        let refusing = storage.through(move |_| Fault::Refuse(code)).await.bucket();
        for error in [
            refusing.read_upload(&id, 5).await.unwrap_err(),
            refusing.publish(&id, &"private".into(), "text/plain", "inline").await.unwrap_err(),
            refusing.unpublish("files/file_1/abc").await.unwrap_err(),
        ] {
            assert_eq!(matches!(error, Error::Unavailable(_)), retryable, "{error}");
            let text = error.to_string();
            assert!(text.contains(code) && !text.contains("private"), "{text}");
            assert_eq!(matches!(ApiError::from(error), ApiError::Unavailable(_)), retryable);
        }
    }
    assert_eq!(storage.keys().await, [""; 0]);
}

#[tokio::test]
async fn call_that_is_throttled_once_is_retried() {
    let (storage, id) = (Storage::create().await, FileId::new());
    let busy = storage.through(once(|call| call.is("PUT", "files/"), |_| Fault::Refuse("SlowDown"))).await;
    let key = busy.bucket().publish(&id, &"12345".into(), "text/plain", "inline").await.unwrap();
    assert_eq!(storage.keys().await, [key]);
}

#[tokio::test]
async fn interrupted_download_of_an_upload_is_unavailable_and_not_another_size() {
    let (storage, id) = (Storage::create().await, FileId::new());
    storage.upload(&id, "12345").await;
    let cut = storage.through(once(|call| call.operation == "GET", |_| Fault::CutAnswer)).await.bucket();
    let error = cut.read_upload(&id, 5).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert_eq!(cut.read_upload(&id, 5).await.unwrap(), Uploaded::Bytes("12345".into()));
}

#[tokio::test]
async fn missing_answers_are_unavailable() {
    let storage = Storage::create().await.through(|_| Fault::LoseAnswer).await;
    let error = storage.bucket().warm_up().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn warm_up_without_permission_is_refused() {
    let storage = Storage::create().await.through(|_| Fault::Refuse("AccessDenied")).await;
    let error = storage.bucket().warm_up().await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
}

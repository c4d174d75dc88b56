//! Tests what files-process does if files-decode crashes, does not run, or gives an answer that it must not trust.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::{ApiError, FileStatus};
use files_process::handle;
use serde_json::{Value, json};
use testkit::{Invoked, Lambda};

use crate::{Fixture, WHITE};

impl Fixture {
    /// Handles the upload's event with a files-decode that gives the result of `function`.
    async fn handle_with(&self, function: fn() -> Invoked) -> Result<(), ApiError> {
        let lambda = Lambda::start(move |_| async move { function() }).await;
        handle(&self.deps_with_lambda(&self.tables, &self.storage, &self.queue, &lambda), self.upload_event()).await
    }
}

#[tokio::test]
async fn file_fails_after_five_attempts_without_a_valid_answer() {
    for function in [|| Invoked::Crashed, || Invoked::Returned(Value::Null)] {
        let fixture = Fixture::new().await;
        fixture.upload(WHITE).await;
        for attempt in 1..5 {
            let error = fixture.handle_with(function).await.unwrap_err();
            assert!(error.to_string().contains(&format!("attempt {attempt} of 5")), "{error}");
            assert_eq!(fixture.file_row().await.status, FileStatus::Pending);
        }
        fixture.handle_with(function).await.unwrap();
        assert_eq!(fixture.file_row().await.status, FileStatus::Failed);
        assert_eq!(fixture.received("phone"), [FileStatus::Failed]);
        // A later event does not change the recorded outcome.
        fixture.handle(fixture.upload_event()).await.unwrap();
        assert_eq!((fixture.file_row().await.status, fixture.published_keys().await), (FileStatus::Failed, vec![]));
    }
}

#[tokio::test]
async fn file_is_ready_after_four_crashes() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    for _ in 1..5 {
        fixture.handle_with(|| Invoked::Crashed).await.unwrap_err();
    }
    fixture.handle(fixture.upload_event()).await.unwrap();
    fixture.assert_consistent(&fixture.file_row().await).await;
    assert_eq!(fixture.received("phone"), [FileStatus::Ready]);
}

#[tokio::test]
async fn failures_that_are_not_the_uploads_fault_do_not_count_as_attempts() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    for _ in 0..6 {
        let unavailable = || Invoked::Returned(json!({"result": "unavailable"}));
        fixture.handle_with(unavailable).await.unwrap_err();
    }
    fixture.handle(fixture.upload_event()).await.unwrap();
    assert_eq!(fixture.file_row().await.status, FileStatus::Ready);
}

#[tokio::test]
async fn throttled_invocation_is_repeated() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let lambda = Lambda::start(move |_| {
        let throttled = counted.fetch_add(1, Ordering::SeqCst) < 2;
        let missing = json!({"result": "refused", "reason": "No."});
        async move { if throttled { Invoked::Throttled } else { Invoked::Returned(missing) } }
    })
    .await;
    let deps = fixture.deps_with_lambda(&fixture.tables, &fixture.storage, &fixture.queue, &lambda);
    handle(&deps, fixture.upload_event()).await.unwrap();
    assert_eq!((calls.load(Ordering::SeqCst), fixture.file_row().await.status), (3, FileStatus::Failed));
}

#[tokio::test]
async fn keys_of_another_file_are_not_recorded() {
    let fixture = Fixture::new().await;
    let published = || {
        let key = format!("files/file_of_somebody_else/{}", "0".repeat(64));
        Invoked::Returned(json!({"result": "published", "original": key, "thumbnail": null}))
    };
    fixture.handle_with(published).await.unwrap_err();
    assert_eq!(fixture.file_row().await.status, FileStatus::Pending);
}

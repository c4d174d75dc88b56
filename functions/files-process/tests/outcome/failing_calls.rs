//! Makes each AWS call of files-process fail once. After a retry, the file must have the same outcome as without the
//! failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::FileStatus;
use files_process::{Deps, handle};
use testkit::{Fault, Intercepted, send_with_files};

use crate::{Fixture, WHITE, lambda};

/// AWS services whose calls the tests can make fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Lambda,
    S3,
    Sqs,
}

impl Service {
    /// Returns the code of a permanent error, because the SDK would retry a transient one by itself.
    fn permanent_error(self) -> &'static str {
        match self {
            Self::DynamoDb => "com.amazon.coral.service#AccessDeniedException",
            Self::Lambda | Self::S3 => "AccessDenied",
            Self::Sqs => "com.amazonaws.sqs#AccessDenied",
        }
    }
}

/// How an AWS call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The service refuses the call. The call has no effect.
    Refused,
    /// The call takes effect, but its answer is lost.
    AnswerLost,
}

/// Returns handler dependencies whose call number `nth` to `service` fails (the first call is 0), and a counter of the
/// calls to `service`.
pub(crate) async fn failing_deps(
    fixture: &Fixture,
    service: Service,
    nth: usize,
    failure: Failure,
) -> (Deps, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let fault = move |_: &Intercepted| {
        if counted.fetch_add(1, Ordering::SeqCst) != nth {
            return Fault::Pass;
        }
        match failure {
            Failure::Refused => Fault::Refuse(service.permanent_error()),
            Failure::AnswerLost => Fault::LoseAnswer,
        }
    };
    let Fixture { tables, storage, queue, .. } = fixture;
    let deps = match service {
        Service::DynamoDb => fixture.deps_with(&tables.through(fault).await, storage, queue).await,
        Service::Lambda => {
            let lambda = lambda(storage, false).await.through(fault).await;
            fixture.deps_with_lambda(tables, storage, queue, &lambda)
        }
        Service::S3 => fixture.deps_with(tables, &storage.through(fault).await, queue).await,
        Service::Sqs => fixture.deps_with(tables, storage, &queue.through(fault).await).await,
    };
    (deps, calls)
}

#[tokio::test]
async fn upload_is_ready_after_a_retry_whichever_call_fails() {
    for service in [Service::DynamoDb, Service::Lambda, Service::S3] {
        for failure in [Failure::Refused, Failure::AnswerLost] {
            for nth in 0.. {
                let fixture = Fixture::new().await;
                fixture.upload(WHITE).await;
                let ids = std::slice::from_ref(&fixture.file.id);
                send_with_files(&fixture.tables.chat(), "user-sarah", &fixture.thread, "", ids).await;
                let (deps, calls) = failing_deps(&fixture, service, nth, failure).await;
                let failed = handle(&deps, fixture.upload_event()).await.is_err();
                let at = format!("{service:?} {failure:?} {nth}");
                if calls.load(Ordering::SeqCst) <= nth {
                    assert!(nth >= 1 && !failed, "{at}");
                    break;
                }
                assert!(!failed || failure == Failure::Refused, "the SDK retries after a lost answer: {at}");
                fixture.handle(fixture.upload_event()).await.unwrap();
                let file = fixture.file_row().await;
                assert_eq!((file.status, file.announced), (FileStatus::Ready, true), "{at}");
                fixture.assert_consistent(&file).await;
                assert_eq!(fixture.published_keys().await.len(), 2, "{at}");
                for connection in ["phone", "tablet"] {
                    assert_eq!(fixture.received(connection).last(), Some(&FileStatus::Ready), "{at}: {connection}");
                }
            }
        }
    }
}

#[tokio::test]
async fn missing_upload_fails_after_a_retry_whichever_call_fails() {
    for service in [Service::DynamoDb, Service::Lambda, Service::S3, Service::Sqs] {
        for nth in 0..6 {
            let fixture = Fixture::new().await;
            // The upload window is not over yet, so the function sends the next reminder.
            let (deps, _) = failing_deps(&fixture, service, nth, Failure::Refused).await;
            if handle(&deps, fixture.reminder_event()).await.is_err() {
                fixture.handle(fixture.reminder_event()).await.unwrap();
            }
            assert_eq!(fixture.queue.sent().len(), 1, "{service:?} {nth}");
            fixture.set_age(30).await;
            let (deps, _) = failing_deps(&fixture, service, nth, Failure::Refused).await;
            if handle(&deps, fixture.reminder_event()).await.is_err() {
                fixture.handle(fixture.reminder_event()).await.unwrap();
            }
            let file = fixture.file_row().await;
            assert_eq!((file.status, file.announced), (FileStatus::Failed, true), "{service:?} {nth}");
            assert_eq!(fixture.received("phone").last(), Some(&FileStatus::Failed), "{service:?} {nth}");
        }
    }
}

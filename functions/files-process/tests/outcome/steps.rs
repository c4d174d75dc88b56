//! Each call that the function makes fails once: whatever it was, trying again leads to the same end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::FileStatus;
use files_process::Process;
use testkit::{Fault, Intercepted, send_with_files};

use crate::{WHITE, World};

/// The services that the function calls, and what each says to a call that it refuses for good. (What passes, the SDK
/// tries again by itself.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    S3,
    Sqs,
}

impl Service {
    fn refusal(self) -> &'static str {
        match self {
            Self::DynamoDb => "com.amazon.coral.service#AccessDeniedException",
            Self::S3 => "AccessDenied",
            Self::Sqs => "com.amazonaws.sqs#AccessDenied",
        }
    }
}

/// What happens to the call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is refused and has no effect.
    Refused,
    /// It takes effect, and nobody learns of it.
    AnswerLost,
}

/// The function, with the `nth` call to a service failing; and how many calls there have been so far.
pub(crate) async fn failing(
    world: &World,
    service: Service,
    nth: usize,
    failure: Failure,
) -> (Process, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let fault = move |_: &Intercepted| {
        if counted.fetch_add(1, Ordering::SeqCst) != nth {
            return Fault::Pass;
        }
        match failure {
            Failure::Refused => Fault::Refuse(service.refusal()),
            Failure::AnswerLost => Fault::LoseAnswer,
        }
    };
    let World { tables, storage, queue, .. } = world;
    let process = match service {
        Service::DynamoDb => world.process_on(&tables.through(fault).await, storage, queue),
        Service::S3 => world.process_on(tables, &storage.through(fault).await, queue),
        Service::Sqs => world.process_on(tables, storage, &queue.through(fault).await),
    };
    (process, calls)
}

#[tokio::test]
async fn an_upload_is_settled_whichever_call_fails() {
    for service in [Service::DynamoDb, Service::S3] {
        for failure in [Failure::Refused, Failure::AnswerLost] {
            for nth in 0.. {
                let world = World::new().await;
                world.upload(WHITE).await;
                let ids = std::slice::from_ref(&world.file.id);
                send_with_files(&world.tables.chat(), "user-sarah", &world.thread, "", ids).await;
                let (process, calls) = failing(&world, service, nth, failure).await;
                let failed = process.handle(world.uploaded()).await.is_err();
                let at = format!("{service:?} {failure:?} {nth}");
                if calls.load(Ordering::SeqCst) <= nth {
                    assert!(nth >= 3 && !failed, "{at}");
                    break;
                }
                assert!(!failed || failure == Failure::Refused, "the SDK asks again where an answer was lost: {at}");
                world.handle(world.uploaded()).await.unwrap();
                let file = world.now().await;
                assert_eq!((file.status, file.announced), (FileStatus::Ready, true), "{at}");
                world.assert_whole(&file).await;
                assert_eq!(world.published().await.len(), 2, "{at}");
                for connection in ["phone", "tablet"] {
                    assert_eq!(world.heard(connection).last(), Some(&FileStatus::Ready), "{at}: {connection}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_file_never_uploaded_is_failed_whichever_call_fails() {
    for service in [Service::DynamoDb, Service::S3, Service::Sqs] {
        for nth in 0..6 {
            let world = World::new().await;
            // Early, so that the next reminder has to be sent.
            let (process, _) = failing(&world, service, nth, Failure::Refused).await;
            if process.handle(world.reminder()).await.is_err() {
                world.handle(world.reminder()).await.unwrap();
            }
            assert_eq!(world.queue.sent().len(), 1, "{service:?} {nth}");
            world.wait(30).await;
            let (process, _) = failing(&world, service, nth, Failure::Refused).await;
            if process.handle(world.reminder()).await.is_err() {
                world.handle(world.reminder()).await.unwrap();
            }
            let file = world.now().await;
            assert_eq!((file.status, file.announced), (FileStatus::Failed, true), "{service:?} {nth}");
            assert_eq!(world.heard("phone").last(), Some(&FileStatus::Failed), "{service:?} {nth}");
        }
    }
}

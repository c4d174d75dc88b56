//! Tests the erasure of files: what files-process deletes after a message with the file was deleted, in every order of
//! deletion, processing, failures and retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::FileStatus;
use files_process::{Event, handle};
use serde_json::{Value, json};
use store::Change;
use testkit::{Fault, Intercepted, caller, change, new_file, once, send_with_files, set_picture};

use crate::failing_calls::{Failure, Service, failing_deps};
use crate::{BLACK, Fixture, WHITE};

impl Fixture {
    /// Sends the file to the thread. Returns the message's number.
    async fn send_file(&self) -> u64 {
        let ids = std::slice::from_ref(&self.file.id);
        send_with_files(&self.tables.chat(), "user-sarah", &self.thread, "", ids).await.seq
    }

    /// Deletes a message. Returns the event that asks for the erasure of its files.
    async fn delete(&self, seq: u64) -> Event {
        let message = change(&self.tables.chat(), "user-sarah", &self.thread, seq, Change::Delete).await;
        self.erasure_event(message.rev)
    }

    fn erasure_event(&self, rev: u64) -> Event {
        task(&json!({"threadId": self.thread.id, "rev": rev}))
    }

    /// Returns the number of files that the row of the deletion with the revision `rev` still names.
    async fn files_to_erase(&self, rev: u64) -> usize {
        self.tables.chat().revision(&self.thread.id, rev).await.unwrap().unwrap().file_ids.len()
    }

    async fn assert_erased(&self, at: &str) {
        assert_eq!(self.storage.keys().await, [""; 0], "{at}");
        let file = self.file_row().await;
        assert!(file.is_erased() && file.name.is_empty() && file.status == FileStatus::Failed, "{at}: {file:?}");
    }
}

/// Returns an event of the function's queue with the given body.
fn task(body: &Value) -> Event {
    let mut event: Value =
        serde_json::from_str(include_str!("../../../../events/files-process-reminder.json")).unwrap();
    event["Records"][0]["body"] = json!(body.to_string());
    serde_json::from_value(event).unwrap()
}

#[tokio::test]
async fn all_objects_of_a_deleted_messages_files_are_deleted_and_no_others() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    let bucket = fixture.storage.bucket();
    // An attempt that published other bytes and then crashed has left an object, which must be deleted. An object of
    // another file, whose ID starts with this file's ID, must stay.
    bucket.publish(&fixture.file.id, &BLACK.into(), "image/gif", "inline").await.unwrap();
    let longer = contract::FileId::parse(&format!("{}0", fixture.file.id)).unwrap();
    bucket.publish(&longer, &WHITE.into(), "image/gif", "inline").await.unwrap();
    fixture.storage.upload(&longer, WHITE).await;
    bucket.publish_thumbnail(&longer, &"jpeg".into()).await.unwrap();
    assert_eq!(fixture.storage.keys().await.len(), 7);
    let seq = fixture.send_file().await;
    let erasure = fixture.delete(seq).await;
    fixture.handle(erasure).await.unwrap();
    let kept = fixture.storage.keys().await;
    assert!(kept.len() == 3 && kept.iter().all(|key| key.contains(longer.as_str())), "{kept:?}");
    assert_eq!(fixture.files_to_erase(1).await, 0);
    // The queue may deliver the request again. A repeated request deletes nothing more.
    fixture.handle(fixture.erasure_event(1)).await.unwrap();
    assert_eq!(fixture.storage.keys().await, kept);
    let statuses = fixture.received("tablet");
    assert!(!statuses.contains(&FileStatus::Failed), "an erased file must not be announced as failed: {statuses:?}");
}

#[tokio::test]
async fn file_that_another_message_uses_stays_until_that_message_is_deleted_too() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    let other = new_file(&fixture.tables.chat(), "user-sarah", "b.gif", "image/gif", 1).await;
    fixture.storage.upload(&other.id, WHITE).await;
    let both = [fixture.file.id.clone(), other.id.clone()];
    send_with_files(&fixture.tables.chat(), "user-sarah", &fixture.thread, "", &both).await;
    let second = fixture.send_file().await;
    let erasure = fixture.delete(1).await;
    fixture.handle(erasure).await.unwrap();
    assert_eq!(fixture.files_to_erase(1).await, 0);
    assert!(fixture.storage.keys().await.iter().all(|key| !key.contains(other.id.as_str())));
    let file = fixture.file_row().await;
    assert_eq!(file.status, FileStatus::Ready);
    fixture.assert_consistent(&file).await;
    let erasure = fixture.delete(second).await;
    fixture.handle(erasure).await.unwrap();
    fixture.assert_erased("after the second deletion").await;
}

#[tokio::test]
async fn erasure_of_a_missing_revision_and_a_malformed_task_fail() {
    let fixture = Fixture::new().await;
    let error = fixture.handle(fixture.erasure_event(7)).await.unwrap_err();
    assert!(error.to_string().contains("revision 7"), "{error}");
    for malformed in [json!({"rev": 7}), json!({"threadId": "x", "rev": 7}), json!(null)] {
        assert!(fixture.handle(task(&malformed)).await.is_err(), "{malformed}");
    }
}

#[tokio::test]
async fn pending_file_of_a_deleted_message_is_never_published_or_announced() {
    // The upload arrives before the deletion, between the deletion and the erasure, after the erasure, or never.
    for uploaded in 0..4 {
        let fixture = Fixture::new().await;
        let seq = fixture.send_file().await;
        let upload = async |step| {
            if step == uploaded {
                fixture.upload(WHITE).await;
            }
        };
        upload(0).await;
        let erasure = fixture.delete(seq).await;
        upload(1).await;
        fixture.handle(erasure).await.unwrap();
        upload(2).await;
        for event in [fixture.upload_event(), fixture.reminder_event(), fixture.erasure_event(1)] {
            fixture.handle(event).await.unwrap();
        }
        fixture.assert_erased(&format!("uploaded at step {uploaded}")).await;
        assert_eq!((fixture.received("phone"), fixture.received("tablet")), (vec![], vec![]));
        assert!(fixture.queue.sent().is_empty(), "an erased file needs no reminder");
    }
}

/// Processes the upload. Deletes the file's message before call number `nth` to `service` (the first call is 0), and
/// with `erase_at_once` also processes the erasure at this time. Returns false if there were not so many calls.
async fn delete_during_processing(service: Service, nth: usize, erase_at_once: bool) -> bool {
    let fixture = Arc::new(Fixture::new().await);
    fixture.upload(WHITE).await;
    let seq = fixture.send_file().await;
    let (calls, during) = (Arc::new(AtomicUsize::new(0)), fixture.clone());
    let counted = calls.clone();
    let fault = move |_: &Intercepted| {
        if counted.fetch_add(1, Ordering::SeqCst) != nth {
            return Fault::Pass;
        }
        let fixture = during.clone();
        Fault::After(Box::pin(async move {
            let erasure = fixture.delete(seq).await;
            if erase_at_once {
                fixture.handle(erasure).await.unwrap();
            }
        }))
    };
    let Fixture { tables, storage, queue, .. } = &*fixture;
    let deps = match service {
        Service::DynamoDb => fixture.deps_with(&tables.through(fault).await, storage, queue).await,
        Service::S3 => fixture.deps_with(tables, &storage.through(fault).await, queue).await,
        Service::Lambda => {
            let lambda = crate::lambda(storage, false).await.through(fault).await;
            fixture.deps_with_lambda(tables, storage, queue, &lambda)
        }
        Service::Sqs => panic!("processing an upload makes no calls to SQS"),
    };
    handle(&deps, fixture.upload_event()).await.unwrap();
    let at = format!("{service:?} {nth}");
    if calls.load(Ordering::SeqCst) <= nth {
        return false;
    }
    if !erase_at_once {
        fixture.handle(fixture.erasure_event(1)).await.unwrap();
    }
    fixture.assert_erased(&at).await;
    assert_eq!(fixture.files_to_erase(1).await, 0, "{at}");
    true
}

#[tokio::test]
async fn file_whose_message_is_deleted_during_any_step_of_processing_is_erased() {
    for service in [Service::DynamoDb, Service::Lambda, Service::S3] {
        for erase_at_once in [true, false] {
            let mut calls = 0;
            while delete_during_processing(service, calls, erase_at_once).await {
                calls += 1;
            }
            assert!(calls >= 1, "{service:?} was not called");
        }
    }
}

#[tokio::test]
async fn file_is_erased_after_a_retry_whichever_call_of_the_erasure_fails() {
    for service in [Service::DynamoDb, Service::S3] {
        for failure in [Failure::Refused, Failure::AnswerLost] {
            for nth in 0.. {
                let fixture = Fixture::new().await;
                fixture.upload(WHITE).await;
                fixture.handle(fixture.upload_event()).await.unwrap();
                let seq = fixture.send_file().await;
                let erasure = fixture.delete(seq).await;
                let (deps, calls) = failing_deps(&fixture, service, nth, failure).await;
                let failed = handle(&deps, erasure).await.is_err();
                let at = format!("{service:?} {failure:?} {nth}");
                if calls.load(Ordering::SeqCst) <= nth {
                    assert!(nth >= 2 && !failed, "{at}");
                    break;
                }
                assert!(!failed || failure == Failure::Refused, "the SDK retries after a lost answer: {at}");
                assert_eq!(fixture.files_to_erase(1).await, usize::from(failed), "{at}");
                fixture.handle(fixture.erasure_event(1)).await.unwrap();
                fixture.assert_erased(&at).await;
                assert_eq!(fixture.files_to_erase(1).await, 0, "{at}");
            }
        }
    }
}

/// The file is erased before its upload arrives. files-decode publishes the upload, but files-process ends before it
/// records an outcome. So only the retry of the upload's event can delete the objects.
#[tokio::test]
async fn objects_of_an_attempt_that_crashed_are_deleted_by_the_retry() {
    let fixture = Fixture::new().await;
    let seq = fixture.send_file().await;
    let erasure = fixture.delete(seq).await;
    fixture.handle(erasure).await.unwrap();
    fixture.upload(WHITE).await;
    let bucket = fixture.storage.bucket();
    bucket.publish(&fixture.file.id, &WHITE.into(), "image/gif", "inline").await.unwrap();
    bucket.publish_thumbnail(&fixture.file.id, &"jpeg".into()).await.unwrap();
    let refused = |_: &Intercepted| Fault::Refuse("AccessDenied");
    let storage = fixture.storage.through(once(|call| call.operation == "DELETE", refused)).await;
    let deps = fixture.deps_with(&fixture.tables, &storage, &fixture.queue).await;
    assert!(handle(&deps, fixture.upload_event()).await.is_err());
    handle(&deps, fixture.upload_event()).await.unwrap();
    fixture.assert_erased("after the retry").await;
}

/// me-update sends a reminder for the file of a picture before it replaces the picture, so the reminder may arrive
/// although the picture was not replaced.
#[tokio::test]
async fn reminder_erases_the_file_of_a_replaced_picture_and_nothing_before() {
    let fixture = Fixture::new().await;
    fixture.upload(WHITE).await;
    fixture.handle(fixture.upload_event()).await.unwrap();
    let (chat, sarah) = (fixture.tables.chat(), caller("user-sarah").profile());
    set_picture(&chat, &sarah, Some(&fixture.file.id)).await.unwrap().unwrap();
    // The file stays, because it is still Sarah's picture, after the erasure of a message with the same file and after
    // the reminder of a replacement that was not committed.
    let seq = fixture.send_file().await;
    let erasure = fixture.delete(seq).await;
    for event in [erasure, fixture.reminder_event()] {
        fixture.handle(event).await.unwrap();
        let file = fixture.file_row().await;
        assert_eq!(file.status, FileStatus::Ready);
        fixture.assert_consistent(&file).await;
    }
    assert_eq!(fixture.files_to_erase(1).await, 0);
    set_picture(&chat, &sarah, None).await.unwrap().unwrap();
    for _ in 0..2 {
        fixture.handle(fixture.reminder_event()).await.unwrap();
        fixture.assert_erased("after the picture was removed").await;
    }
}

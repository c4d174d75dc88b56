//! Runs random sequences of uploads, S3 events, reminders and messages, some of them concurrent and with failing AWS
//! calls. Every file must get one outcome, which is pushed to its owner and to its threads.

use contract::{ApiError, FileStatus};
use futures::future::join_all;
use proptest::prelude::*;
use serde_json::json;
use store::MessageRate;
use testkit::{call, caller, links};

use crate::failing_calls::{Failure, Service, failing_deps};
use crate::{BLACK, BROKEN, Fixture, WHITE};

#[derive(Debug, Clone)]
enum Step {
    /// The client uploads the given bytes.
    Upload(&'static [u8]),
    /// S3's event of the upload arrives, perhaps late or again. `Some` names the AWS call that fails while
    /// files-process handles the event.
    Event(Option<(Service, usize, Failure)>),
    /// The reminder arrives: the queue message that makes files-process check on the file after its upload window.
    Reminder,
    /// Sarah sends the file to the thread in a message.
    Send,
}

fn step() -> impl Strategy<Value = Step> {
    let service = prop_oneof![Just(Service::DynamoDb), Just(Service::Lambda), Just(Service::S3)];
    let failure = prop_oneof![Just(Failure::Refused), Just(Failure::AnswerLost)];
    let fault = proptest::option::of((service, 0..8_usize, failure));
    prop_oneof![
        3 => prop_oneof![Just(WHITE), Just(BLACK), Just(BROKEN)].prop_map(Step::Upload),
        4 => fault.prop_map(Step::Event),
        1 => Just(Step::Reminder),
        2 => Just(Step::Send),
    ]
}

impl Fixture {
    async fn run_step(&self, step: &Step) -> Result<(), ApiError> {
        match step {
            Step::Upload(bytes) => self.upload(bytes).await,
            Step::Event(None) => self.handle(self.upload_event()).await?,
            Step::Event(Some((service, nth, failure))) => {
                let (deps, _) = failing_deps(self, *service, *nth, *failure).await;
                files_process::handle(&deps, self.upload_event()).await?;
            }
            Step::Reminder => self.handle(self.reminder_event()).await?,
            Step::Send => self.send().await?,
        }
        Ok(())
    }

    /// Sends the file to the thread through messages-send, which refuses a failed file.
    async fn send(&self) -> Result<(), ApiError> {
        let sample = include_str!("../../../../events/messages-send.json");
        let call = call(sample, &caller("user-sarah"), |event| {
            event["pathParameters"]["threadId"] = json!(self.thread.id);
            event["headers"].as_object_mut().unwrap().remove("idempotency-key");
            event["body"] = json!(json!({"fileIds": [self.file.id]}).to_string());
        });
        let push = self.management.push(self.tables.connections());
        let deps = messages_send::Deps { chat: self.tables.chat(), push, links: links(), rate: MessageRate::new(100) };
        messages_send::handle(&deps, call).await.map(drop)
    }
}

async fn run(steps: Vec<Vec<Step>>) {
    let fixture = Fixture::new().await;
    let mut recorded = None;
    for concurrent in &steps {
        let results = join_all(concurrent.iter().map(|step| fixture.run_step(step))).await;
        for (step, result) in concurrent.iter().zip(results) {
            let may_fail = matches!(step, Step::Event(Some(_)))
                || matches!((step, &result), (Step::Send, Err(ApiError::Problem(_))));
            assert!(result.is_ok() || may_fail, "{step:?}: {result:?}");
        }
        // A recorded outcome must never change, and the published objects must match it.
        let file = fixture.file_row().await;
        fixture.assert_consistent(&file).await;
        let outcome = (file.status != FileStatus::Pending).then(|| file.details(&links()));
        assert!(recorded.is_none() || recorded == outcome, "the outcome changed from {recorded:?} to {outcome:?}");
        recorded = outcome;
    }
    // The last reminder arrives 30 minutes after the file was created, when a pending file must get its outcome.
    fixture.set_age(30).await;
    fixture.handle(fixture.reminder_event()).await.unwrap();
    let file = fixture.file_row().await;
    assert!(file.status != FileStatus::Pending && file.announced, "{file:?}");
    fixture.assert_consistent(&file).await;
    let owners = fixture.received("phone");
    assert!(
        !owners.is_empty() && owners.iter().all(|status| *status == file.status),
        "pushed to the owner: {owners:?}"
    );
    // The tablet is subscribed to the thread. If the tablet received the file in a message, it must have received the
    // file's outcome, too.
    let threads = fixture.received("tablet");
    assert!(threads.is_empty() || threads.last() == Some(&file.status), "pushed to the thread: {threads:?}");
    let no_fault = !steps.iter().flatten().any(|step| matches!(step, Step::Event(Some(_))));
    let expected = if file.status == FileStatus::Ready { 2 } else { 0 };
    assert!(!no_fault || fixture.published_keys().await.len() == expected, "unused objects were not removed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_steps_has_one_outcome_that_is_pushed(
        steps in proptest::collection::vec(proptest::collection::vec(step(), 1..4), 1..6)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}

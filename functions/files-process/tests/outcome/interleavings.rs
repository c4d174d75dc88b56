//! Uploads, storage events, reminders and messages in any order and side by side, with a call failing here and there:
//! the outcome is one, and everybody knows it.

use contract::{ApiError, FileStatus};
use futures::future::join_all;
use proptest::prelude::*;
use serde_json::json;
use testkit::{call, caller, links};

use crate::steps::{Failure, Service, failing};
use crate::{BLACK, BROKEN, WHITE, World};

#[derive(Debug, Clone)]
enum Step {
    /// The client puts bytes.
    Upload(&'static [u8]),
    /// Storage tells of an upload, perhaps of one long ago, perhaps again; a call may fail.
    Event(Option<(Service, usize, Failure)>),
    /// The reminder comes.
    Reminder,
    /// Sarah sends the file to the thread.
    Send,
}

fn step() -> impl Strategy<Value = Step> {
    let service = prop_oneof![Just(Service::DynamoDb), Just(Service::S3)];
    let failure = prop_oneof![Just(Failure::Refused), Just(Failure::AnswerLost)];
    let fault = proptest::option::of((service, 0..8_usize, failure));
    prop_oneof![
        3 => prop_oneof![Just(WHITE), Just(BLACK), Just(BROKEN)].prop_map(Step::Upload),
        4 => fault.prop_map(Step::Event),
        1 => Just(Step::Reminder),
        2 => Just(Step::Send),
    ]
}

impl World {
    async fn take(&self, step: &Step) -> Result<(), ApiError> {
        match step {
            Step::Upload(bytes) => self.upload(bytes).await,
            Step::Event(None) => self.handle(self.uploaded()).await?,
            Step::Event(Some((service, nth, failure))) => {
                failing(self, *service, *nth, *failure).await.0.handle(self.uploaded()).await?;
            }
            Step::Reminder => self.handle(self.reminder()).await?,
            Step::Send => self.send().await?,
        }
        Ok(())
    }

    /// Sends the file to the thread, as messages-send does. A file that has failed is refused.
    async fn send(&self) -> Result<(), ApiError> {
        let sample = include_str!("../../../../events/messages-send.json");
        let call = call(sample, &caller("user-sarah"), |event| {
            event["pathParameters"]["threadId"] = json!(self.thread.id);
            event["headers"].as_object_mut().unwrap().remove("idempotency-key");
            event["body"] = json!(json!({"fileIds": [self.file.id]}).to_string());
        });
        let push = self.management.push(self.tables.connections());
        messages_send::handle(&self.tables.chat(), &push, &links(), call).await.map(drop)
    }
}

async fn run(steps: Vec<Vec<Step>>) {
    let world = World::new().await;
    let mut settled = None;
    for side_by_side in &steps {
        let results = join_all(side_by_side.iter().map(|step| world.take(step))).await;
        for (step, result) in side_by_side.iter().zip(results) {
            let may_fail = matches!(step, Step::Event(Some(_)))
                || matches!((step, &result), (Step::Send, Err(ApiError::Problem(_))));
            assert!(result.is_ok() || may_fail, "{step:?}: {result:?}");
        }
        // Once settled, always so, and what is served stays the same.
        let file = world.now().await;
        world.assert_whole(&file).await;
        let outcome = (file.status != FileStatus::Pending).then(|| file.details(&links()));
        assert!(settled.is_none() || settled == outcome, "{settled:?} has become {outcome:?}");
        settled = outcome;
    }
    // In the end the reminder comes for a file whose window is over.
    world.wait(30).await;
    world.handle(world.reminder()).await.unwrap();
    let file = world.now().await;
    assert!(file.status != FileStatus::Pending && file.announced, "{file:?}");
    world.assert_whole(&file).await;
    let knows = world.heard("phone");
    assert!(!knows.is_empty() && knows.iter().all(|status| *status == file.status), "what the owner knows: {knows:?}");
    // Whoever has seen the file in a message knows what became of it.
    let knows = world.heard("tablet");
    assert!(knows.is_empty() || knows.last() == Some(&file.status), "what the thread knows: {knows:?}");
    let no_fault = !steps.iter().flatten().any(|step| matches!(step, Step::Event(Some(_))));
    let expected = if file.status == FileStatus::Ready { 2 } else { 0 };
    assert!(!no_fault || world.published().await.len() == expected, "something was published in vain, and stayed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_has_one_outcome_that_everybody_knows(
        steps in proptest::collection::vec(proptest::collection::vec(step(), 1..4), 1..6)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}

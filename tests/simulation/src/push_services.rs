//! Simulated push services, which the simulation's push-send reaches without encryption. They fail at random, and
//! answer that some devices do not exist any more.

use std::sync::Arc;
use std::time::Duration;

use contract::Timestamp;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};
use webpush::{Error, Message, PushClient, Pushed, VapidKey};

use crate::cloud::Cloud;
use crate::notifications::{ATTEMPT, Outage, Post};

/// The hosts of push services.
pub(crate) const HOSTS: [&str; 2] = ["one.push.example", "two.push.example"];

/// Time after which push-send stops waiting for a push service.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Client of the simulated push services.
pub(crate) struct SimulatedPush(Arc<Cloud>);

impl SimulatedPush {
    pub(crate) fn new(cloud: &Arc<Cloud>) -> Self {
        Self(cloud.clone())
    }
}

impl PushClient for SimulatedPush {
    fn push<'a>(&'a self, _: &'a VapidKey, message: Message<'a>, _: Timestamp) -> BoxFuture<'a, Result<Pushed, Error>> {
        let endpoint = message.endpoint.to_string();
        let content: serde_json::Value = serde_json::from_slice(message.content).expect("a notification is not JSON");
        let tag = content["notification"]["tag"].as_str().expect("a notification has no tag");
        assert!(message.topic.len() <= 32 && tag.ends_with(message.topic), "the topic is not that of the thread");
        Box::pin(async move {
            let Reply { shown, answer, time } = reply(&self.0, &endpoint);
            // `ATTEMPT` is not set in measurements of costs, which do not read the log. So any index does.
            let attempt = ATTEMPT.try_with(|attempt| *attempt).unwrap_or_default();
            self.0.trace.note(format!("a notification to {endpoint}: shown {shown}, {answer:?}"));
            let (at, logged) = (Instant::now(), answer.clone());
            self.0.notifications.log().posts.push(Post { attempt, at, endpoint, content, shown, answer: logged });
            sleep(time).await;
            Ok(answer)
        })
    }
}

/// Result of a post to a push service.
struct Reply {
    /// Whether the device receives the notification.
    shown: bool,
    answer: Pushed,
    /// Time until the answer.
    time: Duration,
}

fn reply(cloud: &Cloud, endpoint: &str) -> Reply {
    let (chance, notifications) = (&cloud.chance, &cloud.notifications);
    let fails = |answer: Pushed| {
        let time = if answer == Pushed::Unreachable { TIMEOUT } else { chance.millis(20..=300) };
        Reply { shown: false, answer, time }
    };
    let log = notifications.log();
    if log.gone.contains(endpoint) {
        notifications.asked_for_gone.notify_waiters();
        return Reply { shown: false, answer: Pushed::Gone, time: chance.millis(20..=2_000) };
    }
    let is_out = |outage: &&Outage| endpoint.contains(outage.host) && Instant::now() < outage.until;
    if let Some(outage) = log.outage.as_ref().filter(is_out) {
        return fails(outage.answer.clone());
    }
    if !cloud.faults.one_in(8, chance) {
        return Reply { shown: true, answer: Pushed::Accepted, time: chance.millis(20..=300) };
    }
    match chance.index(5) {
        0 => fails(Pushed::Later(Some(Duration::from_secs(*chance.pick(&[1, 30, 1_000]))))),
        1 => fails(Pushed::Later(None)),
        2 => fails(Pushed::Unreachable),
        3 => Reply { shown: false, answer: Pushed::Unreachable, time: Duration::ZERO },
        _ => Reply { shown: true, answer: Pushed::Unreachable, time: TIMEOUT },
    }
}

/// Chooses whether a push service is not available at the beginning of a history.
pub(crate) fn choose_outage(cloud: &Cloud) {
    let chance = &cloud.chance;
    if chance.one_in(4) {
        let later = Pushed::Later(Some(Duration::from_secs(30)));
        let answer = vec![Pushed::Unreachable, Pushed::Later(None), later].swap_remove(chance.index(3));
        let until = Instant::now() + Duration::from_secs(*chance.pick(&[15, 60, 600]));
        let outage = Outage { host: chance.pick::<&str>(&HOSTS), until, answer };
        cloud.notifications.log().outage = Some(outage);
    }
}

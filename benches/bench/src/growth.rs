//! Measures how costs grow with the amount of stored data and with the number of concurrent senders in one thread.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::Value;

use crate::fixture::{Fixture, event, message_event, thread_event};
use crate::instance::Instance;
use crate::report::{Sample, Section, figure, progress};

/// Delay of each `DynamoDB` call while several senders compete: about as long as a call takes on AWS.
const CALL_DELAY: Duration = Duration::from_millis(5);

pub(crate) async fn run(fixture: &Fixture) -> Result<Vec<Section>> {
    Ok(vec![stored_data(fixture).await?, senders(fixture).await?])
}

async fn stored_data(fixture: &Fixture) -> Result<Section> {
    let mut section = Section::new(
        "growth",
        "Growth",
        "One event on a warm instance, by the amount of data that is already stored.",
        &["function", "stored", "ms", "CPU µs", "DynamoDB calls"],
    );
    for messages in [10, 10_000, 1_000_000] {
        progress(format!("growth: a thread with {messages} messages"));
        let thread = fixture.thread_with(&format!("user-history-{messages}"), messages).await?;
        let events =
            [("messages-send", message_event(&thread)?), ("messages-list", thread_event("messages-list", &thread)?)];
        for (name, event) in events {
            measure(fixture, &mut section, name, &format!("{messages} messages"), &event).await?;
        }
    }
    // The other members of the created threads have never called the API.
    let create = fixture.debug_function("threads-create")?.with("ALLOW_UNKNOWN_MEMBERS", "yes");
    let mut create = Instance::start(&create).await?;
    for threads in [10, 1_000] {
        progress(format!("growth: {threads} threads"));
        let user = format!("user-with-{threads}-threads");
        for n in 0..threads {
            let create_one = |event: &mut Value| {
                event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user.clone().into();
                event["body"] = format!(r#"{{"memberIds":["user-other-{n}"]}}"#).into();
            };
            create.invoke_json(&event("threads-create", create_one)?).await?;
        }
        let list = event("threads-list", |event| {
            event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user.clone().into();
        })?;
        measure(fixture, &mut section, "threads-list", &format!("{threads} threads"), &list).await?;
    }
    create.kill().await?;
    Ok(section)
}

/// Invokes a warm instance with the event many times, and adds a row with the cost of one invocation.
async fn measure(fixture: &Fixture, section: &mut Section, name: &str, stored: &str, event: &Value) -> Result<()> {
    const EVENTS: u32 = 300;
    let mut instance = Instance::start(&fixture.function(name)).await?;
    for _ in 0..50 {
        instance.invoke_json(event).await?;
    }
    fixture.cloud.take_traffic();
    let (before, mut times) = (instance.usage()?, Vec::new());
    for _ in 0..EVENTS {
        times.push(instance.invoke(event).await?.took);
    }
    let cpu = (instance.usage()? - before) / EVENTS;
    let calls = fixture.cloud.take_traffic().calls_by_operation();
    #[allow(clippy::cast_precision_loss, reason = "hundreds of calls")]
    let per_event = |count: usize| figure(count as f64 / f64::from(EVENTS));
    let calls: Vec<_> = calls.into_iter().map(|(name, count)| format!("{name} {}", per_event(count))).collect();
    let cpu = figure(cpu.as_secs_f64() * 1e6);
    section.row([name.into(), stored.into(), Sample::milliseconds(times).to_string(), cpu, calls.join(", ")]);
    instance.kill().await
}

async fn senders(fixture: &Fixture) -> Result<Section> {
    let note = format!(
        "Several instances send to one thread at the same time. Each sends its next message as soon as the last one is \
         answered. DynamoDB calls take {} ms longer than the engine, about as on AWS.",
        CALL_DELAY.as_millis()
    );
    let mut section = Section::new(
        "senders",
        "Concurrent senders",
        &note,
        &["senders", "messages a second", "answer p50, ms", "answer p99, ms", "puts a message"],
    );
    for count in [1, 8, 64] {
        progress(format!("growth: {count} concurrent senders"));
        let thread = fixture.thread(&format!("user-senders-{count}")).await?;
        let event = message_event(&thread)?;
        let program = fixture.function("messages-send");
        let mut instances = try_join_all((0..count).map(|_| Instance::start(&program))).await?;
        fixture.cloud.delay_calls(CALL_DELAY);
        fixture.cloud.take_traffic();
        let (messages, start) = (if count == 1 { 200 } else { 20 }, Instant::now());
        let times = try_join_all(instances.iter_mut().map(|instance| send(instance, &event, messages))).await?;
        let (took, traffic) = (start.elapsed(), fixture.cloud.take_traffic());
        fixture.cloud.delay_calls(Duration::ZERO);
        let puts = traffic.calls_by_operation().get("PutItem").copied().unwrap_or_default();
        let times = Sample::milliseconds(times.into_iter().flatten());
        #[allow(clippy::cast_precision_loss, reason = "thousands of messages")]
        let (sent, puts) = ((count * messages) as f64, puts as f64);
        section.row([
            count.to_string(),
            figure(sent / took.as_secs_f64()),
            figure(times.median()),
            figure(times.quantile(0.99)),
            figure(puts / sent),
        ]);
        for instance in instances {
            instance.kill().await?;
        }
    }
    Ok(section)
}

/// Sends messages one after the other. Returns the time that each message took.
async fn send(instance: &mut Instance, event: &Value, messages: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..messages {
        let answer = instance.invoke(event).await?;
        anyhow::ensure!(answer.body["statusCode"] == 201, "the message was not created: {}", answer.body);
        times.push(answer.took);
    }
    Ok(times)
}

//! Whether costs grow with the past of a thread, and what many senders at once do to one.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::Value;

use crate::instance::Instance;
use crate::report::{Sample, Section, figure, progress};
use crate::world::{World, about, event, message};

/// What a call of `DynamoDB` takes, about, where senders compete.
const CALL: Duration = Duration::from_millis(5);

pub(crate) async fn run(world: &World) -> Result<Vec<Section>> {
    Ok(vec![history(world).await?, senders(world).await?])
}

async fn history(world: &World) -> Result<Section> {
    let mut section = Section::new(
        "Growth",
        "An event on a warm instance, by how much there is already. Median (quartiles) of ms, and the CPU of the function.",
        &["route", "there", "ms", "CPU µs", "calls"],
    );
    for messages in [10, 10_000, 1_000_000] {
        progress(format!("growth: a thread of {messages} messages"));
        let thread = world.thread_with(&format!("user-past-{messages}"), messages).await?;
        for (name, event) in [("messages-send", message(&thread)?), ("messages-list", about("messages-list", &thread)?)]
        {
            measure(world, &mut section, name, &format!("{messages} messages"), &event).await?;
        }
    }
    let mut create = Instance::start(&world.helper("threads-create")?).await?;
    for threads in [10, 1_000] {
        progress(format!("growth: {threads} threads"));
        let user = format!("user-of-{threads}");
        for n in 0..threads {
            let create_one = |event: &mut Value| {
                event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user.clone().into();
                event["body"] = format!(r#"{{"memberIds":["user-other-{n}"]}}"#).into();
            };
            create.ask(&event("threads-create", create_one)?).await?;
        }
        let list = event("threads-list", |event| {
            event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user.clone().into();
        })?;
        measure(world, &mut section, "threads-list", &format!("{threads} threads"), &list).await?;
    }
    create.stop().await?;
    Ok(section)
}

async fn measure(world: &World, section: &mut Section, name: &str, there: &str, event: &Value) -> Result<()> {
    const EVENTS: u32 = 300;
    let mut instance = Instance::start(&world.function(name)).await?;
    for _ in 0..50 {
        instance.ask(event).await?;
    }
    world.cloud.forget();
    let (before, mut times) = (instance.usage()?, Vec::new());
    for _ in 0..EVENTS {
        times.push(instance.invoke(event).await?.took);
    }
    let cpu = (instance.usage()? - before) / EVENTS;
    let seen = world.cloud.forget();
    #[allow(clippy::cast_precision_loss, reason = "of hundreds")]
    let each = |count: usize| figure(count as f64 / f64::from(EVENTS));
    let calls: Vec<_> = seen.operations().into_iter().map(|(name, count)| format!("{name} {}", each(count))).collect();
    let cpu = figure(cpu.as_secs_f64() * 1e6);
    section.row([name.into(), there.into(), Sample::milliseconds(times).to_string(), cpu, calls.join(", ")]);
    instance.stop().await
}

async fn senders(world: &World) -> Result<Section> {
    let note = format!(
        "Instances that send to one thread, each its next message as soon as it is answered; calls of DynamoDB take {} ms longer than \
         the engine, as they would on AWS.",
        CALL.as_millis()
    );
    let mut section = Section::new(
        "Senders at once",
        &note,
        &["senders", "messages a second", "answer p50, ms", "p99", "puts a message"],
    );
    for count in [1, 8, 64] {
        progress(format!("growth: {count} senders at once"));
        let thread = world.thread(&format!("user-beside-{count}")).await?;
        let event = message(&thread)?;
        let program = world.function("messages-send");
        let mut instances = try_join_all((0..count).map(|_| Instance::start(&program))).await?;
        world.cloud.delay_calls(CALL);
        world.cloud.forget();
        let (each, start) = (if count == 1 { 200 } else { 20 }, Instant::now());
        let times = try_join_all(instances.iter_mut().map(|instance| send(instance, &event, each))).await?;
        let (took, seen) = (start.elapsed(), world.cloud.forget());
        world.cloud.delay_calls(Duration::ZERO);
        let puts = seen.operations().get("PutItem").copied().unwrap_or_default();
        let times = Sample::milliseconds(times.into_iter().flatten());
        #[allow(clippy::cast_precision_loss, reason = "of thousands")]
        let (sent, puts) = ((count * each) as f64, puts as f64);
        section.row([
            count.to_string(),
            figure(sent / took.as_secs_f64()),
            figure(times.median()),
            figure(times.quantile(0.99)),
            figure(puts / sent),
        ]);
        for instance in instances {
            instance.stop().await?;
        }
    }
    Ok(section)
}

async fn send(instance: &mut Instance, event: &Value, times: usize) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..times {
        let answer = instance.invoke(event).await?;
        anyhow::ensure!(answer.body["statusCode"] == 201, "a sender was answered {}", answer.body);
        took.push(answer.took);
    }
    Ok(took)
}

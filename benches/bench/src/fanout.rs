//! Posts to many sockets, and what a sender and the last of the subscribers see of it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::instance::{Instance, Program};
use crate::report::{Sample, Section, figure, milliseconds, progress};
use crate::world::{World, message, rest};

const SUBSCRIBERS: [usize; 3] = [100, 1_000, 10_000];
const DELAYS: [u64; 2] = [0, 10];
const TIMES: usize = 5;

pub(crate) async fn run(world: &World) -> Result<Vec<Section>> {
    Ok(vec![posts(world).await?, receipts(world).await?])
}

async fn posts(world: &World) -> Result<Section> {
    let mut section = Section::new(
        "Fan-out",
        "From the first post of a message to the answer to the last one, 64 at once, over HTTP/1.1 without TLS; the floor has the posts \
         alone. Median (quartiles).",
        &["subscribers", "ms a post", "program", "ms", "CPU µs a post"],
    );
    for count in SUBSCRIBERS {
        let sides = [
            ("ours", world.function("messages-send"), format!("user-ours-{count}")),
            ("floor", world.floor().with("FLOOR_POSTS", count.to_string()), String::new()),
            ("peer", world.peer("messages-send"), format!("user-peer-{count}")),
        ];
        let mut heard = Vec::new();
        for (side, program, other) in sides {
            let event = if other.is_empty() {
                Value::Null
            } else {
                let thread = world.thread(&other).await?;
                world.subscribe(&thread, count)?;
                message(&thread)?
            };
            heard.push((side, program, event));
        }
        for delay in DELAYS {
            progress(format!("fan-out: {count} subscribers, {delay} ms a post"));
            world.cloud.delay_posts(Duration::from_millis(delay));
            for (side, program, event) in &heard {
                let (times, cpu) = burst(world, program, event, count).await?;
                if (*side, count, delay) == ("ours", 1_000, 10) {
                    section.goal("1 000 posts at 10 ms, ms", times.median(), 250.0);
                }
                section.row([count.to_string(), delay.to_string(), (*side).into(), times.to_string(), figure(cpu)]);
            }
        }
    }
    world.cloud.delay_posts(Duration::ZERO);
    Ok(section)
}

/// Has a message sent several times: how long its posts took, and the CPU µs of each.
async fn burst(world: &World, program: &Program, event: &Value, count: usize) -> Result<(Sample, f64)> {
    let mut instance = Instance::start(program).await?;
    let (mut times, mut cpu) = (Vec::new(), Duration::ZERO);
    // The first opens the connections.
    for time in 0..=TIMES {
        rest().await;
        world.cloud.forget();
        let before = instance.usage()?;
        instance.invoke(event).await?;
        let (seen, used) = (world.cloud.forget(), instance.usage()? - before);
        anyhow::ensure!(seen.posts.len() == count, "{}: {} posts, not {count}", program.name, seen.posts.len());
        if time > 0 {
            let first = seen.posts.iter().min().context("no post")?;
            times.push(seen.posted.context("no post")? - *first);
            cpu += used;
        }
    }
    instance.stop().await?;
    #[allow(clippy::cast_precision_loss, reason = "of some ten thousand")]
    let each = milliseconds(cpu) * 1_000.0 / (TIMES * count) as f64;
    Ok((Sample::milliseconds(times), each))
}

async fn receipts(world: &World) -> Result<Section> {
    let mut section = Section::new(
        "From the sender to the last subscriber",
        "From the event of `POST …/messages` to the post to the last subscriber, and to the sender's answer, in ms.",
        &["subscribers", "last receipt p50", "p99", "answer p50", "p99"],
    );
    for count in [1, 10, 100] {
        progress(format!("receipts: {count} subscribers"));
        let thread = world.thread(&format!("user-receipt-{count}")).await?;
        world.subscribe(&thread, count)?;
        let (event, mut instance) = (message(&thread)?, Instance::start(&world.function("messages-send")).await?);
        let (mut received, mut answered) = (Vec::new(), Vec::new());
        for time in 0..350 {
            world.cloud.forget();
            let answer = instance.invoke(&event).await?;
            if time >= 50 {
                let last = world.cloud.forget().posts.into_iter().max().context("no post")?;
                received.push(last - answer.handed);
                answered.push(answer.took);
            }
        }
        instance.stop().await?;
        let cells = [received, answered].map(Sample::milliseconds);
        let quantiles = cells.iter().flat_map(|sample| [0.5, 0.99].map(|share| figure(sample.quantile(share))));
        section.row(std::iter::once(count.to_string()).chain(quantiles));
    }
    Ok(section)
}

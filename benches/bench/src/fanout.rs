//! Measures deliveries to many connections: the cost of the posts, and the time until the last subscriber has the
//! message.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::fixture::{Fixture, message_event, pause};
use crate::instance::{Instance, Program};
use crate::report::{Sample, Section, figure, milliseconds, progress};

const SUBSCRIBERS: [usize; 3] = [100, 1_000, 10_000];

/// Time in milliseconds that `@connections` takes for each post.
const DELAYS: [u64; 2] = [0, 10];

/// Number of measured messages per row of the table "Posts".
const MESSAGES: usize = 5;

pub(crate) async fn run(fixture: &Fixture) -> Result<Vec<Section>> {
    Ok(vec![posts(fixture).await?, receipts(fixture).await?])
}

async fn posts(fixture: &Fixture) -> Result<Section> {
    let mut section = Section::new(
        "posts",
        "Posts",
        "The time from a message's first post to `@connections` until the last post is answered. Posts go out 64 at \
         once, over HTTP/1.1 without TLS. The CPU time of the function and of the peer covers the whole event; the floor \
         only sends the posts, unsigned.",
        &["subscribers", "each post takes, ms", "program", "all posts, ms", "CPU µs a post"],
    );
    for count in SUBSCRIBERS {
        let sides = [
            ("function", fixture.function("messages-send"), Some(format!("user-function-{count}"))),
            ("floor", fixture.floor().with("FLOOR_POSTS", count.to_string()), None),
            ("peer", fixture.peer_of("messages-send")?, Some(format!("user-peer-{count}"))),
        ];
        let mut programs = Vec::new();
        for (label, program, member) in sides {
            let event = match member {
                None => Value::Null,
                Some(member) => {
                    let thread = fixture.thread(&member).await?;
                    fixture.subscribe(&thread, count)?;
                    message_event(&thread)?
                }
            };
            programs.push((label, program, event));
        }
        for delay in DELAYS {
            progress(format!("fanout: {count} subscribers, {delay} ms a post"));
            fixture.cloud.delay_posts(Duration::from_millis(delay));
            for (label, program, event) in &programs {
                let (times, cpu) = send_messages(fixture, program, event, count).await?;
                if (*label, count, delay) == ("function", 1_000, 10) {
                    section.goal("1 000 posts of 10 ms each, ms", times.median(), 250.0);
                }
                section.row([count.to_string(), delay.to_string(), (*label).into(), times.to_string(), figure(cpu)]);
            }
        }
    }
    fixture.cloud.delay_posts(Duration::ZERO);
    Ok(section)
}

/// Sends [`MESSAGES`] messages to `count` subscribers. Returns how long the posts of a message took, and the CPU time
/// of each post in µs.
async fn send_messages(fixture: &Fixture, program: &Program, event: &Value, count: usize) -> Result<(Sample, f64)> {
    let mut instance = Instance::start(program).await?;
    let (mut times, mut cpu) = (Vec::new(), Duration::ZERO);
    for message in 0..=MESSAGES {
        pause().await;
        fixture.cloud.take_traffic();
        let before = instance.usage()?;
        instance.invoke(event).await?;
        let (traffic, used) = (fixture.cloud.take_traffic(), instance.usage()? - before);
        anyhow::ensure!(
            traffic.posts.len() == count,
            "{}: {} posts instead of {count}",
            program.name,
            traffic.posts.len()
        );
        // The first message is not counted, because it opens the connections to `@connections`.
        if message > 0 {
            let first = traffic.posts.iter().min().context("no post was sent")?;
            times.push(traffic.last_post_answered.context("no post was answered")? - *first);
            cpu += used;
        }
    }
    instance.kill().await?;
    #[allow(clippy::cast_precision_loss, reason = "some ten thousand posts")]
    let cpu_per_post = milliseconds(cpu) * 1_000.0 / (MESSAGES * count) as f64;
    Ok((Sample::milliseconds(times), cpu_per_post))
}

async fn receipts(fixture: &Fixture) -> Result<Section> {
    let mut section = Section::new(
        "receipts",
        "Time from the send until the last subscriber has the message",
        "The time from the event of `POST …/messages` until the last subscriber receives the post, and until the \
         sender gets the answer; in ms.",
        &["subscribers", "last receipt, p50", "last receipt, p99", "answer, p50", "answer, p99"],
    );
    for count in [1, 10, 100] {
        progress(format!("fanout: receipts of {count} subscribers"));
        let thread = fixture.thread(&format!("user-receipt-{count}")).await?;
        fixture.subscribe(&thread, count)?;
        let event = message_event(&thread)?;
        let mut instance = Instance::start(&fixture.function("messages-send")).await?;
        let (mut received, mut answered) = (Vec::new(), Vec::new());
        for message in 0..350 {
            fixture.cloud.take_traffic();
            let answer = instance.invoke(&event).await?;
            if message >= 50 {
                let last = fixture.cloud.take_traffic().posts.into_iter().max().context("no post was sent")?;
                received.push(last - answer.sent);
                answered.push(answer.took);
            }
        }
        instance.kill().await?;
        let samples = [received, answered].map(Sample::milliseconds);
        let quantiles = samples.iter().flat_map(|sample| [0.5, 0.99].map(|fraction| figure(sample.quantile(fraction))));
        section.row(std::iter::once(count.to_string()).chain(quantiles));
    }
    Ok(section)
}

//! Measures warm events: the cost of an event on an instance that has served other events before.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cloud::Traffic;
use crate::fixture::{Fixture, message_event, pause, ping_event, thread_event};
use crate::instance::{Instance, Program};
use crate::report::{Sample, Section, figure, milliseconds, progress};

/// The measured functions. All of them have a Node version to compare with.
const FUNCTIONS: [&str; 4] = ["messages-send", "messages-list", "threads-get", "ws-message"];

/// Each program first handles warm-up events that are not counted, then a fixed number of measured events per round. The
/// programs take turns, so that a temporary slowdown of the machine affects all of them.
const WARM_UP_EVENTS: usize = 200;
const ROUNDS: usize = 6;
const EVENTS: usize = 200;

/// One of the compared programs: the function, the floor or the peer.
struct Side {
    label: &'static str,
    instance: Instance,
    event: Value,
    times: Vec<Duration>,
    cpu: Duration,
    engine: Duration,
}

pub(crate) async fn run(fixture: &Fixture) -> Result<Vec<Section>> {
    let mut section = Section::new(
        "warm",
        "Warm event",
        "The time from the event to the answer. All three programs call the same DynamoDB engine, in the process of \
         the benchmark; its time is included, and a column shows it. The floor makes the function's \
         calls without an SDK.",
        &["function", "program", "ms", "CPU µs", "engine, ms", "ratio to the floor", "ratio to the peer"],
    );
    for name in FUNCTIONS {
        progress(format!("warm: {name}"));
        let mut sides = sides(fixture, name).await?;
        for round in 0..=ROUNDS {
            for side in &mut sides {
                side.run(fixture, if round == 0 { WARM_UP_EVENTS } else { EVENTS }, round > 0).await?;
            }
        }
        let medians: Vec<_> = sides.iter().map(|side| Sample::milliseconds(side.times.iter().copied())).collect();
        let [function, floor, peer] = [0, 1, 2].map(|side| medians[side].median());
        #[allow(clippy::cast_precision_loss, reason = "a few thousand events")]
        let per_event = |time: Duration| milliseconds(time) / (ROUNDS * EVENTS) as f64;
        for (side, times) in sides.iter().zip(&medians) {
            let (cpu, engine) = (figure(per_event(side.cpu) * 1_000.0), figure(per_event(side.engine)));
            let ratio_to = |other: f64| figure(times.median() / other);
            let cells = [side.label.into(), times.to_string(), cpu, engine, ratio_to(floor), ratio_to(peer)];
            section.row(std::iter::once(name.to_owned()).chain(cells));
        }
        section.goal(format!("{name}: ratio to the floor"), function / floor, 2.0);
        section.goal(format!("{name}: ratio to the peer"), function / peer, 0.3);
        for side in sides {
            side.instance.kill().await?;
        }
    }
    Ok(vec![section])
}

impl Side {
    async fn new(label: &'static str, program: &Program, event: Value) -> Result<Self> {
        let instance = Instance::start(program).await?;
        Ok(Self { label, instance, event, times: Vec::new(), cpu: Duration::ZERO, engine: Duration::ZERO })
    }

    /// Invokes the program `events` times. Records the cost only if `counts` is set.
    async fn run(&mut self, fixture: &Fixture, events: usize, counts: bool) -> Result<()> {
        pause().await;
        fixture.cloud.take_traffic();
        let before = self.instance.usage()?;
        for _ in 0..events {
            let answer = self.instance.invoke(&self.event).await?;
            if counts {
                self.times.push(answer.took);
            }
        }
        if counts {
            self.cpu += self.instance.usage()? - before;
            self.engine += fixture.cloud.take_traffic().engine;
        }
        Ok(())
    }
}

/// Starts the function, the floor and the peer, each with its own thread.
async fn sides(fixture: &Fixture, name: &str) -> Result<Vec<Side>> {
    let messages = if name == "messages-list" { 50 } else { 1 };
    let mut threads = Vec::new();
    for side in ["function", "floor", "peer"] {
        threads.push(fixture.thread_with(&format!("user-{name}-{side}"), messages).await?);
    }
    let connection = fixture.connection()?;
    let event = |thread: &str| match name {
        "messages-send" => message_event(thread),
        "ws-message" => ping_event(&connection),
        _ => thread_event(name, thread),
    };
    // The floor repeats the calls that the function makes for its third event, when the function is warm.
    let mut sample = Instance::start(&fixture.function(name)).await?;
    for _ in 0..3 {
        fixture.cloud.take_traffic();
        sample.invoke_json(&event(&threads[1])?).await?;
    }
    sample.kill().await?;
    let calls_file = crate::folder()?.join("floor-calls");
    // The thread had one message before, so the third event sent the message with seq 4.
    let mut calls = call_templates(&fixture.cloud.take_traffic(), 4);
    if name == "messages-send" {
        anyhow::ensure!(calls.contains(r#"{"N":"{SEQ}"}"#), "the calls of messages-send contain no seq: {calls}");
        // The floor counts seq from 1, so it needs a thread without messages.
        let empty = fixture.thread(&format!("user-{name}-floor-empty")).await?;
        calls = calls.replace(&threads[1], &empty);
    }
    std::fs::write(&calls_file, calls).context("cannot write the calls of the floor")?;
    let floor = fixture.floor().with("FLOOR_CALLS", calls_file.display().to_string());
    Ok(vec![
        Side::new("function", &fixture.function(name), event(&threads[0])?).await?,
        Side::new("floor", &floor, Value::Null).await?,
        Side::new("peer", &fixture.peer_of(name)?, event(&threads[2])?).await?,
    ])
}

/// Returns the recorded `DynamoDB` calls as lines for the floor: operation, tab, body. Placeholders replace the number
/// `seq`.
fn call_templates(traffic: &Traffic, seq: u64) -> String {
    let number = format!(r#""seq":{{"N":"{seq}"}}"#);
    let lines = traffic.calls.iter().map(|(operation, body)| {
        let body = String::from_utf8_lossy(body).replace(&format!("{seq:020}"), "{SEQ20}");
        format!("{operation}\t{}\n", body.replace(&number, r#""seq":{"N":"{SEQ}"}"#))
    });
    lines.collect()
}

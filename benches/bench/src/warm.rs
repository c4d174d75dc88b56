//! What an event takes on an instance that has had some.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cloud::Seen;
use crate::instance::{Instance, Program};
use crate::report::{Sample, Section, figure, milliseconds, progress};
use crate::world::{World, about, message, ping, rest};

const ROUTES: [&str; 4] = ["messages-send", "messages-list", "threads-get", "ws-message"];

/// Events before it counts, and the rounds in which the sides take turns.
const BEFORE: usize = 200;
const ROUNDS: usize = 6;
const EVENTS: usize = 200;

/// One of those that are compared.
struct Side {
    name: &'static str,
    instance: Instance,
    event: Value,
    times: Vec<Duration>,
    cpu: Duration,
    engine: Duration,
}

pub(crate) async fn run(world: &World) -> Result<Vec<Section>> {
    let mut section = Section::new(
        "Warm",
        "From the event to the answer, with the calls that it makes at an engine in the harness, whose own time is in all three. The \
         floor makes the same calls by hand. Median (quartiles).",
        &["route", "program", "ms", "CPU µs", "of it in the engine, ms", "of the floor", "of the peer"],
    );
    for name in ROUTES {
        progress(format!("warm: {name}"));
        let mut sides = sides(world, name).await?;
        for round in 0..=ROUNDS {
            for side in &mut sides {
                side.turn(world, if round == 0 { BEFORE } else { EVENTS }, round > 0).await?;
            }
        }
        let medians: Vec<_> = sides.iter().map(|side| Sample::milliseconds(side.times.iter().copied())).collect();
        let [ours, floor, peer] = [0, 1, 2].map(|side| medians[side].median());
        #[allow(clippy::cast_precision_loss, reason = "of a few thousand")]
        let each = |time: Duration| milliseconds(time) / (ROUNDS * EVENTS) as f64;
        for (side, times) in sides.iter().zip(&medians) {
            let (cpu, engine) = (figure(each(side.cpu) * 1_000.0), figure(each(side.engine)));
            let of = |other: f64| figure(times.median() / other);
            section.row([name.into(), side.name.into(), times.to_string(), cpu, engine, of(floor), of(peer)]);
        }
        section.goal(format!("{name}: of the floor"), ours / floor, 2.0);
        section.goal(format!("{name}: of the peer"), ours / peer, 0.3);
        for side in sides {
            side.instance.stop().await?;
        }
    }
    Ok(vec![section])
}

impl Side {
    async fn new(name: &'static str, program: &Program, event: Value) -> Result<Self> {
        let instance = Instance::start(program).await?;
        Ok(Self { name, instance, event, times: Vec::new(), cpu: Duration::ZERO, engine: Duration::ZERO })
    }

    async fn turn(&mut self, world: &World, events: usize, counts: bool) -> Result<()> {
        rest().await;
        world.cloud.forget();
        let before = self.instance.usage()?;
        for _ in 0..events {
            let answer = self.instance.invoke(&self.event).await?;
            if counts {
                self.times.push(answer.took);
            }
        }
        if counts {
            self.cpu += self.instance.usage()? - before;
            self.engine += world.cloud.forget().engine;
        }
        Ok(())
    }
}

/// We, the floor and the peer, each in a thread of its own.
async fn sides(world: &World, name: &str) -> Result<Vec<Side>> {
    let messages = if name == "messages-list" { 50 } else { 1 };
    let mut threads = Vec::new();
    for side in ["ours", "floor", "peer"] {
        threads.push(world.thread_with(&format!("user-{name}-{side}"), messages).await?);
    }
    let socket = world.socket()?;
    let event = |thread: &str| match name {
        "messages-send" => message(thread),
        "ws-message" => ping(&socket),
        _ => about(name, thread),
    };
    // What ours does at its third event, is what the floor does at each.
    let mut sample = Instance::start(&world.function(name)).await?;
    for _ in 0..3 {
        world.cloud.forget();
        sample.ask(&event(&threads[1])?).await?;
    }
    sample.stop().await?;
    let calls = crate::folder()?.join("floor-calls");
    let lines = templates(&world.cloud.forget(), 4);
    anyhow::ensure!(name != "messages-send" || lines.contains(r#"{"N":"{SEQ}"}"#), "no place for a number: {lines}");
    std::fs::write(&calls, lines)?;
    // The floor counts from 1: in an empty thread.
    let empty = world.thread(&format!("user-{name}-floor-empty")).await?;
    if name == "messages-send" {
        let text = std::fs::read_to_string(&calls)?.replace(&threads[1], &empty);
        std::fs::write(&calls, text)?;
    }
    let floor = world.floor().with("FLOOR_CALLS", calls.display().to_string());
    Ok(vec![
        Side::new("ours", &world.function(name), event(&threads[0])?).await?,
        Side::new("floor", &floor, Value::Null).await?,
        Side::new("peer", &world.peer(name), event(&threads[2])?).await?,
    ])
}

/// The calls with places for the number of the message, where that was `seq`.
fn templates(seen: &Seen, seq: u64) -> String {
    let number = format!(r#""seq":{{"N":"{seq}"}}"#);
    let lines = seen.calls.iter().map(|(operation, body)| {
        let body = String::from_utf8_lossy(body).replace(&format!("{seq:020}"), "{SEQ20}");
        format!("{operation}\t{}\n", body.replace(&number, r#""seq":{"N":"{SEQ}"}"#))
    });
    lines.collect()
}

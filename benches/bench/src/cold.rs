//! Measures cold starts: the time until a new instance has answered its first event, over TLS as on AWS.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::cpu_share::CpuShare;
use crate::first_event::{self, first_event};
use crate::fixture::{Fixture, pause};
use crate::instance::{Instance, Program};
use crate::report::{Sample, Section, figure, progress};
use crate::template;

/// Numbers of measured starts of each program, with a whole CPU and with a share of a CPU. The second number is
/// smaller, because the peers (the Node versions of the functions) take up to a second per start with a share.
const STARTS: usize = 15;
const STARTS_WITH_SHARE: usize = 5;

/// Lambda memory sizes in MB. Lambda gives each size a share of a CPU. The first event is measured with the same share.
const MEMORY: [u64; 3] = [128, 256, 512];

/// The functions that are also measured with a share of a CPU. Each of them has a Node version to compare with.
const WITH_SHARE: [&str; 2] = ["threads-get", "messages-send"];

struct Start {
    /// Time from the start of the process to its request for an event.
    init: Duration,
    /// Time from the event to the answer.
    first: Duration,
    cpu: Duration,
    peak_mib: f64,
    /// Number of `DynamoDB` calls by operation.
    calls: BTreeMap<String, usize>,
}

pub(crate) async fn run(fixture: &Fixture) -> Result<Vec<Section>> {
    let thread = fixture.thread("user-dad").await?;
    fixture.subscribe(&thread, 1)?;
    Ok([Some(whole_cpu(fixture, &thread).await?), shares(fixture, &thread).await?].into_iter().flatten().collect())
}

async fn whole_cpu(fixture: &Fixture, thread: &str) -> Result<Section> {
    let mut section = Section::new(
        "cold",
        "Cold start",
        "*Init* is the time from the start of the process to its request for an event; the function opens its \
         connections in it. *First* is the time from the first event to the answer. CPU time and peak memory cover \
         both. Connections use TLS, and the functions trust one root certificate.",
        &["program", "init, ms", "first, ms", "CPU ms", "peak MiB"],
    );
    let floor = start_often(fixture, "floor", &fixture.floor(), thread, None).await?;
    add_row(&mut section, "floor: no SDK, no TLS, no call", &floor);
    for name in template::functions() {
        progress(format!("cold: {name}"));
        let program = fixture.over_tls(fixture.function(&name));
        let starts = start_often(fixture, &name, &program, thread, None).await?;
        let memory = Sample::new(starts.iter().map(|start| start.peak_mib)).median();
        let cpu = Sample::milliseconds(starts.iter().map(|start| start.cpu)).median();
        let own = add_row(&mut section, &name, &starts);
        section.goal(format!("{name}: CPU of init and first event, ms"), cpu, 6.0);
        section.goal(format!("{name}: peak memory, MiB"), memory, 12.0);
        let Some(peer) = fixture.peer(&name) else { continue };
        progress(format!("cold: peer of {name}"));
        let peer = start_often(fixture, &name, &fixture.over_tls(peer), thread, None).await?;
        let calls = [&starts, &peer].map(|starts| starts.last().map(|start| &start.calls));
        ensure!(calls[0] == calls[1], "{name}: the function and its peer make different calls: {calls:?}");
        let peers = add_row(&mut section, &format!("peer of {name}"), &peer);
        section.goal(format!("{name}: init and first event, ratio to the peer"), own / peers, 0.05);
    }
    Ok(section)
}

/// Measures first events with less than a whole CPU. Returns `None` if this machine cannot limit a process's CPU.
async fn shares(fixture: &Fixture, thread: &str) -> Result<Option<Section>> {
    let columns: Vec<_> = std::iter::once("program".to_owned()).chain(MEMORY.map(|mb| format!("{mb} MB"))).collect();
    let mut section = Section::new(
        "cold-share",
        "First event with a share of a CPU",
        "The time from the first event to the answer, in ms, if the instance has the CPU share of this memory size. \
         The start before it has a whole CPU, as on Lambda.",
        &columns.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    for name in WITH_SHARE {
        let programs = [(name.to_owned(), fixture.function(name)), (format!("peer of {name}"), fixture.peer_of(name)?)];
        for (label, program) in programs {
            let mut cells = vec![label.clone()];
            for megabytes in MEMORY {
                progress(format!("cold: {label} with {megabytes} MB"));
                let share = match CpuShare::of(megabytes) {
                    Ok(share) => share,
                    Err(error) => {
                        progress(format!("no measurement with a share of a CPU: {error:#}"));
                        return Ok(None);
                    }
                };
                let program = fixture.over_tls(program.clone());
                let starts = start_often(fixture, name, &program, thread, Some(&share)).await?;
                let first = Sample::milliseconds(starts.iter().map(|start| start.first));
                cells.push(first.to_string());
                if label == name && megabytes == MEMORY[0] {
                    section.goal(format!("{name}: first event with {megabytes} MB, ms"), first.median(), 2.0);
                }
            }
            section.row(cells);
        }
    }
    Ok(Some(section))
}

/// Adds a row about a program. Returns the median of its init and first event together, in ms.
fn add_row(section: &mut Section, name: &str, starts: &[Start]) -> f64 {
    let of = |time: fn(&Start) -> Duration| Sample::milliseconds(starts.iter().map(time));
    let memory = Sample::new(starts.iter().map(|start| start.peak_mib)).median();
    let (init, first, cpu) = (of(|start| start.init), of(|start| start.first), of(|start| start.cpu));
    section.row([name.into(), init.to_string(), first.to_string(), cpu.to_string(), figure(memory)]);
    of(|start| start.init + start.first).median()
}

/// Starts the program several times and gives each instance one event. The first start is not counted, because it reads
/// the program from the disk.
async fn start_often(
    fixture: &Fixture,
    name: &str,
    program: &Program,
    thread: &str,
    share: Option<&CpuShare>,
) -> Result<Vec<Start>> {
    let times = if share.is_some() { STARTS_WITH_SHARE } else { STARTS };
    let mut starts = Vec::new();
    for _ in 0..=times {
        let event = first_event(fixture, name, thread).await?;
        pause().await;
        fixture.cloud.take_traffic();
        let mut instance = Instance::start(program).await?;
        if let Some(share) = share {
            share.add_process(instance.id()?)?;
        }
        let answer = instance.invoke(&event).await.with_context(|| {
            format!("{name}: the first event did not succeed; if it needs other data, change {}", first_event::FILE)
        })?;
        let usage = instance.usage()?;
        let calls = fixture.cloud.take_traffic().calls_by_operation();
        starts.push(Start { init: instance.init, first: answer.took, cpu: usage.cpu, peak_mib: usage.peak_mib, calls });
        instance.kill().await?;
    }
    starts.remove(0);
    Ok(starts)
}

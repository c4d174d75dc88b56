//! `bench [PART …] [--json FILE]`: measures the functions as they are deployed, beside a peer and beside what is possible,
//! and says which ratio is missed. `bench check [--update]`: what does not depend on the clock, against its limits.

mod build;
mod cloud;
mod cold;
mod counts;
mod fanout;
mod growth;
mod instance;
mod report;
mod share;
mod thumbnails;
mod tls;
mod usage;
mod warm;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::report::Section;
use crate::world::{World, root};

/// In the order of running; `build` takes the longest by far and runs only where it is named.
const PARTS: [&str; 6] = ["counts", "cold", "warm", "fanout", "growth", "thumbnails"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (mut parts, mut json_file, mut update) = (Vec::new(), None, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json_file = args.next().map(PathBuf::from),
            "--update" => update = true,
            "check" | "build" => parts.push(arg),
            part if PARTS.contains(&part) => parts.push(arg),
            other => bail!("{other} is none of {}, build, check, --json FILE, --update", PARTS.join(", ")),
        }
    }
    if parts == ["check"] {
        return counts::check(&World::new().await?, update).await;
    }
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).into();
    }
    let mut sections = Vec::new();
    for part in &parts {
        let found = measure(part).await?;
        for section in &found {
            writeln!(std::io::stdout(), "{section}")?;
        }
        sections.extend(found);
    }
    writeln!(std::io::stdout(), "{}", verdict(&sections))?;
    if let Some(file) = json_file {
        let sections: Vec<Value> = sections.iter().map(Section::json).collect();
        std::fs::write(file, format!("{:#}\n", json!({"machine": machine(), "sections": sections})))?;
    }
    Ok(())
}

/// Each part in a world of its own.
async fn measure(part: &str) -> Result<Vec<Section>> {
    match part {
        "counts" => counts::run(&World::new().await?).await,
        "cold" => cold::run(&World::new().await?).await,
        "warm" => warm::run(&World::new().await?).await,
        "fanout" => fanout::run(&World::new().await?).await,
        "growth" => growth::run(&World::new().await?).await,
        "thumbnails" => thumbnails::run().await,
        "build" => build::run().await,
        other => bail!("there is no part {other}"),
    }
}

fn verdict(sections: &[Section]) -> String {
    let goals: Vec<_> = sections.iter().flat_map(|section| &section.goals).collect();
    let missed = goals.iter().filter(|goal| !goal.is_met()).count();
    let lines: Vec<_> = goals.iter().map(ToString::to_string).collect();
    format!(
        "### Goals\n\n{}: {missed} of {} missed.\n\n| goal | measured | at most | |\n| --- | --- | --- | --- |\n{}",
        machine(),
        goals.len(),
        lines.join("\n")
    )
}

/// What it ran on.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!("{} cores, {}, {}", cpus, std::env::consts::ARCH, model.trim_start_matches([' ', '\t', ':']))
}

/// Where files go that nobody keeps.
fn folder() -> Result<PathBuf> {
    let folder = root().join(".local/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

//! Benchmarks of the deployed functions.
//!
//! `bench [PART …] [--json FILE] [--page FILE]` measures the functions, their Node versions (the peers) and the least
//! that a function could cost (the floor). It prints tables and the goals. `--json` also writes the results to a file,
//! and `--page` replaces the tables in a Markdown page.
//!
//! `bench check [--update]` compares sizes, instructions and allocations with `benches/limits.json`.

mod build;
mod cloud;
mod cold;
mod counts;
mod cpu_share;
mod fanout;
mod first_event;
mod fixture;
mod growth;
mod instance;
mod page;
mod report;
mod template;
mod thumbnails;
mod tls;
mod usage;
mod warm;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::fixture::{Fixture, repository};
use crate::report::{Section, machine};

/// The parts that run if the command line names none, in this order. `build` is not among them, because it takes the
/// longest by far.
const PARTS: &[&str] = &["counts", "cold", "warm", "fanout", "growth", "thumbnails"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (mut parts, mut json_file, mut page, mut update) = (Vec::new(), None, None, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json_file = Some(args.next().map(PathBuf::from).context("--json needs a file name")?),
            "--page" => page = Some(args.next().map(PathBuf::from).context("--page needs a file name")?),
            "--update" => update = true,
            "check" | "build" => parts.push(arg),
            part if PARTS.contains(&part) => parts.push(arg),
            other => bail!(
                "unknown argument {other}; use {}, build, check, --json FILE, --page FILE or --update",
                PARTS.join(", ")
            ),
        }
    }
    template::check()?;
    if parts == ["check"] {
        return counts::check(&Fixture::new().await?, update).await;
    }
    if parts.is_empty() {
        parts = PARTS.iter().map(|&part| part.to_owned()).collect();
    }
    let mut sections = Vec::new();
    for part in &parts {
        let measured = measure(part).await?;
        for section in &measured {
            writeln!(std::io::stdout(), "{section}")?;
        }
        sections.extend(measured);
    }
    writeln!(std::io::stdout(), "{}", goal_table(&sections))?;
    if let Some(file) = json_file {
        let sections: Vec<Value> = sections.iter().map(Section::json).collect();
        fs::write(file, format!("{:#}\n", json!({"machine": machine(), "sections": sections})))?;
    }
    if let Some(file) = page {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        fs::write(&file, page::with_sections(text, &sections).with_context(|| file.display().to_string())?)?;
    }
    Ok(())
}

/// Runs one part of the benchmark. Each part has its own fixture, so that no part's rows slow another one down.
async fn measure(part: &str) -> Result<Vec<Section>> {
    match part {
        "counts" => counts::run(&Fixture::new().await?).await,
        "cold" => cold::run(&Fixture::new().await?).await,
        "warm" => warm::run(&Fixture::new().await?).await,
        "fanout" => fanout::run(&Fixture::new().await?).await,
        "growth" => growth::run(&Fixture::new().await?).await,
        "thumbnails" => thumbnails::run().await,
        "build" => build::run().await,
        other => bail!("unknown part {other}"),
    }
}

/// Returns a Markdown table of all goals of the run, with their measured values.
fn goal_table(sections: &[Section]) -> String {
    let goals: Vec<_> = sections.iter().flat_map(|section| &section.goals).collect();
    let missed = goals.iter().filter(|goal| !goal.is_met()).count();
    let rows: Vec<_> = goals.iter().map(|goal| goal.row()).collect();
    format!(
        "### Goals\n\n{missed} of {} missed.\n\n| goal | measured | at most | result |\n| --- | --- | --- | --- |\n{}",
        goals.len(),
        rows.join("\n")
    )
}

/// Returns the folder for files that only the running benchmark needs. Creates it if it does not exist.
fn folder() -> Result<PathBuf> {
    let folder = repository().join(".local/bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

//! What cargo takes: from nothing, with nothing to do, and after a change of one line. In a target directory of its own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::report::{Section, figure, progress};
use crate::world::root;

const DEV: [&str; 4] = ["build", "--workspace", "--bins", "--examples"];
const TEST: [&str; 4] = ["build", "--workspace", "--bins", "--tests"];
const RELEASE: [&str; 4] = ["build", "--release", "--bin", "messages-send"];

pub(crate) async fn run() -> Result<Vec<Section>> {
    let target = crate::folder()?.join("build");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let mut section = Section::new(
        "Builds",
        "Seconds, once each. From nothing, but with the sources of the dependencies at hand. `make dev` and `make test` do \
         the first two and then start.",
        &[
            "what",
            "from nothing",
            "nothing to do",
            "one line of a function",
            "one line of store",
            "what takes longest, s",
        ],
    );
    for (what, args) in [("make dev", DEV), ("make test, behind it", TEST), ("messages-send for AWS", RELEASE)] {
        progress(format!("build: {what}"));
        let cold = cargo(&target, &args).await?;
        let slowest = slowest(&target)?;
        let idle = cargo(&target, &args).await?;
        let mut cells = vec![what.to_owned(), seconds(cold), seconds(idle)];
        for file in ["functions/messages-send/src/handler.rs", "shared/store/src/lib.rs"] {
            cells.push(seconds(after_change(&target, &args, file).await?));
        }
        cells.push(slowest);
        section.row(cells);
    }
    fs::remove_dir_all(&target)?;
    Ok(vec![section])
}

async fn cargo(target: &Path, args: &[&str]) -> Result<Duration> {
    let start = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(args).args(["--quiet", "--timings"]).env("CARGO_TARGET_DIR", target).current_dir(root());
    ensure!(cargo.status().await?.success(), "cargo {} has failed", args.join(" "));
    Ok(start.elapsed())
}

/// Touches a file as an editor would, and builds again.
async fn after_change(target: &Path, args: &[&str], file: &str) -> Result<Duration> {
    let file = root().join(file);
    let text = fs::read_to_string(&file)?;
    fs::write(&file, format!("{text}// A line.\n"))?;
    let took = tokio::select! {
        took = cargo(target, args) => took,
        // It is left as it was, all the same.
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    fs::write(&file, text)?;
    took
}

/// The units that took longest, of the last report that cargo has written.
fn slowest(target: &Path) -> Result<String> {
    let report = fs::read_to_string(target.join("cargo-timings/cargo-timing.html"))?;
    let units = report.split_once("const UNIT_DATA = ").context("no units in cargo's report")?.1;
    let units = units.split_once("];").context("no end of the units")?.0;
    let mut units: Vec<Value> = serde_json::from_str(&format!("{units}]"))?;
    let duration = |unit: &Value| unit["duration"].as_f64().unwrap_or_default();
    units.sort_unstable_by(|a, b| duration(b).total_cmp(&duration(a)));
    let named =
        units.iter().take(4).map(|unit| format!("{} {:.0}", unit["name"].as_str().unwrap_or("?"), duration(unit)));
    Ok(named.collect::<Vec<_>>().join(", "))
}

fn seconds(time: Duration) -> String {
    figure(time.as_secs_f64())
}

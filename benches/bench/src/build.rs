//! Measures compile times: of a full build, of a build without a change, and of a build after a change of one line.
//! Builds into a target directory of its own, which it deletes first.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::fixture::repository;
use crate::report::{Section, figure, progress};
use crate::template;

const TEST: &str = "build --workspace --bins --tests";
const RELEASE: &str = "build --release --bin messages-send";

/// Returns cargo's arguments for the build of `make dev`, which the Makefile defines as `DEV_BUILD`.
fn dev() -> String {
    let packages = template::functions().into_iter().chain(["dev-features".to_owned()]);
    packages.fold("build --bins".to_owned(), |build, package| format!("{build} --package {package}"))
}

pub(crate) async fn run() -> Result<Vec<Section>> {
    let target = crate::folder()?.join("build");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let mut section = Section::new(
        "builds",
        "Builds",
        "Seconds of one cargo build each. *From nothing* is without compiled dependencies, but with their sources on \
         the disk; the build for `make test` uses what the build for `make dev` has compiled. A change is one line \
         added to `handler.rs` of messages-send, or to `lib.rs` of `store`. The last column names the crates that took \
         longest.",
        &["build for", "from nothing", "no change", "change of a function", "change of `store`", "longest, s"],
    );
    let dev = dev();
    for (what, args) in [("`make dev`", &*dev), ("`make test`, after it", TEST), ("messages-send for AWS", RELEASE)] {
        let args: Vec<_> = args.split(' ').collect();
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
    cargo.args(args).args(["--quiet", "--timings"]).env("CARGO_TARGET_DIR", target).current_dir(repository());
    ensure!(cargo.status().await?.success(), "cargo {} failed; its error is above", args.join(" "));
    Ok(start.elapsed())
}

/// Adds a line to `file` and returns how long the next build takes. Restores the file afterwards, also after Ctrl-C.
async fn after_change(target: &Path, args: &[&str], file: &str) -> Result<Duration> {
    let file = repository().join(file);
    let text = fs::read_to_string(&file)?;
    fs::write(&file, format!("{text}// A line.\n"))?;
    let took = tokio::select! {
        took = cargo(target, args) => took,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    fs::write(&file, text)?;
    took
}

/// Returns the names and seconds of the four crates that took longest in the last build, from cargo's timing report.
fn slowest(target: &Path) -> Result<String> {
    let report = fs::read_to_string(target.join("cargo-timings/cargo-timing.html"))?;
    let units = report.split_once("const UNIT_DATA = ").context("cargo's timing report has no UNIT_DATA")?.1;
    let units = units.split_once("];").context("UNIT_DATA of cargo's timing report has no end")?.0;
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

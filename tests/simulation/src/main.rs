//! Runs the real handlers through random histories with injected faults, and checks invariants after each history. A
//! history is determined by its seed. See docs/simulation.md.
//!
//! Environment variables: `HISTORIES` is the number of histories (default 10,000). `FIRST` is the seed of the first one
//! (default 0). `SEED` runs only the history with this seed and prints all its events. `FAILURES` is the number of failed
//! histories after which no more are started (default 20).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a panic in here fails the test")]

mod backlog;
mod chance;
mod changer;
mod check;
mod client;
mod clock;
mod cloud;
mod content;
mod costs;
mod decoder;
mod device;
mod faults;
mod flood;
mod gateway;
mod hidden;
mod history;
mod journal;
mod ledger;
mod left_out;
mod marks;
mod newcomer;
mod notifications;
mod parts;
mod pictures;
mod policy;
mod push_services;
mod sender;
mod starter;
mod stream;
mod trace;
mod triggers;
mod world;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is not a whole number")))
}

/// Returns the seeds of the histories to run. `histories` is their number if no variable sets it.
fn seeds(histories: u64) -> Range<u64> {
    let first = variable("FIRST").unwrap_or(0);
    first..first + variable("HISTORIES").unwrap_or(histories)
}

/// Runs the histories with the given seeds on all processors, prints the problems of the failed ones, and panics if a
/// history failed. After `FAILURES` failures it starts no more histories. Histories start in the order of their seeds,
/// so when it stops early, every seed below the highest started one has also run.
fn run(seeds: &Range<u64>) {
    let (next, over, failed) = (AtomicU64::new(seeds.start), AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let most = variable("FAILURES").unwrap_or(20);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let workers = (0..std::thread::available_parallelism().map_or(1, usize::from)).map(|_| {
            scope.spawn(|| {
                while (failed.lock().unwrap().len() as u64) < most
                    && let seed = next.fetch_add(1, Ordering::Relaxed)
                    && seed < seeds.end
                {
                    let problems = history::run(seed).problems;
                    if !problems.is_empty() {
                        failed.lock().unwrap().insert(seed, problems);
                    }
                    over.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let workers: Vec<_> = workers.collect();
        let mut shown = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            let terminal = std::io::stderr().is_terminal();
            if shown.elapsed() > Duration::from_millis(if terminal { 200 } else { 30_000 }) {
                shown = Instant::now();
                let (over, total) = (over.load(Ordering::Relaxed), seeds.end - seeds.start);
                progress(terminal, over, total, failed.lock().unwrap().len(), start);
            }
        }
    });
    let (over, failed) = (over.into_inner(), failed.into_inner().unwrap());
    println!("{over} histories in {:.1} s, {} failed", start.elapsed().as_secs_f64(), failed.len());
    for (seed, problems) in &failed {
        println!("SEED={seed}: {}", problems.join("; "));
    }
    assert!(failed.is_empty(), "{} of {over} histories failed; the first one is SEED={}", failed.len(), {
        failed.keys().next().unwrap()
    });
}

/// Shows the progress of the run: a bar on a terminal, otherwise a line every 30 s. Writes to stderr directly, because
/// the test harness captures `print!`.
fn progress(terminal: bool, over: u64, total: u64, failed: usize, start: Instant) {
    let done = usize::try_from(40 * over / total).unwrap();
    let left = start.elapsed().as_secs() * (total - over) / over.max(1);
    let (before, after) = if terminal { ("\r", " ") } else { ("", "\n") };
    let bar = format!("[{:40}] {over} of {total} histories, {failed} failed", "#".repeat(done));
    let mut stderr = std::io::stderr();
    write!(stderr, "{before}{bar}, {}:{:02} left{after}", left / 60, left % 60).unwrap();
    stderr.flush().unwrap();
}

#[test]
fn nothing_is_lost_in_random_histories() {
    let Some(seed) = variable("SEED") else { return run(&seeds(10_000)) };
    let outcome = history::run(seed);
    println!("{}", outcome.trace.join("\n"));
    assert!(outcome.problems.is_empty(), "SEED={seed}: {}", outcome.problems.join("; "));
}

/// `make soak` runs this test.
#[test]
#[ignore = "takes hours"]
fn a_million_histories() {
    run(&seeds(1_000_000));
}

#[test]
fn same_seed_repeats_the_same_history() {
    for seed in 0..50 {
        let (one, other) = (history::run(seed).trace, history::run(seed).trace);
        if let Some(line) = (0..one.len().max(other.len())).find(|line| one.get(*line) != other.get(*line)) {
            panic!("two runs of SEED={seed} differ at line {line}:\n{:?}\n{:?}", one.get(line), other.get(line));
        }
    }
}

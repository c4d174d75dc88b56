//! Measures what does not depend on the clock: sizes of the deployed programs, and instructions and allocations as
//! callgrind counts them. `check` compares the counts with `benches/limits.json`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::DeflateEncoder};
use serde_json::{Value, json};

use crate::fixture::{Fixture, message_event, repository, thread_event};
use crate::instance::{Instance, Program};
use crate::report::{Section, figure, progress};
use crate::template;

/// The functions whose instructions are counted, because they serve the most used routes.
const COUNTED: [&str; 2] = ["messages-send", "messages-list"];

/// The function with the image decoders. Its zip may be larger than those of the other functions.
const LARGEST: &str = "files-decode";

/// The functions whose sizes `check` measures. The others are left out, because linking a release build takes minutes
/// and their programs are smaller.
const CHECKED: [&str; 3] = [COUNTED[0], COUNTED[1], LARGEST];

/// Number of events in the short and in the long run under callgrind. The difference of the two runs gives the cost of
/// an event without the cost of the start.
const SHORT_RUN: usize = 20;
const LONG_RUN: usize = 120;

/// Fraction by which a count may exceed its limit, because sizes change with every compiler and instructions with every
/// libc.
const TOLERANCE: f64 = 0.05;

/// Counts of one function, by name of the count, such as `eventInstructions`.
type Counts = BTreeMap<String, f64>;

pub(crate) async fn run(fixture: &Fixture) -> Result<Vec<Section>> {
    let mut sizes_section = Section::new(
        "sizes",
        "Sizes",
        "The deployed programs, built for this machine's processor, and the same programs deflated as in their zip. \
         1 MB is 1,000,000 bytes.",
        &["function", "program, MB", "zip, MB"],
    );
    for name in template::functions() {
        let [program, zip] = sizes(&fixture.function(&name).path)?.map(|bytes| bytes / 1e6);
        sizes_section.row([name.clone(), figure(program), figure(zip)]);
        sizes_section.goal(format!("{name}: zip, MB"), zip, if name == LARGEST { 5.0 } else { 3.5 });
    }
    let mut counts_section = Section::new(
        "instructions",
        "Instructions and allocations",
        "Counted by callgrind in the function's process, without TLS. The start is everything until the function \
         requests its first event. messages-list returns 50 messages; messages-send pushes to 3 connections.",
        &["function", "instructions of a start", "instructions of an event", "allocations of an event"],
    );
    for (name, counts) in count(fixture).await? {
        let cell = |what: &str| counts.get(what).map_or_else(String::new, |value| format!("{value:.0}"));
        counts_section.row([name, cell("startInstructions"), cell("eventInstructions"), cell("eventAllocations")]);
    }
    Ok(vec![sizes_section, counts_section])
}

/// Fails if a count exceeds its limit by more than [`TOLERANCE`]. With `update`, stores the counts as the new limits.
pub(crate) async fn check(fixture: &Fixture, update: bool) -> Result<()> {
    let mut counted = count(fixture).await?;
    for name in CHECKED {
        let [program, zip] = sizes(&fixture.function(name).path)?;
        counted.entry(name.to_owned()).or_default().extend([("program".into(), program), ("zip".into(), zip)]);
    }
    let file = repository().join("benches/limits.json");
    let machine = std::env::consts::ARCH;
    let mut limits: Value =
        serde_json::from_str(&fs::read_to_string(&file).context("cannot read benches/limits.json")?)?;
    if update {
        limits[machine] = json!(counted);
        return Ok(fs::write(file, format!("{limits:#}\n"))?);
    }
    let mut exceeded = Vec::new();
    for (name, counts) in &counted {
        for (what, count) in counts {
            let Some(limit) = limits[machine][name][what].as_f64() else {
                exceeded.push(format!("{name}: {what} is {count:.0}, but has no limit for {machine}"));
                continue;
            };
            progress(format!("{name}: {what} is {count:.0}, limit {limit:.0}"));
            if *count > limit * (1.0 + TOLERANCE) {
                exceeded.push(format!(
                    "{name}: {what} is {count:.0}, {:.1} % above the limit of {limit:.0}",
                    (count / limit - 1.0) * 100.0
                ));
            }
        }
    }
    ensure!(
        exceeded.is_empty(),
        "limits in benches/limits.json are exceeded. Make the code cheaper, or store new limits with `make limits` if \
         the cost is justified or comes from a new compiler, libc or processor:\n{}",
        exceeded.join("\n")
    );
    Ok(())
}

/// Returns the size of a program, and its deflated size as in a zip, in bytes.
fn sizes(program: &Path) -> Result<[f64; 2]> {
    let bytes =
        fs::read(program).with_context(|| format!("{} is missing; run `cargo build --release`", program.display()))?;
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
    deflated.write_all(&bytes)?;
    #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    let sizes = [bytes.len() as f64, deflated.finish()?.len() as f64];
    Ok(sizes)
}

/// Counts the instructions and allocations of the [`COUNTED`] functions.
async fn count(fixture: &Fixture) -> Result<BTreeMap<String, Counts>> {
    let mut counted = BTreeMap::new();
    for name in COUNTED {
        let thread = fixture.thread_with(&format!("user-counted-{name}"), 50).await?;
        fixture.subscribe(&thread, 3)?;
        let event = if name == "messages-send" { message_event(&thread)? } else { thread_event(name, &thread)? };
        progress(format!("callgrind: {name}"));
        // The programs run without TLS, because the instructions of a TLS handshake vary.
        let program = fixture.function(name);
        let start = callgrind(&program, &event, 0).await?;
        let short = callgrind(&program, &event, SHORT_RUN).await?;
        let long = callgrind(&program, &event, LONG_RUN).await?;
        #[allow(clippy::cast_precision_loss, reason = "the counts are far below 2^53")]
        let per_event = |of: fn(&Totals) -> u64| (of(&long) - of(&short)) as f64 / (LONG_RUN - SHORT_RUN) as f64;
        #[allow(clippy::cast_precision_loss, reason = "the counts are far below 2^53")]
        let counts = [
            ("startInstructions", start.instructions as f64),
            ("eventInstructions", per_event(|totals| totals.instructions)),
            ("eventAllocations", per_event(|totals| totals.allocations)),
        ];
        counted.insert(name.to_owned(), counts.map(|(what, count)| (what.to_owned(), count.round())).into());
    }
    Ok(counted)
}

struct Totals {
    instructions: u64,
    allocations: u64,
}

/// Runs the program under callgrind and invokes it `events` times with the same event.
async fn callgrind(program: &Program, event: &Value, events: usize) -> Result<Totals> {
    let file = crate::folder()?.join("callgrind.out");
    let mut args = vec!["--tool=callgrind".to_owned(), format!("--callgrind-out-file={}", file.display())];
    args.extend(["--quiet".to_owned(), program.path.display().to_string()]);
    // Deletes the output of the previous run. Otherwise it would be read again if this run writes none.
    fs::remove_file(&file).ok();
    let mut instance = Instance::start(&Program { path: "valgrind".into(), args, ..program.clone() }).await?;
    for _ in 0..events {
        instance.invoke_json(event).await?;
    }
    instance.terminate().await?;
    totals(&fs::read_to_string(&file).context("callgrind wrote no output")?)
}

/// Reads the totals from callgrind's output: <https://valgrind.org/docs/manual/cl-format.html>
fn totals(output: &str) -> Result<Totals> {
    let (mut names, mut allocations, mut callee) = (HashMap::new(), 0, "");
    for line in output.lines() {
        // Callgrind writes a function's name only with the first use of its number.
        if let Some((key, name)) = line.split_once('=')
            && matches!(key, "fn" | "cfn")
            && let Some((number, name)) = name.split_once(' ')
        {
            names.insert(number, name);
        }
        if let Some(function) = line.strip_prefix("cfn=") {
            callee = function.split(' ').next().unwrap_or_default();
        } else if let Some(calls) = line.strip_prefix("calls=")
            && matches!(names.get(callee), Some(&("malloc" | "calloc" | "realloc" | "posix_memalign")))
        {
            allocations += calls.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
    }
    let instructions =
        output.lines().find_map(|line| line.strip_prefix("totals: ")).context("callgrind's output has no totals")?;
    Ok(Totals { instructions: instructions.trim().parse()?, allocations })
}

//! What does not depend on the clock: sizes of the deployed programs, and instructions and allocations as callgrind
//! counts them. `benches/limits.json` has what they may be; `check` compares.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::DeflateEncoder};
use serde_json::{Value, json};

use crate::instance::{Instance, Program};
use crate::report::{Section, figure, progress};
use crate::world::{World, about, message, root};

/// Those whose instructions are counted: the most used routes.
const HOT: [&str; 2] = ["messages-send", "messages-list"];

/// The one that carries the decoders of images, and may be larger.
const LARGEST: &str = "files-process";

/// Those that `check` builds and looks at. Their links take minutes, and the others' programs are smaller.
const CHECKED: [&str; 3] = [HOT[0], HOT[1], LARGEST];

/// Events of the shorter and the longer run, whose difference is what the events took.
const FEW: usize = 20;
const MANY: usize = 120;

/// Of what an entry may be more than its limit: sizes change with every compiler, instructions with every libc.
const TOLERANCE: f64 = 0.05;

/// What was counted of a function, by name.
type Counts = BTreeMap<String, f64>;

pub(crate) async fn run(world: &World) -> Result<Vec<Section>> {
    let mut section = Section::new(
        "Sizes",
        "Of what is deployed, for the processor of this machine: the program, and deflated as it is in its zip, in MB (1 000 000 bytes).",
        &["function", "program", "zip"],
    );
    let mut folders: Vec<_> = fs::read_dir(root().join("functions"))?.collect::<Result<_, _>>()?;
    folders.sort_unstable_by_key(fs::DirEntry::file_name);
    for name in folders.iter().filter_map(|folder| folder.file_name().into_string().ok()) {
        let [program, zip] = sizes(&world.function(&name).path)?.map(|bytes| bytes / 1e6);
        section.row([name.clone(), figure(program), figure(zip)]);
        section.goal(format!("{name}: zip, MB"), zip, if name == LARGEST { 5.0 } else { 3.5 });
    }
    let mut counted = Section::new(
        "Instructions and allocations",
        "As callgrind counts them in the function's process, without TLS.",
        &["function", "instructions of a start", "of an event", "allocations of an event"],
    );
    for (name, counts) in count(world).await? {
        let cell = |what: &str| counts.get(what).map_or_else(String::new, |value| format!("{value:.0}"));
        counted.row([name, cell("startInstructions"), cell("eventInstructions"), cell("eventAllocations")]);
    }
    Ok(vec![section, counted])
}

/// Fails where a count is above its limit. With `update`, what is counted becomes the limits.
pub(crate) async fn check(world: &World, update: bool) -> Result<()> {
    let mut counted = count(world).await?;
    for name in CHECKED {
        let [program, zip] = sizes(&world.function(name).path)?;
        counted.entry(name.to_owned()).or_default().extend([("program".into(), program), ("zip".into(), zip)]);
    }
    let file = root().join("benches/limits.json");
    let machine = std::env::consts::ARCH;
    let mut limits: Value = serde_json::from_str(&fs::read_to_string(&file).context("benches/limits.json")?)?;
    if update {
        limits[machine] = json!(counted);
        return Ok(fs::write(file, format!("{limits:#}\n"))?);
    }
    let mut above = Vec::new();
    for (name, counts) in &counted {
        for (what, count) in counts {
            let Some(limit) = limits[machine][name][what].as_f64() else {
                above.push(format!("{name}: {what} is {count:.0}, and has no limit for {machine}"));
                continue;
            };
            progress(format!("{name}: {what} is {count:.0}, of {limit:.0}"));
            if *count > limit * (1.0 + TOLERANCE) {
                above.push(format!(
                    "{name}: {what} is {count:.0}, {:.1} % above {limit:.0}",
                    (count / limit - 1.0) * 100.0
                ));
            }
        }
    }
    ensure!(
        above.is_empty(),
        "above the limits of benches/limits.json (`make limits` changes them, where that is worth it, or a new compiler, libc or \
         processor is the reason):\n{}",
        above.join("\n")
    );
    Ok(())
}

/// Bytes of a program, and of what is left of them in a zip.
fn sizes(program: &Path) -> Result<[f64; 2]> {
    let bytes = fs::read(program).with_context(|| format!("{}: not built", program.display()))?;
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
    deflated.write_all(&bytes)?;
    #[allow(clippy::cast_precision_loss, reason = "of a few million")]
    let sizes = [bytes.len() as f64, deflated.finish()?.len() as f64];
    Ok(sizes)
}

async fn count(world: &World) -> Result<BTreeMap<String, Counts>> {
    let mut counted = BTreeMap::new();
    for name in HOT {
        let thread = world.thread_with(&format!("user-counted-{name}"), 50).await?;
        world.subscribe(&thread, 3)?;
        let event = if name == "messages-send" { message(&thread)? } else { about(name, &thread)? };
        progress(format!("callgrind: {name}"));
        // Without TLS, whose handshakes are never the same twice.
        let program = world.function(name);
        let start = callgrind(&program, &event, 0).await?;
        let few = callgrind(&program, &event, FEW).await?;
        let many = callgrind(&program, &event, MANY).await?;
        #[allow(clippy::cast_precision_loss, reason = "the counts are far below 2^53")]
        let each = |of: fn(&Totals) -> u64| (of(&many) - of(&few)) as f64 / (MANY - FEW) as f64;
        #[allow(clippy::cast_precision_loss, reason = "the counts are far below 2^53")]
        let counts = [
            ("startInstructions", start.instructions as f64),
            ("eventInstructions", each(|totals| totals.instructions)),
            ("eventAllocations", each(|totals| totals.allocations)),
        ];
        counted.insert(name.to_owned(), counts.map(|(what, count)| (what.to_owned(), count.round())).into());
    }
    Ok(counted)
}

struct Totals {
    instructions: u64,
    allocations: u64,
}

async fn callgrind(program: &Program, event: &Value, events: usize) -> Result<Totals> {
    let file = crate::folder()?.join("callgrind.out");
    let mut args = vec!["--tool=callgrind".to_owned(), format!("--callgrind-out-file={}", file.display())];
    args.extend(["--quiet".to_owned(), program.path.display().to_string()]);
    // A run that writes none must not count as the one before.
    fs::remove_file(&file).ok();
    let mut instance = Instance::start(&Program { path: "valgrind".into(), args, ..program.clone() }).await?;
    for _ in 0..events {
        instance.ask(event).await?;
    }
    instance.terminate().await?;
    totals(&fs::read_to_string(&file).context("callgrind's output")?)
}

/// Reads callgrind's format: <https://valgrind.org/docs/manual/cl-format.html>
fn totals(output: &str) -> Result<Totals> {
    let (mut names, mut allocations, mut callee) = (HashMap::new(), 0, "");
    for line in output.lines() {
        // A name is given where its number comes first.
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
    let instructions = output.lines().find_map(|line| line.strip_prefix("totals: ")).context("no totals")?;
    Ok(Totals { instructions: instructions.trim().parse()?, allocations })
}

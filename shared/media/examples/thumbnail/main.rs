//! Makes the thumbnail of a file and measures the cost: `thumbnail [--bare] FILE [RUNS [OUT]]`.
//!
//! Prints the median CPU time of the runs in ms, the peak memory of the process in MiB, and the thumbnail's size.
//! Writes the thumbnail to `OUT`. With `--bare`, it only decodes the file. This measures the floor: what a thumbnail
//! would cost if all other steps cost nothing.

mod bare;

use std::error::Error;
use std::io::Write as _;
use std::{env, fs, io, result};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

type Result<T> = result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let bare = args.first().is_some_and(|arg| arg == "--bare");
    args.drain(..usize::from(bare));
    let bytes = fs::read(args.first().ok_or("usage: thumbnail [--bare] FILE [RUNS [OUT]]")?)?;
    let runs = args.get(1).map_or(Ok(1), |runs| runs.parse())?;

    let (ms, summary, jpeg) = if bare {
        let (ms, pixels) = median(runs, || bare::decode(&bytes))?;
        (ms, format!("{} bytes of pixels", pixels?), None)
    } else {
        let (ms, outcome) = median(runs, || media::thumbnail(&bytes))?;
        match outcome {
            Ok(made) => (ms, format!("{}x{} {} bytes", made.width, made.height, made.jpeg.len()), Some(made.jpeg)),
            Err(refusal) => (ms, refusal.to_string(), None),
        }
    };
    writeln!(io::stdout(), "{ms:.1} {:.1} {summary}", peak_mib()?)?;
    if let (Some(out), Some(jpeg)) = (args.get(2), jpeg) {
        fs::write(out, jpeg)?;
    }
    Ok(())
}

/// Calls `work` `runs` times. Returns the median CPU time in ms and the last result.
fn median<T>(runs: usize, mut work: impl FnMut() -> T) -> Result<(f64, T)> {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..runs {
        let before = cpu_microseconds()?;
        last = Some(work());
        times.push(cpu_microseconds()? - before);
    }
    times.sort_unstable();
    #[allow(clippy::cast_precision_loss, reason = "CPU times in microseconds are far below 2^52")]
    let median = times.get(runs / 2).map(|time| *time as f64 / 1000.0);
    median.zip(last).ok_or_else(|| "RUNS must be at least 1".into())
}

fn cpu_microseconds() -> Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
}

/// Returns the peak memory of this process in MiB. The peak in `getrusage` is not used: it survives `exec`, so it would
/// include the parent's memory.
fn peak_mib() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("/proc/self/status has no line VmHWM")?;
    let kib: f64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

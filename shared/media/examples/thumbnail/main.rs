//! Makes the thumbnail of a file and says what it took: `thumbnail [--bare] FILE [RUNS [OUT]]`.
//!
//! Prints the median CPU time of the runs in ms, the peak memory of the process in MiB, and the thumbnail's size.
//! With `--bare` it only decodes, every pixel of it: what is left when all that is ours takes no time.

mod bare;

use std::error::Error;
use std::io::Write as _;
use std::{env, fs, io};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let bare = args.first().is_some_and(|arg| arg == "--bare");
    args.drain(..usize::from(bare));
    let bytes = fs::read(args.first().ok_or("which file?")?)?;
    let runs = args.get(1).map_or(Ok(1), |runs| runs.parse())?;

    let (ms, said, jpeg) = if bare {
        let (ms, pixels) = median(runs, || bare::decode(&bytes))?;
        (ms, format!("{} bytes of pixels", pixels?), None)
    } else {
        let (ms, outcome) = median(runs, || media::thumbnail(&bytes))?;
        match outcome {
            Ok(made) => (ms, format!("{}x{} {} bytes", made.width, made.height, made.jpeg.len()), Some(made.jpeg)),
            Err(refusal) => (ms, refusal.to_string(), None),
        }
    };
    writeln!(io::stdout(), "{ms:.1} {:.1} {said}", peak_mib()?)?;
    if let (Some(out), Some(jpeg)) = (args.get(2), jpeg) {
        fs::write(out, jpeg)?;
    }
    Ok(())
}

/// The CPU time in ms of one of so many runs, and what the last one made.
fn median<T>(runs: usize, mut work: impl FnMut() -> T) -> Outcome<(f64, T)> {
    let mut times = Vec::new();
    let mut made = None;
    for _ in 0..runs {
        let before = cpu_microseconds()?;
        made = Some(work());
        times.push(cpu_microseconds()? - before);
    }
    times.sort_unstable();
    #[allow(clippy::cast_precision_loss, reason = "of microseconds")]
    let median = times.get(runs / 2).map(|time| *time as f64 / 1000.0);
    median.zip(made).ok_or_else(|| "no runs".into())
}

fn cpu_microseconds() -> Outcome<i64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
}

/// Of this process alone; `getrusage` would start from what its parent had.
fn peak_mib() -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak in the status")?;
    let kib: f64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

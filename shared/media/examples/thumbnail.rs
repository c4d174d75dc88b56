//! Makes the thumbnail of a file and says what it took: `thumbnail FILE [RUNS [OUT]]`.
//!
//! Prints the median CPU time of the runs in ms, the peak memory of the process in MiB, and the thumbnail's size.

use std::error::Error;
use std::io::Write as _;
use std::{env, fs, io};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().collect();
    let bytes = fs::read(args.get(1).ok_or("which file?")?)?;
    let runs = args.get(2).map_or(Ok(1), |runs| runs.parse())?;

    let mut times = Vec::new();
    let mut outcome = Err(media::Refusal::NotAnImage);
    for _ in 0..runs {
        let before = cpu_microseconds()?;
        outcome = media::thumbnail(&bytes);
        times.push(cpu_microseconds()? - before);
    }
    times.sort_unstable();

    let said = match &outcome {
        Ok(thumbnail) => format!("{}x{} {} bytes", thumbnail.width, thumbnail.height, thumbnail.jpeg.len()),
        Err(refusal) => refusal.to_string(),
    };
    #[allow(clippy::cast_precision_loss, reason = "of microseconds")]
    let median = times[times.len() / 2] as f64 / 1000.0;
    writeln!(io::stdout(), "{median:.1} {:.1} {said}", peak_mib()?)?;
    if let (Some(out), Ok(thumbnail)) = (args.get(3), &outcome) {
        fs::write(out, &thumbnail.jpeg)?;
    }
    Ok(())
}

fn cpu_microseconds() -> Result<i64, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
}

/// Of this process alone; `getrusage` would start from what its parent had.
fn peak_mib() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak in the status")?;
    let kib: f64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

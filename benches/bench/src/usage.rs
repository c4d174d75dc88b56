//! CPU time and memory of a process, from Linux's `/proc`.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

use anyhow::{Context as _, Result};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// CPU time of all threads since the process started.
    pub(crate) cpu: Duration,
    /// Largest resident memory since the process started, in MiB.
    pub(crate) peak_mib: f64,
}

impl Sub for Usage {
    type Output = Duration;

    /// Returns the CPU time between two measurements of a process.
    fn sub(self, before: Self) -> Duration {
        self.cpu.saturating_sub(before.cpu)
    }
}

pub(crate) fn of(process: u32) -> Result<Usage> {
    let mut nanoseconds = 0;
    // `schedstat` counts nanoseconds, `/proc/{pid}/stat` only hundredths of a second.
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that exited after it was listed has no file any more and is skipped.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>().context("schedstat is malformed")?;
    }
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/…/status has no VmHWM")?;
    let kib: f64 = peak.trim_end_matches("kB").trim().parse()?;
    Ok(Usage { cpu: Duration::from_nanos(nanoseconds), peak_mib: kib / 1024.0 })
}

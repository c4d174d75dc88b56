//! The share of a CPU that a function of some memory has, by a control group.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Memory in MB with which a function has one whole CPU: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const WHOLE: u64 = 1_769;

/// Microseconds in which a share is used up and given anew.
const PERIOD: u64 = 20_000;

pub(crate) struct Share {
    group: PathBuf,
}

impl Share {
    /// A group with the share of so many MB.
    pub(crate) fn of(megabytes: u64) -> Result<Self> {
        let quota = PERIOD * megabytes / WHOLE;
        let (first, name) = (Path::new("/sys/fs/cgroup/cpu"), format!("hearth-bench-{megabytes}"));
        if first.is_dir() {
            let share = Self { group: first.join(name) };
            share.make()?;
            share.set("cpu.cfs_period_us", &PERIOD.to_string())?;
            share.set("cpu.cfs_quota_us", &quota.to_string())?;
            return Ok(share);
        }
        let share = Self { group: Path::new("/sys/fs/cgroup").join(name) };
        share.make()?;
        share.set("cpu.max", &format!("{quota} {PERIOD}"))?;
        Ok(share)
    }

    /// Puts a process into it.
    pub(crate) fn take(&self, process: u32) -> Result<()> {
        self.set("cgroup.procs", &process.to_string())
    }

    fn make(&self) -> Result<()> {
        fs::create_dir_all(&self.group).with_context(|| format!("{}: no control group", self.group.display()))
    }

    fn set(&self, file: &str, value: &str) -> Result<()> {
        let file = self.group.join(file);
        fs::write(&file, value).with_context(|| format!("{}: {value}", file.display()))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Only an empty one can be removed, and one that stays hurts nobody.
        fs::remove_dir(&self.group).ok();
    }
}

//! Limits a process to the share of a CPU that Lambda gives to a memory size, with a Linux control group.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Memory size in MB at which Lambda gives one whole CPU:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const WHOLE_CPU_MB: u64 = 1_769;

/// Period of the control group in microseconds. In each period, the process may run for its share of this time.
const PERIOD_US: u64 = 20_000;

pub(crate) struct CpuShare {
    group: PathBuf,
}

impl CpuShare {
    /// Creates a control group with the CPU share that Lambda gives to `megabytes` of memory. Fails if the user may not
    /// create control groups.
    pub(crate) fn of(megabytes: u64) -> Result<Self> {
        let quota = PERIOD_US * megabytes / WHOLE_CPU_MB;
        let (version_1, name) = (Path::new("/sys/fs/cgroup/cpu"), format!("hearth-bench-{megabytes}"));
        if version_1.is_dir() {
            let share = Self { group: version_1.join(name) };
            share.create()?;
            share.set("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            share.set("cpu.cfs_quota_us", &quota.to_string())?;
            return Ok(share);
        }
        let share = Self { group: Path::new("/sys/fs/cgroup").join(name) };
        share.create()?;
        share.set("cpu.max", &format!("{quota} {PERIOD_US}"))?;
        Ok(share)
    }

    /// Limits the process with this ID from now on.
    pub(crate) fn add_process(&self, process: u32) -> Result<()> {
        self.set("cgroup.procs", &process.to_string())
    }

    fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.group).with_context(|| format!("cannot create {}", self.group.display()))
    }

    fn set(&self, file: &str, value: &str) -> Result<()> {
        let file = self.group.join(file);
        fs::write(&file, value).with_context(|| format!("cannot write {value} to {}", file.display()))
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        // Removing the group fails while a killed process is still in it. An empty group that stays behind is harmless.
        fs::remove_dir(&self.group).ok();
    }
}

//! Makes thumbnails and removes metadata in a child process, to measure CPU time and memory and to survive crashes.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use media::Refusal;
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use nix::sys::time::TimeValLike as _;

/// Environment variable that is set only in the child process. Its value is the child's task: [`THUMBNAIL`] or
/// [`STRIP`].
const IN_CHILD: &str = "HEARTH_MEDIA_CHILD";

/// Result of [`thumbnail_within_limits`] if a thumbnail was made.
pub(crate) const MADE: &str = "thumbnail made";

/// Result of [`stripped_within_limits`] if the metadata were removed.
pub(crate) const STRIPPED: &str = "metadata removed";

const THUMBNAIL: &str = "thumbnail";
const STRIP: &str = "strip";

const MAX_FILE: usize = 25 << 20;
const MAX_PEAK_MIB: u64 = 512;
const MAX_CPU: Duration = Duration::from_secs(5);

/// Makes the thumbnail of `file` in a child process. Panics if the child crashes, hangs, or exceeds the limits of CPU
/// time or memory. Returns [`MADE`], or the text of the [`Refusal`].
pub(crate) fn thumbnail_within_limits(name: &str, file: &[u8]) -> String {
    within_limits(THUMBNAIL, name, file)
}

/// Removes the metadata of `file` in a child process. Panics if the child crashes, hangs, or exceeds the limits of CPU
/// time or memory. Returns [`STRIPPED`], or the text of the [`Refusal`].
pub(crate) fn stripped_within_limits(name: &str, file: &[u8]) -> String {
    within_limits(STRIP, name, file)
}

fn within_limits(task: &str, name: &str, file: &[u8]) -> String {
    assert!(file.len() <= MAX_FILE, "{name}: {} bytes exceed the upload limit", file.len());
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child::processes_image_in_child_process", "--nocapture"])
        .env(IN_CHILD, task)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(file).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: the child process failed: {}", output.status);

    let stdout = String::from_utf8(output.stdout).unwrap();
    let report = stdout.lines().find_map(|line| line.split_once("result: ")).unwrap().1;
    let mut fields = report.splitn(3, ' ');
    let cpu = Duration::from_micros(fields.next().unwrap().parse().unwrap());
    let peak_mib: u64 = fields.next().unwrap().parse().unwrap();
    let outcome = fields.next().unwrap();
    println!("{name}: {} ms, {peak_mib} MiB, {outcome}", cpu.as_millis());
    assert!(cpu < MAX_CPU, "{name}: took {cpu:?} of CPU time, the limit is {MAX_CPU:?}");
    assert!(peak_mib < MAX_PEAK_MIB, "{name}: took {peak_mib} MiB of memory, the limit is {MAX_PEAK_MIB} MiB");
    outcome.to_owned()
}

/// Runs in the child process of [`within_limits`]. In an ordinary test run, it does nothing.
#[test]
fn processes_image_in_child_process() {
    let Ok(task) = env::var(IN_CHILD) else { return };
    setrlimit(Resource::RLIMIT_CPU, 20, 20).unwrap();
    let mut file = Vec::new();
    io::stdin().read_to_end(&mut file).unwrap();
    file.shrink_to_fit();

    let processed = if task == STRIP {
        media::strip_metadata(&file).map(|_| STRIPPED)
    } else {
        media::thumbnail(&file).map(|_| MADE)
    };
    let outcome = processed.map_or_else(|refusal: Refusal| refusal.to_string(), str::to_owned);

    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // The peak in `getrusage` is not used: it survives `exec`, so it would include the parent's memory.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim_end_matches("kB").trim();
    println!("result: {cpu} {} {outcome}", peak.parse::<u64>().unwrap() / 1024);
}

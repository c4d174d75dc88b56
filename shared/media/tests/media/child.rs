//! What a file costs, measured in a process of its own.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use media::Refusal;
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use nix::sys::time::TimeValLike as _;

const IN_CHILD: &str = "HEARTH_MEDIA_CHILD";

const MAX_FILE: usize = 25 << 20;
const MAX_PEAK_MIB: u64 = 512;
const MAX_CPU: Duration = Duration::from_secs(5);

/// Makes the thumbnail in a child process, and fails when that crashes, hangs, or needs more than it may.
/// Gives what a person would be told; "fine" with a thumbnail.
pub(crate) fn thumbnail_within_limits(name: &str, file: &[u8]) -> String {
    assert!(file.len() <= MAX_FILE, "{name}: {} bytes is more than can be uploaded", file.len());
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child::in_the_child", "--nocapture"])
        .env(IN_CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(file).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);

    let stdout = String::from_utf8(output.stdout).unwrap();
    let report = stdout.lines().find_map(|line| line.split_once("spent: ")).unwrap().1;
    let mut fields = report.splitn(3, ' ');
    let cpu = Duration::from_micros(fields.next().unwrap().parse().unwrap());
    let peak_mib: u64 = fields.next().unwrap().parse().unwrap();
    let outcome = fields.next().unwrap();
    println!("{name}: {} ms, {peak_mib} MiB, {outcome}", cpu.as_millis());
    assert!(cpu < MAX_CPU, "{name}: {cpu:?} of CPU");
    assert!(peak_mib < MAX_PEAK_MIB, "{name}: {peak_mib} MiB");
    outcome.to_owned()
}

/// Not a test by itself: what [`thumbnail_within_limits`] starts.
#[test]
fn in_the_child() {
    if env::var_os(IN_CHILD).is_none() {
        return;
    }
    setrlimit(Resource::RLIMIT_CPU, 20, 20).unwrap();
    let mut file = Vec::new();
    io::stdin().read_to_end(&mut file).unwrap();
    file.shrink_to_fit();

    let outcome = media::thumbnail(&file).map_or_else(|refusal: Refusal| refusal.to_string(), |_| "fine".to_owned());

    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // `getrusage` would start from the peak of the parent.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim_end_matches("kB").trim();
    println!("spent: {cpu} {} {outcome}", peak.parse::<u64>().unwrap() / 1024);
}

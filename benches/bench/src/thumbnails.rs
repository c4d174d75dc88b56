//! Compares the thumbnails of the crate `media` with those of sharp, and with decoding alone. The script
//! `benches/thumbnails/run.mjs` measures them.

use anyhow::Result;
use serde_json::Value;

use crate::fixture::repository;
use crate::report::{Section, figure};

/// Cells of a table row after the picture's name, as JSON pointers into a result of `run.mjs`.
const CELLS: [&str; 9] = [
    "/megabytes",
    "/cpuMs/media",
    "/cpuMs/sharp",
    "/cpuMs/floor",
    "/ratio",
    "/peakMib/media",
    "/peakMib/sharp",
    "/psnr/media",
    "/psnr/sharp",
];

pub(crate) async fn run() -> Result<Vec<Section>> {
    let file = crate::folder()?.join("thumbnails.json");
    let script = repository().join("benches/thumbnails/run.mjs");
    let mut node = tokio::process::Command::new("node");
    let status = node.arg(script).arg("--json").arg(&file).stdout(std::process::Stdio::null()).status().await?;
    anyhow::ensure!(status.success(), "benches/thumbnails/run.mjs failed; its error is above");
    let pictures: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let mut section = Section::new(
        "thumbnails",
        "Thumbnails",
        "One thumbnail with a shorter side of 480 pixels, on one thread: CPU time (the best of three medians of 11 runs), \
         peak memory of the process, and PSNR against the whole picture scaled down with a Lanczos filter. The peer is \
         sharp. The floor is our decoder without scaling and encoding, at the reduced size that the decoder offers.",
        &[
            "picture",
            "MB",
            "CPU ms",
            "sharp, CPU ms",
            "floor, CPU ms",
            "CPU, ratio to sharp",
            "peak MiB",
            "sharp, peak MiB",
            "PSNR dB",
            "sharp, PSNR dB",
        ],
    );
    for picture in pictures {
        let number = |at: &str| picture.pointer(at).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let name = picture["picture"].as_str().unwrap_or_default();
        section.row(std::iter::once(name.to_owned()).chain(CELLS.map(|at| figure(number(at)))));
        if number("/goal/ratio").is_finite() {
            section.goal(format!("{name}: CPU, ratio to sharp"), number("/ratio"), number("/goal/ratio"));
        }
        if number("/goal/mib").is_finite() {
            section.goal(format!("{name}: peak memory, MiB"), number("/peakMib/media"), number("/goal/mib"));
        }
    }
    Ok(vec![section])
}

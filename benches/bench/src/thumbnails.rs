//! Thumbnails beside sharp's and beside the bare decode: what `benches/thumbnails` measures.

use anyhow::Result;
use serde_json::Value;

use crate::report::{Section, figure};
use crate::world::root;

pub(crate) async fn run() -> Result<Vec<Section>> {
    let file = crate::folder()?.join("thumbnails.json");
    let script = root().join("benches/thumbnails/run.mjs");
    let mut node = tokio::process::Command::new("node");
    let status = node.arg(script).arg("--json").arg(&file).stdout(std::process::Stdio::null()).status().await?;
    anyhow::ensure!(status.success(), "benches/thumbnails/run.mjs has failed");
    let pictures: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let mut section = Section::new(
        "Thumbnails",
        "CPU ms of a thumbnail of 512 pixels, on one thread; sharp is the peer, the limit the bare decode at the scale that we choose. \
         PSNR in dB against the whole picture scaled down in linear fashion.",
        &["picture", "MB", "CPU ms", "sharp", "limit", "of sharp", "MiB", "sharp's MiB", "PSNR", "sharp's PSNR"],
    );
    for picture in pictures {
        let (number, name) =
            (|at: &str| picture.pointer(at).and_then(Value::as_f64).unwrap_or(f64::NAN), &picture["picture"]);
        let name = name.as_str().unwrap_or_default();
        let cells =
            ["/megabytes", "/cpuMs/ours", "/cpuMs/peer", "/cpuMs/limit", "/ratio", "/peakMib/ours", "/peakMib/peer"];
        let cells = cells.iter().chain(&["/psnr/ours", "/psnr/peer"]).map(|at| figure(number(at)));
        section.row(std::iter::once(name.to_owned()).chain(cells));
        if number("/goal").is_finite() {
            section.goal(format!("{name}: CPU, of sharp's"), number("/ratio"), number("/goal"));
        }
        if name == "JPEG 12 MP" {
            section.goal(format!("{name}: memory, MiB"), number("/peakMib/ours"), 20.0);
        }
    }
    Ok(vec![section])
}

use super::exif::only_orientation;
use crate::image::riff::{Chunk, Chunks};
use crate::image::webp::{EXIF_FLAG, exif};

/// Bit of the flags in the extended header (`VP8X`): the file has an XMP chunk.
const XMP_FLAG: u8 = 0x04;

/// Bytes of an animation frame's header: position, size, duration and flags. The frame's own chunks follow.
const FRAME_HEADER: usize = 16;

/// Keeps only the chunks that affect how the image looks, also within the frames of an animation. EXIF is reduced to the
/// orientation, and the flags of the extended header are adapted.
pub(crate) fn strip(file: &[u8]) -> Option<Vec<u8>> {
    let size = usize::try_from(u32::from_le_bytes(*file.get(4..)?.first_chunk()?)).ok()?;
    let mut chunks = Chunks::of(file.get(12..size.checked_add(8)?)?);
    let mut kept = Vec::with_capacity(file.len());
    kept.extend(b"RIFF\0\0\0\0WEBP");

    let first = chunks.next()?;
    match &first.name {
        // A file without an extended header should have only this chunk. Others are removed.
        b"VP8 " | b"VP8L" => kept.extend(first.whole),
        b"VP8X" if first.data.len() == 10 => {
            let orientation = exif(file).and_then(only_orientation);
            let flags_at = kept.len() + 8;
            kept.extend(first.whole);
            kept[flags_at] &= !(EXIF_FLAG | XMP_FLAG);
            if orientation.is_some() {
                kept[flags_at] |= EXIF_FLAG;
            }
            keep_chunks(chunks, orientation, &mut kept)?;
        }
        _ => return None,
    }
    let length = u32::try_from(kept.len() - 8).ok()?;
    kept[4..8].copy_from_slice(&length.to_le_bytes());
    Some(kept)
}

/// Copies the chunks after the extended header that affect how the image looks. Writes `orientation`, an EXIF block, in
/// place of the file's first EXIF chunk.
fn keep_chunks(mut chunks: Chunks<'_>, mut orientation: Option<Vec<u8>>, kept: &mut Vec<u8>) -> Option<()> {
    for chunk in &mut chunks {
        match &chunk.name {
            b"VP8 " | b"VP8L" | b"ALPH" | b"ICCP" | b"ANIM" => kept.extend(chunk.whole),
            b"ANMF" => keep_frame(&chunk, kept)?,
            b"EXIF" => {
                if let Some(block) = orientation.take() {
                    write_chunk(kept, *b"EXIF", &[&block])?;
                }
            }
            _ => {}
        }
    }
    chunks.finished().then_some(())
}

fn keep_frame(frame: &Chunk<'_>, kept: &mut Vec<u8>) -> Option<()> {
    let (header, data) = frame.data.split_at_checked(FRAME_HEADER)?;
    let mut chunks = Chunks::of(data);
    let wanted = |chunk: &Chunk<'_>| matches!(&chunk.name, b"VP8 " | b"VP8L" | b"ALPH");
    let pixels: Vec<&[u8]> = chunks.by_ref().filter(wanted).map(|chunk| chunk.whole).collect();
    if !chunks.finished() {
        return None;
    }
    if pixels.iter().map(|chunk| chunk.len()).sum::<usize>() == data.len() {
        kept.extend(frame.whole);
        return Some(());
    }
    write_chunk(kept, *b"ANMF", &[&[header], pixels.as_slice()].concat())
}

/// Appends a chunk whose data consist of several parts.
fn write_chunk(to: &mut Vec<u8>, name: [u8; 4], parts: &[&[u8]]) -> Option<()> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    to.extend(name);
    to.extend(u32::try_from(length).ok()?.to_le_bytes());
    for part in parts {
        to.extend(*part);
    }
    to.resize(to.len() + length % 2, 0);
    Some(())
}

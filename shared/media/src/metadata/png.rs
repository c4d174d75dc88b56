use super::exif::only_orientation;

/// Length of a chunk's length, name and checksum in bytes.
const OVERHEAD: usize = 12;

/// The end of every PNG: an empty chunk.
const IEND: &[u8] = b"\0\0\0\0IEND\xaeB`\x82";

/// Keeps only the chunks that affect how the image looks: header, palette, pixels, transparency, colour space, physical
/// size, background and frames of an animation. `eXIf` is reduced to the orientation. Removes everything after the end,
/// where some editors left parts of the image before it was cropped.
pub(super) fn strip(file: &[u8]) -> Option<Vec<u8>> {
    let (signature, mut rest) = file.split_at_checked(8)?;
    let mut kept = Vec::with_capacity(file.len());
    kept.extend(signature);
    let (mut exif_found, mut pixels_found, mut before) = (false, false, [0; 4]);
    loop {
        let [a, b, c, d, name @ ..] = *rest.first_chunk::<8>()?;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let (chunk, after) = rest.split_at_checked(length.checked_add(OVERHEAD)?)?;
        rest = after;
        // The chunks of pixels must follow each other without another chunk between them. Decoders differ in whether
        // they use later pixels, so such a file is refused.
        if name == *b"IDAT" && pixels_found && before != name {
            return None;
        }
        pixels_found |= name == *b"IDAT";
        before = name;
        match &name {
            b"IEND" => {
                kept.extend(IEND);
                return Some(kept);
            }
            b"IHDR" | b"PLTE" | b"IDAT" | b"tRNS" | b"cHRM" | b"gAMA" | b"iCCP" | b"sBIT" | b"sRGB" | b"cICP"
            | b"mDCV" | b"cLLI" | b"bKGD" | b"pHYs" | b"acTL" | b"fcTL" | b"fdAT" => kept.extend(chunk),
            b"eXIf" => {
                let block = only_orientation(&chunk[8..8 + length]);
                if let (false, Some(block)) = (exif_found, block) {
                    write_chunk(&mut kept, name, &block)?;
                }
                exif_found = true;
            }
            // The name of an ancillary chunk begins with a lower-case letter. Decoders may ignore such a chunk, so it
            // is removed. An unknown critical chunk may determine the pixels, so the file is refused.
            [b'a'..=b'z', ..] => {}
            _ => return None,
        }
    }
}

fn write_chunk(to: &mut Vec<u8>, name: [u8; 4], data: &[u8]) -> Option<()> {
    to.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
    to.extend(name);
    to.extend(data);
    to.extend(crc32(&[&name, data].concat()).to_be_bytes());
    Some(())
}

/// Returns the CRC-32 of `bytes` (PNG specification, annex D). It is calculated without a table, because the only
/// caller passes 30 bytes: a chunk's name and a minimal EXIF block.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

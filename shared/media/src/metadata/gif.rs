const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

/// Label of the extension that gives the next frame's duration and transparent colour.
const GRAPHIC_CONTROL: u8 = 0xf9;
/// Label of an extension that a program defines.
const APPLICATION: u8 = 0xff;

/// Keeps the frames, their timing, the number of repetitions and the colour profile. Removes comments, texts, XMP and
/// other extensions of programs, and everything after the end.
pub(super) fn strip(file: &[u8]) -> Option<Vec<u8>> {
    let mut at = 13 + palette_length(*file.get(10)?);
    let mut kept = Vec::with_capacity(file.len() + 1);
    kept.extend(file.get(..at)?);
    loop {
        let (end, wanted) = match file.get(at) {
            Some(&EXTENSION) => {
                let label = *file.get(at + 1)?;
                let end = blocks_end(file, at + 2)?;
                (end, label == GRAPHIC_CONTROL || (label == APPLICATION && affects_display(&file[at + 2..end])))
            }
            Some(&IMAGE) => {
                let palette = palette_length(*file.get(at + 9)?);
                // The byte before the blocks of coded pixels is their initial code size.
                (blocks_end(file, at + 10 + palette + 1)?, true)
            }
            // The end marker, another byte that does not begin a block, or the end of the file. Browsers end the
            // animation here, so everything after it is removed.
            _ => {
                kept.push(TRAILER);
                return Some(kept);
            }
        };
        if wanted {
            kept.extend(&file[at..end]);
        }
        at = end;
    }
}

/// Returns the length of a palette in bytes, from the flags of the header or of a frame.
fn palette_length(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Returns the end of a series of blocks. Each block begins with its length; an empty block ends the series.
fn blocks_end(file: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*file.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Returns whether an application extension affects how the image looks: the number of repetitions, under its two
/// names, and the colour profile.
fn affects_display(blocks: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0", b"\x0bICCRGBG1012"];
    names.iter().any(|name| blocks.starts_with(name))
}

use std::ops::Range;

/// Bytes of a file that are kept in place.
pub(super) struct Kept {
    pub(super) range: Range<usize>,
    /// Whether the caller rewrites these bytes afterwards. Such a range must not overlap any other.
    pub(super) rewritten: bool,
}

/// Returns a copy of the file in which all bytes outside the kept ranges are zero, cut after the last kept byte.
/// Offsets in the file stay valid. Returns `None` if a range does not lie within the file, or if a range that is
/// rewritten overlaps another one.
pub(super) fn zero_all_but(file: &[u8], mut kept: Vec<Kept>) -> Option<Vec<u8>> {
    kept.sort_unstable_by_key(|kept| (kept.range.start, kept.range.end));
    let mut copy = Vec::with_capacity(kept.iter().map(|kept| kept.range.end).max()?.min(file.len()));
    let mut rewritten_until = 0;
    for Kept { range, rewritten } in kept.into_iter().filter(|kept| !kept.range.is_empty()) {
        let is_overlap = range.start < rewritten_until || (rewritten && range.start < copy.len());
        if is_overlap || range.end > file.len() {
            return None;
        }
        // A range may overlap earlier ranges. `copy` already has the bytes of the overlap.
        let start = range.start.max(copy.len());
        copy.resize(start, 0);
        copy.extend(file.get(start..range.end).unwrap_or_default());
        if rewritten {
            rewritten_until = range.end;
        }
    }
    Some(copy)
}

//! Reads the chunks of RIFF files. WebP is such a format.

/// A chunk: a name, a length, data, and padding to an even length.
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) data: &'a [u8],
    /// All bytes of the chunk. The padding may be missing at the end of a file.
    pub(crate) whole: &'a [u8],
}

/// Iterates over chunks. Ends before the first one that is cut short.
pub(crate) struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    /// Returns the chunks that `bytes` consist of.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns the chunks of a file. Leaves out the bytes after the length that the file's header declares.
    pub(crate) fn of_file(file: &'a [u8]) -> Option<Self> {
        let length = usize::try_from(u32::from_le_bytes(*file.get(4..)?.first_chunk()?)).ok()?;
        Some(Self::of(file.get(12..length.saturating_add(8).min(file.len()))?))
    }

    /// Returns whether the iteration ended at the end of the bytes, and not at a chunk that is cut short. Fewer bytes
    /// than a chunk's header do not count as a chunk.
    pub(crate) fn finished(&self) -> bool {
        self.rest.len() < 8
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let [n0, n1, n2, n3, length @ ..] = *self.rest.first_chunk::<8>()?;
        let end = usize::try_from(u32::from_le_bytes(length)).ok()?.checked_add(8)?;
        let data = self.rest.get(8..end)?;
        let (whole, rest) = self.rest.split_at(end.next_multiple_of(2).min(self.rest.len()));
        self.rest = rest;
        Some(Chunk { name: [n0, n1, n2, n3], data, whole })
    }
}

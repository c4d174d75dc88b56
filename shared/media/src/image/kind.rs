/// The format of a file, detected from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// JPEG
    Jpeg,
    /// PNG
    Png,
    /// GIF
    Gif,
    /// WebP
    Webp,
    /// Windows bitmap
    Bmp,
    /// TIFF and `BigTIFF`, including raw photo formats based on them
    Tiff,
    /// AV1 in HEIF
    Avif,
    /// HEVC in HEIF, the photo format of iPhones
    Heic,
    /// Anything else
    Other,
}

impl Kind {
    /// Detects the format of a file. Reads at most the first 136 bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::Webp,
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Self::Tiff,
            // Many texts begin with "BM" too. A bitmap is told apart by the length of its second header, which has few
            // valid values.
            [b'B', b'M', rest @ ..]
                if matches!(rest.get(12..16), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) =>
            {
                Self::Bmp
            }
            [a, b, c, d, b'f', b't', b'y', b'p', rest @ ..] => {
                Self::of_heif(u32::from_be_bytes([*a, *b, *c, *d]), rest)
            }
            _ => Self::Other,
        }
    }

    /// Returns the media type to serve a file of this format as, or `None` for [`Kind::Other`].
    #[must_use]
    pub fn media_type(self) -> Option<&'static str> {
        Some(match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
            Self::Other => return None,
        })
    }

    /// Detects the format from the brands of an `ftyp` box (ISO/IEC 14496-12).
    ///
    /// `rest` begins with the major brand (4 bytes) and the minor version (4 bytes). The compatible brands follow. They
    /// are needed when the major brand is generic, such as `mif1`. Videos use the same box with other brands.
    fn of_heif(box_length: u32, rest: &[u8]) -> Self {
        let end = (box_length as usize).saturating_sub(8).clamp(4, 128).min(rest.len());
        let brands = rest[..end].chunks_exact(4).enumerate().filter(|(i, _)| *i != 1);
        for (_, brand) in brands {
            match brand {
                b"avif" | b"avis" => return Self::Avif,
                b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => return Self::Heic,
                _ => {}
            }
        }
        Self::Other
    }
}

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that RFC 8187 requires to be percent-encoded in `filename*`: all except those of its rule `attr-char`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Maximum length of a percent-encoded file name in bytes. S3 stores at most 2 KB of system-defined metadata with an
/// object:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
const MAX_ENCODED: usize = 1_500;
/// Maximum length of a file name in characters.
const MAX_PLAIN: usize = 255;

/// Returns the value of a `Content-Disposition` header (RFC 6266). Browsers show the file if `inline` is true and save
/// it otherwise. The value contains only visible ASCII characters and spaces. A name with other characters is given
/// twice: with `_` in their place, and percent-encoded (RFC 8187). A name that is too long for S3 is shortened before
/// its extension.
#[must_use]
pub fn content_disposition(inline: bool, filename: &str) -> String {
    // `%` is replaced too, because some browsers percent-decode `filename` (RFC 6266, appendix D).
    let plain = |c: char| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') { c } else { '_' };
    let filename = &cut(filename);
    let fallback: String = filename.chars().map(plain).collect();
    let kind = if inline { "inline" } else { "attachment" };
    if fallback == *filename {
        return format!("{kind}; filename=\"{fallback}\"");
    }
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(filename, ENCODED))
}

/// Shortens a file name to the length that S3 can store. Keeps an extension of up to 16 characters.
fn cut(filename: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).map(str::len).sum::<usize>();
    if encoded(filename) <= MAX_ENCODED && filename.chars().count() <= MAX_PLAIN {
        return filename.to_owned();
    }
    let (mut stem, mut extension) = filename.rsplit_once('.').unwrap_or((filename, ""));
    if extension.chars().count() > 16 {
        (stem, extension) = (filename, "");
    }
    let dot = if extension.is_empty() { "" } else { "." };
    let mut left = MAX_ENCODED - encoded(extension) - dot.len();
    let fits = |c: &char| {
        let length = encoded(c.encode_utf8(&mut [0; 4]));
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    };
    let stem: String = stem.chars().take(MAX_PLAIN - extension.len().min(MAX_PLAIN)).take_while(fits).collect();
    format!("{stem}{dot}{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_names_are_quoted_unchanged() {
        assert_eq!(content_disposition(true, "photo.jpg"), r#"inline; filename="photo.jpg""#);
        assert_eq!(content_disposition(false, "a b; c='d'.txt"), r#"attachment; filename="a b; c='d'.txt""#);
        assert_eq!(content_disposition(false, ""), r#"attachment; filename="""#);
    }

    #[test]
    fn other_names_are_also_given_percent_encoded() {
        for (name, fallback, encoded) in [
            ("Käse.pdf", "K_se.pdf", "K%C3%A4se.pdf"),
            ("\u{1f600} 1.png", "_ 1.png", "%F0%9F%98%80%201.png"),
            ("a\"; filename=\"b.exe", "a_; filename=_b.exe", "a%22%3B%20filename%3D%22b.exe"),
            ("a\\\"b", "a__b", "a%5C%22b"),
            ("100%41.txt", "100_41.txt", "100%2541.txt"),
            ("a\r\nSet-Cookie: b", "a__Set-Cookie: b", "a%0D%0ASet-Cookie%3A%20b"),
            ("\0\t\u{7f}\u{85}", "____", "%00%09%7F%C2%85"),
            ("it's (1)*ä", "it's (1)*_", "it%27s%20%281%29%2A%C3%A4"),
            ("a\u{202e}gpj.exe", "a_gpj.exe", "a%E2%80%AEgpj.exe"),
        ] {
            let expected = format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{encoded}");
            assert_eq!(content_disposition(false, name), expected);
        }
    }

    #[test]
    fn longest_names_fit_into_s3_metadata_and_keep_their_extension() {
        for (name, end) in [
            (format!("{}.jpg", "🏡".repeat(251)), ".jpg"),
            ("写".repeat(255), "%E5%86%99"),
            ("a".repeat(255), "aaa\""),
            (format!("a.{}", "🏡".repeat(253)), "%F0%9F%8F%A1"),
            (format!("{}.{}", "🏡".repeat(238), "é".repeat(16)), "%C3%A9"),
        ] {
            let text = content_disposition(true, &name);
            assert!(text.len() < 1_900, "{}", text.len());
            assert!(text.ends_with(end), "{text}");
        }
    }

    #[test]
    fn no_character_escapes_the_quoted_or_encoded_name() {
        for c in (0..=0x2_ffff).filter_map(char::from_u32) {
            let text = content_disposition(false, &format!("a{c}b"));
            assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text}");
            assert!(!text.contains('\\') && matches!(text.matches('"').count(), 2), "{text}");
            let (quoted, encoded) = text.rsplit_once('"').unwrap();
            assert!(quoted.starts_with("attachment; filename=\"a"), "{text}");
            if let Some(value) = encoded.strip_prefix("; filename*=UTF-8''") {
                assert!(!value.contains([';', ' ', '\'', '*', ',']), "{text}");
            } else {
                assert_eq!(encoded, "");
            }
        }
    }
}

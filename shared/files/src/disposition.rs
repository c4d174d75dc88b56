use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 8187 wants encoded: all but its `attr-char`.
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

/// The value of a `Content-Disposition` header (RFC 6266), always visible ASCII and spaces: whether a browser shows the
/// file or saves it, and its name. A name that does not survive as it is comes twice, the second time as RFC 8187 has
/// it.
#[must_use]
pub fn content_disposition(inline: bool, filename: &str) -> String {
    // Percent signs too: some browsers decode them in here (RFC 6266, appendix D).
    let plain = |c: char| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') { c } else { '_' };
    let fallback: String = filename.chars().map(plain).collect();
    let kind = if inline { "inline" } else { "attachment" };
    if fallback == filename {
        return format!("{kind}; filename=\"{fallback}\"");
    }
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(filename, ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(content_disposition(true, "photo.jpg"), r#"inline; filename="photo.jpg""#);
        assert_eq!(content_disposition(false, "a b; c='d'.txt"), r#"attachment; filename="a b; c='d'.txt""#);
        assert_eq!(content_disposition(false, ""), r#"attachment; filename="""#);
    }

    #[test]
    fn other_names_come_with_their_encoding() {
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
    fn no_character_leaves_its_place() {
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

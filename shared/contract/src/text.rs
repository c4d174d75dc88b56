//! Rules for the characters of texts that people read: message texts, thread titles and users' names.

/// Characters without a visible form that are neither white space nor control characters: the derived property
/// `Default_Ignorable_Code_Point` of Unicode 16.0 (`DerivedCoreProperties.txt`), the anchors of interlinear annotations
/// (U+FFF9 to U+FFFB) and the blank braille pattern (U+2800). Sorted, without overlaps.
const INVISIBLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Returns whether a text has a visible character: one that is not white space (`White_Space`), not a control character
/// (`Cc`) and not invisible by itself, such as a zero-width joiner or a variation selector.
#[must_use]
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|c| {
        let invisible = || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c));
        !(c.is_whitespace() || c.is_control() || invisible())
    })
}

/// Returns whether a character changes how the text around it is laid out: a control character (`Cc`), a line or
/// paragraph separator (U+2028, U+2029), or a bidirectional embedding, override or isolate (U+202A to U+202E, U+2066 to
/// U+2069; Unicode Standard Annex 9). Titles and names must not contain such characters.
///
/// Returns false for the directional marks U+200E, U+200F and U+061C: they change only the order of neutral characters
/// beside them, and texts in Arabic and Hebrew need them. Returns false for joiners, which emoji and Persian need.
#[must_use]
pub fn changes_layout(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Regular expressions for JSON Schemas (ECMA 262). They treat every character above U+FFFF as visible, because some
/// engines do not support escapes of such characters. The server treats some of them as invisible, such as U+E0001.
#[cfg(feature = "schema")]
pub(crate) mod pattern {
    use super::INVISIBLE;

    const CHANGES_LAYOUT: &str = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069";

    fn not_visible() -> String {
        let narrow = INVISIBLE.iter().map(|(first, last)| (u32::from(*first), u32::from(*last)));
        let ranges = narrow.filter(|(_, last)| *last <= 0xffff).map(|(first, last)| match last - first {
            0 => format!(r"\u{first:04x}"),
            _ => format!(r"\u{first:04x}-\u{last:04x}"),
        });
        format!(r"\s\u0000-\u001f\u007f-\u009f{}", ranges.collect::<String>())
    }

    /// Matches texts without a visible character.
    pub(crate) fn invisible() -> String {
        format!("^[{}]*$", not_visible())
    }

    /// Matches titles: empty ones, and those with a visible character and no character that changes the layout.
    pub(crate) fn title() -> String {
        format!("^([^{CHANGES_LAYOUT}]*[^{}{CHANGES_LAYOUT}][^{CHANGES_LAYOUT}]*)?$", not_visible())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_letters_digits_signs_or_emoji_is_visible() {
        for text in ["a", " 7 ", "…", "👨‍👩‍👧", "❤️", "\u{200f}שלום", "می‌خواهم", "\u{301}", "\u{600}", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
        {
            assert!(is_visible(text), "{text:?}");
        }
    }

    #[test]
    fn white_space_control_and_ignorable_characters_are_not_visible() {
        for text in ["", " ", "\t\r\n", "\u{a0}\u{2003}\u{3000}\u{85}", "\u{0}\u{7f}\u{9f}"] {
            assert!(!is_visible(text), "{text:?}");
        }
        for (first, last) in INVISIBLE {
            assert!(!is_visible(&format!(" {first}{last}")), "{first:?} to {last:?}");
        }
    }

    #[test]
    fn invisible_ranges_are_sorted_and_do_not_overlap() {
        assert!(INVISIBLE.iter().all(|(first, last)| first <= last));
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn controls_line_separators_and_bidirectional_formatting_change_the_layout() {
        for c in "\u{0}\t\n\u{1b}\u{7f}\u{85}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2069}"
            .chars()
        {
            assert!(changes_layout(c), "{c:?}");
        }
        for c in " a\u{a0}\u{ad}\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2027}\u{202f}\u{2065}\u{206a}\u{fe0f}"
            .chars()
        {
            assert!(!changes_layout(c), "{c:?}");
        }
    }
}

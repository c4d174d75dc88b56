//! Composes the content of a notification.

use contract::{ApiError, Notification, PushMessage, ThreadId, limits};
use store::ThreadNews;
use unicode_segmentation::UnicodeSegmentation as _;
use webpush::MAX_MESSAGE;

/// Returns the content of a notification as JSON, at most [`MAX_MESSAGE`] bytes.
pub(crate) fn of(news: &ThreadNews, thread: &ThreadId, page_url: &str, badge: u64) -> Result<String, ApiError> {
    let ThreadNews { title, member_ids, message } = news;
    let author = &message.author_name;
    // In a thread of two members, the notification's title is the author's name. In a larger thread, its title names
    // the thread, and its text begins with the author's name.
    let (title, prefix) = match title {
        Some(title) if member_ids.len() > 2 => (title.clone(), format!("{author}: ")),
        None if member_ids.len() == 3 => (format!("{author} and 1 other"), format!("{author}: ")),
        None if member_ids.len() > 3 => {
            (format!("{author} and {} others", member_ids.len() - 2), format!("{author}: "))
        }
        _ => (author.clone(), String::new()),
    };
    let text = match message.file_ids.len() {
        0 => message.body.clone(),
        _ if !message.body.trim().is_empty() => format!("\u{1f4ce} {}", message.body),
        1 => "\u{1f4ce} 1 file".to_owned(),
        files => format!("\u{1f4ce} {files} files"),
    };
    let text = format!("{prefix}{text}");
    // Takes one character more than is shown, to find out whether the text must be cut.
    let graphemes: Vec<_> = text.graphemes(true).take(limits::NOTIFICATION_CHARS + 1).collect();
    let navigate = format!("{page_url}#{thread}");
    // A character may have dozens of bytes, such as an emoji. So the text is halved until the content fits into a push
    // message.
    let mut chars = limits::NOTIFICATION_CHARS.min(graphemes.len());
    loop {
        let mut body = graphemes[..chars].concat();
        if chars < graphemes.len() {
            body.push('…');
        }
        let notification = Notification {
            title: title.clone(),
            body,
            navigate: navigate.clone(),
            tag: thread.to_string(),
            timestamp: message.created_at.millis(),
        };
        let content = serde_json::to_string(&PushMessage::new(notification, badge))?;
        if content.len() <= MAX_MESSAGE || chars == 0 {
            return Ok(content);
        }
        chars /= 2;
    }
}

/// Returns the topic of a thread's notifications: the last 32 characters of the thread's ID, which differ between
/// threads. A topic has at most 32 characters, and a push service keeps only the newest undelivered notification of a
/// topic (RFC 8030, section 5.4).
pub(crate) fn topic(thread: &ThreadId) -> String {
    let id = thread.as_str();
    id[id.len().saturating_sub(32)..].to_owned()
}

#[cfg(test)]
mod tests {
    use contract::{FileId, Timestamp, UserId};
    use serde_json::{Value, json};
    use store::NewsMessage;

    use super::*;

    const PAGE: &str = "https://chat.example/";

    /// Returns a thread's title, its members and a message with this text and number of files, as push-send reads them.
    fn news(title: Option<&str>, members: usize, body: &str, files: usize) -> ThreadNews {
        let user = |n: usize| UserId::parse(&format!("user-{n}")).unwrap();
        let message = NewsMessage {
            seq: 7,
            author_id: user(0),
            author_name: "Sarah".into(),
            body: body.into(),
            file_ids: (0..files).map(|_| FileId::new()).collect(),
            created_at: Timestamp::from_millis(1_757_034_300_123),
        };
        ThreadNews { title: title.map(str::to_owned), member_ids: (0..members).map(user).collect(), message }
    }

    fn content(news: &ThreadNews) -> Value {
        serde_json::from_str(&of(news, &ThreadId::new(), PAGE, 3).unwrap()).unwrap()
    }

    /// Returns the notification's title and body.
    fn shown(news: &ThreadNews) -> (String, String) {
        let text = |field: &str| content(news)["notification"][field].as_str().unwrap().to_owned();
        (text("title"), text("body"))
    }

    #[test]
    fn notification_opens_its_thread_and_replaces_earlier_ones_of_it() {
        let thread = ThreadId::new();
        let content = of(&news(None, 2, "Dinner at 6?", 0), &thread, PAGE, 3).unwrap();
        let expected = json!({
            "web_push": 8030,
            "notification": {
                "title": "Sarah", "body": "Dinner at 6?", "navigate": format!("{PAGE}#{thread}"), "tag": thread,
                "timestamp": 1_757_034_300_123_i64,
            },
            "app_badge": 3,
        });
        assert_eq!(serde_json::from_str::<Value>(&content).unwrap(), expected);
    }

    #[test]
    fn title_names_the_author_or_the_group() {
        for (title, members, expected) in [
            (None, 2, ("Sarah", "hi")),
            (Some("Us"), 2, ("Sarah", "hi")),
            (Some("Family"), 3, ("Family", "Sarah: hi")),
            (None, 3, ("Sarah and 1 other", "Sarah: hi")),
            (None, 90, ("Sarah and 88 others", "Sarah: hi")),
        ] {
            let (title, body) = shown(&news(title, members, "hi", 0));
            assert_eq!((title.as_str(), body.as_str()), expected);
        }
    }

    #[test]
    fn files_are_counted_or_marked_before_the_text() {
        for (body, files, expected) in
            [("", 1, "📎 1 file"), ("", 10, "📎 10 files"), (" ", 2, "📎 2 files"), ("Look!", 2, "📎 Look!")]
        {
            assert_eq!(shown(&news(None, 2, body, files)).1, expected);
        }
    }

    #[test]
    fn text_is_cut_after_200_characters_as_people_count_them() {
        // A letter with two accents, a flag and an emoji with a skin tone are one character each.
        for character in ["x", "e\u{301}\u{323}", "🇦🇹", "👍🏽", "ש", "ع", "\r\n"] {
            let [whole, long] = [200, 201].map(|count| character.repeat(count));
            assert_eq!(shown(&news(None, 2, &whole, 0)).1, whole);
            assert_eq!(shown(&news(None, 2, &long, 0)).1, format!("{whole}…"));
        }
        // 200 of this emoji have 5,000 bytes. A push message has at most 3,993, so the text is halved.
        let [half, long] = [100, 200].map(|count| "👨‍👩‍👧‍👦".repeat(count));
        assert_eq!(shown(&news(None, 2, &long, 0)).1, format!("{half}…"));
        let (_, body) = shown(&news(Some("Family"), 3, &"x".repeat(200), 0));
        assert_eq!(body, format!("Sarah: {}…", "x".repeat(193)));
    }

    #[test]
    fn right_to_left_text_is_unchanged() {
        let text = "שלום, ארוחת ערב ב־6? مرحبا";
        assert_eq!(shown(&news(None, 2, text, 0)).1, text);
    }

    #[test]
    fn largest_content_fits_into_a_message() {
        let longest = limits::BODY_CHARS;
        for character in ["😀", "👨‍👩‍👧‍👦", "\u{1}", "\"", "\u{10ffff}", "\u{301}"] {
            let mut news = news(Some(&"😀".repeat(limits::TITLE_CHARS)), 90, &character.repeat(longest), 10);
            news.message.author_name = character.repeat(100);
            let content = of(&news, &ThreadId::new(), PAGE, u64::MAX).unwrap();
            assert!(content.len() <= MAX_MESSAGE, "{character}: {}", content.len());
        }
        // A character of 16,000 bytes never fits, so only the ellipsis is shown.
        let (_, body) = shown(&news(None, 2, &format!("e{}", "\u{301}".repeat(7_999)), 0));
        assert_eq!(body, "…");
    }

    #[test]
    fn topics_differ_between_threads_and_are_valid() {
        let [first, second] = [(), ()].map(|()| topic(&ThreadId::new()));
        assert_ne!(first, second);
        assert!(first.len() <= 32 && first.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{first}");
    }
}

//! What a notification says.

use contract::{ApiError, Notification, PushMessage, ThreadId, limits};
use store::ThreadNews;
use unicode_segmentation::UnicodeSegmentation as _;
use webpush::MAX_MESSAGE;

/// Returns the content of a notification as JSON, at most [`MAX_MESSAGE`] bytes.
pub(crate) fn of(news: &ThreadNews, thread: &ThreadId, page_url: &str, badge: u64) -> Result<String, ApiError> {
    let ThreadNews { title, member_ids, message } = news;
    let author = &message.author_name;
    // In a thread of two, the author's name says it all. In a group, the title tells which one it is.
    let (title, prefix) = match title {
        Some(title) if member_ids.len() > 2 => (title.clone(), format!("{author}: ")),
        None if member_ids.len() > 2 => {
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
    let graphemes: Vec<_> = text.graphemes(true).collect();
    let navigate = format!("{page_url}#{thread}");
    // An emoji may have dozens of bytes, so even few characters may be too long.
    let mut chars = limits::NOTIFICATION_CHARS.min(graphemes.len());
    loop {
        let body = if chars < graphemes.len() { graphemes[..chars].concat() + "…" } else { text.clone() };
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

/// Returns the topic of a thread's notifications, at most 32 characters: the end of its ID, which differs between threads.
pub(crate) fn topic(thread: &ThreadId) -> String {
    let id = thread.as_str();
    id[id.len().saturating_sub(32)..].to_owned()
}

#[cfg(any(feature = "schema", feature = "simulation"))]
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::{
    ChannelName, FileId, FileStatus, FrameError, Message, ReadMark, ThreadId, ThreadOverview, ThreadSettings,
    ThreadUpdate, UserId, limits,
};

/// Response body of `POST /api/ws-tickets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WsTicket {
    /// The ticket. Add it to the socket's URL as `?ticket=…`. It opens one connection.
    pub ticket: String,
    /// Seconds until the ticket expires and can no longer open a connection.
    pub expires_in: i64,
}

/// An event: what the server sends on a socket.
// This is the only definition of the events. `make docs` generates the schemas of docs/asyncapi.yaml and the client
// library's events.ts from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", content = "data", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A message was committed in a thread.
    #[serde(rename = "message:new")]
    MessageNew {
        /// ID of the message's thread.
        thread_id: ThreadId,
        /// The message, the same object as in REST responses.
        message: Message,
        /// True if the message is too large for a frame. Then `message` has an empty body, no attachments, no reactions
        /// and no quote, and the client fetches the complete message over REST. Missing otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// A message was edited or deleted, or a reaction to it was set or removed. Sent once for each revision of the thread.
    #[serde(rename = "message:changed")]
    MessageChanged {
        /// ID of the message's thread.
        thread_id: ThreadId,
        /// The revision of the change.
        rev: u64,
        /// The whole message as it is now. Its own `rev` may already be larger than the event's.
        message: Message,
        /// True if the message is too large for a frame. Then `message` has an empty body, no attachments, no reactions
        /// and no quote, and the client fetches the complete message over REST. Missing otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// A file has become ready or failed.
    #[serde(rename = "file:status")]
    FileStatus {
        /// ID of the file.
        file_id: FileId,
        /// The file's new state.
        status: FileStatus,
        /// Link to the file's thumbnail, relative to the API's base URL; null if the file has no thumbnail.
        thumb_url: Option<String>,
        /// Width of the image as displayed, in pixels. Missing unless the file is a ready image. Also missing if the
        /// image became ready in an older version of the server, which did not measure images.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        width: Option<u32>,
        /// Height of the image as displayed, in pixels. Missing if `width` is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        height: Option<u32>,
    },
    /// A user is typing in a thread. The event counts for 15 seconds. The user's client sends `typing` again every 10
    /// seconds while the user types.
    Typing {
        /// ID of the thread.
        thread_id: ThreadId,
        /// ID of the user who is typing.
        user_id: UserId,
    },
    /// A member's read mark has moved. Subscribers of the thread receive it if the member shares read receipts; the
    /// member's own connections receive it in any case.
    #[serde(rename = "read:updated")]
    ReadUpdated {
        /// ID of the thread.
        thread_id: ThreadId,
        /// The member's current read mark.
        #[serde(flatten)]
        mark: ReadMark,
    },
    /// The caller has changed their settings of a thread, with this client or another one.
    #[serde(rename = "thread:settings")]
    ThreadSettings {
        /// ID of the thread.
        thread_id: ThreadId,
        /// The caller's current settings.
        #[serde(flatten)]
        settings: ThreadSettings,
    },
    /// A thread was created, and the caller is one of its members.
    #[serde(rename = "thread:new")]
    ThreadNew {
        /// The thread.
        thread: NewThread,
    },
    /// Messages were committed in one of the caller's threads, or its last message was edited or deleted. Sent once for
    /// several messages that follow each other closely, and not to a connection that has received `message:new` for all of
    /// them.
    #[serde(rename = "thread:updated")]
    ThreadUpdated {
        /// The thread's current state.
        thread: ThreadUpdate,
        /// Read marks of the authors of the new messages: a message moves its author's read mark to its own `seq`.
        sent: Vec<ReadMark>,
    },
    /// Answer to `subscribe`.
    Subscribed {
        /// The channel that the connection is now subscribed to.
        channel: ChannelName,
        /// The thread's last `seq` at the time of the subscription. The server pushes every later message. The client
        /// fetches missing messages up to this `seq` over REST, with the query parameter `after`. Missing for `inbox`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// The thread's last revision at the time of the subscription. The server pushes every later change to a message.
        /// The client asks for earlier changes over REST. Missing for `inbox`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rev: Option<u64>,
    },
    /// Answer to `unsubscribe`.
    Unsubscribed {
        /// The channel that the connection is no longer subscribed to.
        channel: ChannelName,
    },
    /// Answer to a `typing` frame with an `id`.
    Accepted {
        /// The thread's channel.
        channel: ChannelName,
    },
    /// Answer to `ping`.
    Pong,
    /// Answer to a frame that the server could not process; the connection stays open. An error with the code
    /// `too_many_connections` does not answer a frame: it says that the server closes the connection.
    Error(FrameError),
}

/// The thread of a `thread:new` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum NewThread {
    /// The thread, as in the list of threads, but without the caller's read mark and settings.
    Whole(Box<ThreadOverview>),
    /// A thread that is too large for a frame. The client fetches it over REST.
    Truncated {
        /// ID of the thread.
        id: ThreadId,
        /// Always true.
        truncated: bool,
    },
}

/// An event that answers a client's frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answer {
    /// The event that answers the frame, such as `pong`.
    #[serde(flatten)]
    pub event: Event,
    /// The `id` of the client's frame. Missing if the frame had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::FrameId"))]
    pub id: Option<Value>,
}

/// Returns the `message:new` frame of a message. It never exceeds [`limits::FRAME_BYTES`]: a message that is too large
/// is sent without its large fields and with `truncated: true`.
pub fn message_new_frame(message: Message) -> Result<String, serde_json::Error> {
    message_frame(message, |message, truncated| Event::MessageNew {
        thread_id: message.thread_id.clone(),
        message,
        truncated,
    })
}

/// Returns the `message:changed` frame of the revision `rev`, which changed `message`. A message that is too large is
/// sent as [`message_new_frame`] sends it.
pub fn message_changed_frame(rev: u64, message: Message) -> Result<String, serde_json::Error> {
    message_frame(message, |message, truncated| Event::MessageChanged {
        thread_id: message.thread_id.clone(),
        rev,
        message,
        truncated,
    })
}

fn message_frame(message: Message, event: impl Fn(Message, bool) -> Event) -> Result<String, serde_json::Error> {
    let frame = serde_json::to_string(&event(message.clone(), false))?;
    if frame.len() <= limits::FRAME_BYTES { Ok(frame) } else { serde_json::to_string(&event(truncated(message), true)) }
}

/// Removes the large fields of a message.
fn truncated(message: Message) -> Message {
    // The pattern names every field, so that the code does not compile after a field is added until this function keeps
    // or removes it.
    let Message {
        id,
        thread_id,
        seq,
        rev,
        body: _,
        author,
        attachments: _,
        created_at,
        edited_at,
        deleted_at,
        reactions: _,
        reply_to: _,
    } = message;
    let (body, attachments, reactions, reply_to) = (String::new(), Vec::new(), Vec::new(), None);
    Message {
        id,
        thread_id,
        seq,
        rev,
        body,
        author,
        attachments,
        created_at,
        edited_at,
        deleted_at,
        reactions,
        reply_to,
    }
}

/// Returns the `thread:new` frame of a thread. It never exceeds [`limits::FRAME_BYTES`]: a thread that is too large is
/// sent as its ID and `truncated: true`.
pub fn thread_new_frame(thread: ThreadOverview) -> Result<String, serde_json::Error> {
    let id = thread.thread.id.clone();
    let frame = serde_json::to_string(&Event::ThreadNew { thread: NewThread::Whole(Box::new(thread)) })?;
    if frame.len() <= limits::FRAME_BYTES {
        return Ok(frame);
    }
    serde_json::to_string(&Event::ThreadNew { thread: NewThread::Truncated { id, truncated: true } })
}

/// Returns the `thread:updated` frames with `update` and the read marks in `sent`. Each frame has at most 10 read
/// marks, because user IDs may be long and a frame must not exceed [`limits::FRAME_BYTES`]. Returns one frame if `sent`
/// is empty.
pub fn thread_updated_frames(update: &ThreadUpdate, sent: &[ReadMark]) -> Result<Vec<String>, serde_json::Error> {
    let frame = |sent: &[ReadMark]| {
        serde_json::to_string(&Event::ThreadUpdated { thread: update.clone(), sent: sent.to_vec() })
    };
    if sent.is_empty() { Ok(vec![frame(&[])?]) } else { sent.chunks(10).map(frame).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Author, ErrorCode, MessageId, MessagePreview, PreviewAttachment, Quote, Reaction, Thread, Timestamp};

    #[test]
    fn answer_has_the_event_and_the_id_of_the_frame() {
        let answer = Answer { event: Event::Pong, id: Some(json!("a")) };
        assert_eq!(serde_json::to_value(answer).unwrap(), json!({"event": "pong", "id": "a"}));
        let channel = ChannelName::parse("thread:thread_1").unwrap();
        let answer = Answer { event: Event::Subscribed { channel, seq: Some(3), rev: Some(2) }, id: None };
        let expected = json!({"event": "subscribed", "data": {"channel": "thread:thread_1", "seq": 3, "rev": 2}});
        assert_eq!(serde_json::to_value(answer).unwrap(), expected);
    }

    fn message(body: String) -> Message {
        Message {
            id: MessageId::parse("msg_1").unwrap(),
            thread_id: ThreadId::parse("thread_1").unwrap(),
            seq: 1,
            rev: 0,
            body,
            author: Author { id: UserId::parse("u").unwrap(), name: "U".into() },
            attachments: vec![],
            created_at: Timestamp::from_millis(0),
            edited_at: None,
            deleted_at: None,
            reactions: vec![],
            reply_to: None,
        }
    }

    /// Returns an edited message with reactions, which is a reply.
    fn changed_message(body: String) -> Message {
        let author = Author { id: UserId::parse("v").unwrap(), name: "V".into() };
        Message {
            rev: 4,
            edited_at: Some(Timestamp::from_millis(1)),
            reactions: vec![Reaction { emoji: "👍".into(), user_ids: vec![user("u"), user("v")] }],
            reply_to: Some(Quote { seq: 1, author, excerpt: "Dinner?".into(), deleted: false }),
            ..message(body)
        }
    }

    #[test]
    fn message_changed_contains_the_revision_and_the_current_message() {
        let frame = message_changed_frame(3, changed_message("hi".into())).unwrap();
        let expected = json!({"event": "message:changed", "data": {"threadId": "thread_1", "rev": 3, "message": {
            "id": "msg_1", "threadId": "thread_1", "seq": 1, "rev": 4, "body": "hi",
            "author": {"id": "u", "name": "U"}, "attachments": [], "createdAt": "1970-01-01T00:00:00.000Z",
            "editedAt": "1970-01-01T00:00:00.001Z", "reactions": [{"emoji": "👍", "userIds": ["u", "v"]}],
            "replyTo": {"seq": 1, "author": {"id": "v", "name": "V"}, "excerpt": "Dinner?", "deleted": false}}}});
        assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), expected);
    }

    #[test]
    fn truncated_change_keeps_only_small_fields() {
        let reactions =
            vec![Reaction { emoji: "👍".into(), user_ids: vec![user(&"\"".repeat(255)); limits::MEMBERS] }];
        let author = Author { id: user(&"\"".repeat(255)), name: "\u{1}".repeat(100) };
        let large = Message { author, reactions, ..changed_message("short".into()) };
        let frame = message_changed_frame(3, large).unwrap();
        assert!(frame.len() <= limits::FRAME_BYTES);
        let data = &serde_json::from_str::<Value>(&frame).unwrap()["data"];
        assert_eq!((&data["truncated"], &data["rev"]), (&json!(true), &json!(3)));
        let message = &data["message"];
        assert_eq!((&message["rev"], &message["body"], &message["reactions"]), (&json!(4), &json!(""), &json!([])));
        assert_eq!(message.get("replyTo"), None);
    }

    #[test]
    fn message_new_contains_the_rest_message() {
        let frame = message_new_frame(message("hi".into())).unwrap();
        let expected = json!({"event": "message:new", "data": {"threadId": "thread_1", "message": {
            "id": "msg_1", "threadId": "thread_1", "seq": 1, "rev": 0, "body": "hi",
            "author": {"id": "u", "name": "U"}, "attachments": [], "reactions": [], "createdAt": "1970-01-01T00:00:00.000Z"}}});
        assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), expected);
    }

    #[test]
    fn file_status_without_thumbnail_has_null() {
        let file_id = FileId::parse("file_1").unwrap();
        let event =
            Event::FileStatus { file_id, status: FileStatus::Failed, thumb_url: None, width: None, height: None };
        let expected =
            json!({"event": "file:status", "data": {"fileId": "file_1", "status": "failed", "thumbUrl": null}});
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }

    #[cfg(any(feature = "schema", feature = "simulation"))]
    #[test]
    fn tests_can_deserialize_every_event() {
        let channel = ChannelName::parse("thread:thread_1").unwrap();
        let events = [
            Event::MessageNew { thread_id: ThreadId::new(), message: message("hi".into()), truncated: false },
            Event::MessageNew { thread_id: ThreadId::new(), message: message(String::new()), truncated: true },
            Event::FileStatus {
                file_id: FileId::new(),
                status: FileStatus::Ready,
                thumb_url: Some("/thumbs/1".into()),
                width: Some(4_032),
                height: Some(3_024),
            },
            Event::MessageChanged {
                thread_id: ThreadId::new(),
                rev: 3,
                message: changed_message("hi".into()),
                truncated: false,
            },
            Event::Subscribed { channel: channel.clone(), seq: Some(3), rev: Some(2) },
            Event::Subscribed { channel: ChannelName::Inbox, seq: None, rev: None },
            Event::Unsubscribed { channel: channel.clone() },
            Event::Accepted { channel },
            Event::Typing { thread_id: ThreadId::new(), user_id: user("u") },
            Event::ReadUpdated { thread_id: ThreadId::new(), mark: ReadMark { user_id: user("u"), seq: 3 } },
            Event::ThreadSettings {
                thread_id: ThreadId::new(),
                settings: ThreadSettings { archived: true, muted_until: Some(Timestamp::from_millis(0)) },
            },
            Event::ThreadNew { thread: NewThread::Whole(Box::new(overview(1))) },
            Event::ThreadNew { thread: NewThread::Truncated { id: ThreadId::new(), truncated: true } },
            Event::ThreadUpdated { thread: largest_update(), sent: vec![ReadMark { user_id: user("u"), seq: 3 }] },
            Event::Pong,
            Event::Error(FrameError::new(ErrorCode::UnknownAction, "…")),
        ];
        for event in events {
            for id in [None, Some(json!(1))] {
                let answer = Answer { event: event.clone(), id };
                let text = serde_json::to_string(&answer).unwrap();
                assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer, "{text}");
                assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
            }
        }
    }

    #[test]
    fn too_large_message_is_truncated_to_the_frame_limit() {
        let largest = limits::FRAME_BYTES - message_new_frame(message(String::new())).unwrap().len();
        for (body, truncated) in [
            ("a".repeat(largest), false),
            ("a".repeat(largest + 1), true),
            ("🏡".repeat(limits::BODY_CHARS), false),
            ("\u{1}".repeat(limits::BODY_CHARS), true),
        ] {
            let frame = message_new_frame(message(body)).unwrap();
            assert!(frame.len() <= limits::FRAME_BYTES);
            let data = &serde_json::from_str::<Value>(&frame).unwrap()["data"];
            assert_eq!(data.get("truncated").is_some(), truncated);
            assert_eq!(data["message"]["seq"], 1);
        }
        let name = "🏡".repeat(limits::FILE_NAME_CHARS);
        let attachment = crate::Attachment {
            id: FileId::parse("file_1").unwrap(),
            url: "%F0%9F%8F%A1".repeat(limits::FILE_NAME_CHARS),
            name,
            mimetype: "image/jpeg".into(),
            size: 1,
            status: FileStatus::Pending,
            thumb_url: None,
            width: None,
            height: None,
        };
        let attachments = vec![attachment; limits::FILES];
        let frame = message_new_frame(Message { attachments, ..message("short".into()) }).unwrap();
        assert!(frame.len() <= limits::FRAME_BYTES && frame.contains("\"truncated\":true"));
    }

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    fn overview(members: usize) -> ThreadOverview {
        let thread = Thread {
            id: ThreadId::parse("thread_1").unwrap(),
            title: None,
            member_ids: vec![user(&"\"".repeat(limits::USER_ID_BYTES)); members],
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        };
        let (member_names, last_message) = (vec!["\u{1}".repeat(100); members], largest_update().last_message);
        ThreadOverview { thread, member_names, last_seq: u64::MAX, last_message }
    }

    /// Returns an update whose texts have the maximum lengths, and characters that take many bytes in JSON.
    fn largest_update() -> ThreadUpdate {
        let attachment = PreviewAttachment {
            id: FileId::parse(&format!("file_{}", "x".repeat(64))).unwrap(),
            name: "🏡".repeat(limits::FILE_NAME_CHARS),
            mimetype: format!("a/b;{}", "\"".repeat(limits::MEDIA_TYPE_CHARS - 4)),
        };
        let thread_id = ThreadId::parse(&format!("thread_{}", "x".repeat(64))).unwrap();
        let last_message = MessagePreview {
            id: MessageId::parse(&format!("msg_{}", "x".repeat(64))).unwrap(),
            thread_id: thread_id.clone(),
            seq: u64::MAX,
            rev: u64::MAX,
            body: "\u{1}".repeat(limits::PREVIEW_CHARS),
            truncated: true,
            author: Author { id: user(&"\"".repeat(limits::USER_ID_BYTES)), name: "\u{1}".repeat(100) },
            attachments: vec![attachment; limits::FILES],
            created_at: Timestamp::from_millis(0),
            deleted_at: Some(Timestamp::from_millis(0)),
        };
        let updated_at = Timestamp::from_millis(0);
        ThreadUpdate { id: thread_id, last_seq: u64::MAX, updated_at, last_message: Some(last_message) }
    }

    #[test]
    fn updates_with_many_authors_become_several_frames_within_the_limit() {
        let author = |n: usize| {
            let id = format!("{n:03}{}", "\"".repeat(limits::USER_ID_BYTES - 3));
            ReadMark { user_id: user(&id), seq: u64::MAX }
        };
        for (authors, expected) in [(0, 1), (1, 1), (10, 1), (11, 2), (limits::MEMBERS, 9)] {
            let sent: Vec<_> = (0..authors).map(author).collect();
            let frames = thread_updated_frames(&largest_update(), &sent).unwrap();
            assert_eq!(frames.len(), expected);
            let mut told = Vec::new();
            for frame in frames {
                assert!(frame.len() <= limits::FRAME_BYTES, "a frame has {} bytes", frame.len());
                let frame: Value = serde_json::from_str(&frame).unwrap();
                told.extend(frame["data"]["sent"].as_array().unwrap().clone());
            }
            assert_eq!(json!(told), json!(sent));
        }
    }

    #[test]
    fn too_large_new_thread_is_sent_as_its_id() {
        let small = thread_new_frame(overview(1)).unwrap();
        assert!(small.len() <= limits::FRAME_BYTES && small.contains("memberNames"));
        let large: Value = serde_json::from_str(&thread_new_frame(overview(limits::MEMBERS)).unwrap()).unwrap();
        assert_eq!(large["data"], json!({"thread": {"id": "thread_1", "truncated": true}}));
    }
}

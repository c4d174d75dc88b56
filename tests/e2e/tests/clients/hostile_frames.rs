//! Whatever a client sends, it gets an error event and keeps its connection.

use e2e::{MAX_FRAME_BYTES, User};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn frames_that_are_no_json_object_are_malformed() {
    let mut socket = User::sarah().await.connect().await;
    for frame in ["not json", "{", "{\"action\":\"ping\"", "[]", "[{\"action\":\"ping\"}]", "\"ping\"", "7", "null"] {
        assert_eq!(socket.provoke(frame).await, "malformed_frame", "{frame}");
        socket.ping().await;
    }
}

#[tokio::test]
async fn binary_frames_are_refused() {
    let mut socket = User::sarah().await.connect().await;
    for bytes in [&[0xff, 0xfe, 0x00][..], b"\x00\x01\x02", b"binary, but text"] {
        socket.provoke(Message::binary(bytes.to_vec())).await;
        socket.ping().await;
    }
}

#[tokio::test]
async fn actions_that_do_not_exist_are_unknown() {
    let mut socket = User::sarah().await.connect().await;
    for action in ["dance", "", "PING", "$connect", "$disconnect", "$default", "message:new"] {
        let answer = socket.ask(json!({ "action": action })).await;
        assert_eq!(answer["event"], "error", "{answer}");
        assert_eq!(answer["data"]["code"], "unknown_action", "{answer}");
        socket.ping().await;
    }
}

#[tokio::test]
async fn frames_without_an_action_are_refused() {
    let mut socket = User::sarah().await.connect().await;
    for frame in [json!({}), json!({ "action": 1 }), json!({ "action": null }), json!({ "event": "pong" })] {
        let answer = socket.ask(frame).await;
        assert_eq!(answer["event"], "error", "{answer}");
        let code = &answer["data"]["code"];
        assert!(code == "invalid_frame" || code == "unknown_action", "{answer}");
        socket.ping().await;
    }
}

#[tokio::test]
async fn subscribing_to_no_channel_is_invalid() {
    let mut socket = User::sarah().await.connect().await;
    for action in ["subscribe", "unsubscribe"] {
        let frames = [
            json!({ "action": action }),
            json!({ "action": action, "channel": null }),
            json!({ "action": action, "channel": 7 }),
            json!({ "action": action, "channel": ["thread:thread_1"] }),
            json!({ "action": action, "channel": "" }),
            json!({ "action": action, "channel": "thread" }),
            json!({ "action": action, "channel": "planet:earth" }),
            json!({ "action": action, "channel": "user:someone" }),
        ];
        for frame in frames {
            let answer = socket.ask(frame).await;
            assert_eq!(answer["event"], "error", "{answer}");
            assert_eq!(answer["data"]["code"], "invalid_frame", "{answer}");
        }
        socket.ping().await;
    }
}

#[tokio::test]
async fn subscribing_to_a_thread_that_cannot_exist_is_refused() {
    let mut socket = User::sarah().await.connect().await;
    let long = "x".repeat(3000);
    for id in ["", "nope", "thread_nope", "thread_\u{0}", "thread_👪", "thread_1:thread_2", long.as_str()] {
        let answer = socket.ask(json!({ "action": "subscribe", "channel": format!("thread:{id}") })).await;
        assert_eq!(answer["event"], "error", "{answer}");
        let code = &answer["data"]["code"];
        assert!(code == "thread_not_found" || code == "invalid_frame", "{answer}");
        socket.ping().await;
    }
}

#[tokio::test]
async fn an_id_that_is_no_string_breaks_nothing() {
    let mut socket = User::sarah().await.connect().await;
    for id in [json!(7), json!(null), json!({ "a": 1 }), json!([]), json!("x".repeat(20_000))] {
        socket.send(json!({ "action": "ping", "id": id }).to_string()).await;
        socket.take("an answer", |frame| frame["event"] == "pong" || frame["event"] == "error").await;
    }
    socket.ping().await;
}

#[tokio::test]
async fn a_frame_of_more_than_32_kib_is_refused_or_ends_the_connection() {
    let sarah = User::sarah().await;
    for size in [MAX_FRAME_BYTES + 1, 4 * MAX_FRAME_BYTES + 1] {
        let mut socket = sarah.connect().await;
        let mut frame = json!({ "action": "ping", "pad": "" }).to_string();
        let pad = "x".repeat(size - frame.len());
        frame = frame.replace("\"\"", &format!("\"{pad}\""));
        assert_eq!(frame.len(), size);
        socket.send(frame).await;
        if let Some(answer) = socket.next_or_closed().await {
            assert_eq!(answer["event"], "error", "{answer}");
            assert_eq!(answer["data"]["code"], "frame_too_large", "{answer}");
            socket.ping().await;
        }
    }
}

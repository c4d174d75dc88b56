//! Tests of invalid frames: the server responds with an error event, and the socket stays open.

use e2e::{MAX_FRAME_BYTES, User};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn invalid_frame_gets_an_error_and_the_socket_stays_open() {
    let mut socket = User::sarah().await.connect().await;
    let frames = [
        ("not json", "malformed_frame"),
        (r#"{"action":"dance"}"#, "unknown_action"),
        (r#"{"action":"subscribe","channel":"planet:earth"}"#, "invalid_frame"),
    ];
    for (frame, code) in frames {
        assert_eq!(socket.send_invalid(frame).await, code, "{frame}");
        socket.ping().await;
    }
}

#[tokio::test]
async fn action_cannot_name_a_route_of_api_gateway() {
    let mut socket = User::sarah().await.connect().await;
    for action in ["$connect", "$disconnect", "$default"] {
        let answer = socket.request(json!({ "action": action })).await;
        assert_eq!(answer["data"]["code"], "unknown_action", "{answer}");
        socket.ping().await;
    }
}

#[tokio::test]
async fn binary_frame_gets_an_error_and_the_socket_stays_open() {
    let mut socket = User::sarah().await.connect().await;
    for bytes in [&[0xff, 0xfe, 0x00][..], b"binary, but text"] {
        socket.send_invalid(Message::binary(bytes.to_vec())).await;
        socket.ping().await;
    }
}

#[tokio::test]
async fn too_long_id_gets_an_error_and_the_socket_stays_open() {
    let mut socket = User::sarah().await.connect().await;
    let frame = json!({ "action": "ping", "id": "x".repeat(20_000) }).to_string();
    assert_eq!(socket.send_invalid(frame).await, "invalid_frame");
    socket.ping().await;
}

/// On a frame of more than 32 KiB, AWS closes the socket. The local cloud may pass the frame to ws-message instead,
/// which responds with an error event.
#[tokio::test]
async fn frame_over_32_kib_is_refused_or_closes_the_socket() {
    let sarah = User::sarah().await;
    for size in [MAX_FRAME_BYTES + 1, 4 * MAX_FRAME_BYTES + 1] {
        let mut socket = sarah.connect().await;
        let empty = json!({ "action": "ping", "pad": "" }).to_string();
        let frame = json!({ "action": "ping", "pad": "x".repeat(size - empty.len()) }).to_string();
        assert_eq!(frame.len(), size);
        socket.send(frame).await;
        if let Some(answer) = socket.next_frame_or_close().await {
            assert_eq!(answer["event"], "error", "{answer}");
            assert_eq!(answer["data"]["code"], "frame_too_large", "{answer}");
            socket.ping().await;
        }
    }
}

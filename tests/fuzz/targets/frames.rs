//! Fuzzes the parser of socket frames. The answer to an invalid frame must fit into a frame.
#![no_main]

use contract::{Answer, Channel, ChannelName, Event, Frame, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Frame { id, action, answered: _ } = Frame::parse(text);
    if let Err(error) = action {
        let answer = serde_json::to_string(&Answer { event: Event::Error(error), id }).unwrap();
        assert!(answer.len() <= limits::FRAME_BYTES);
    }
    if let Some(channel) = Channel::parse(text) {
        assert_eq!(channel.to_string(), text);
    }
    if let Some(channel) = ChannelName::parse(text) {
        assert_eq!(channel.to_string(), text);
    }
});

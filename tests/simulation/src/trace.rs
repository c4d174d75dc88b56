use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Log of a history's events. It is the same each time the history is repeated, because random IDs are replaced by
/// short names, such as `thread_1`, which are numbered in the order in which the IDs occur.
#[derive(Debug)]
pub(crate) struct Trace {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    names: HashMap<String, String>,
}

impl Trace {
    /// Creates an empty trace. The times of its lines count from now.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), state: Mutex::default() }
    }

    /// Adds a line with the current time. Returns `what` with the IDs replaced.
    pub(crate) fn note(&self, what: impl AsRef<str>) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let what = state.rename(what.as_ref());
        let millis = self.start.elapsed().as_millis();
        state.lines.push(format!("{:>4}.{:03} {what}", millis / 1_000, millis % 1_000));
        what
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }
}

impl State {
    fn rename(&mut self, text: &str) -> String {
        let mut renamed = String::with_capacity(text.len());
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut rest = text;
        while let Some(start) = rest.find(word) {
            let end = rest[start..].find(|c| !word(c)).map_or(rest.len(), |length| start + length);
            renamed.push_str(&rest[..start]);
            renamed.push_str(&self.name(&rest[start..end]));
            rest = &rest[end..];
        }
        renamed + rest
    }

    /// Returns the short name of a generated ID, such as `thread_1`, and any other word unchanged.
    fn name(&mut self, word: &str) -> String {
        let Some((kind @ ("thread" | "msg" | "file"), id)) = word.split_once('_') else { return word.to_owned() };
        if id.len() < 32 {
            return word.to_owned();
        }
        let next = self.names.len() + 1;
        self.names.entry(word.to_owned()).or_insert_with(|| format!("{kind}_{next}")).clone()
    }
}

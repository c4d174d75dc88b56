//! Records the cost of a piece of work: the AWS calls it makes, which of them wait for others, and their `DynamoDB`
//! capacity.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::time::Instant;

use crate::cloud::Service;

/// Records AWS calls between [`open`](Self::open) and [`close`](Self::close).
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Option<Vec<Entry>>>);

pub(crate) struct Entry {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    /// `DynamoDB` capacity units that the call consumed.
    pub(crate) units: f64,
}

/// AWS calls that a piece of work made, and the capacity that they consumed.
pub(crate) struct Cost {
    /// Calls to `DynamoDB`. `+` joins concurrent calls. `→` stands before calls that waited for the previous ones.
    pub(crate) calls: String,
    /// `DynamoDB` read units consumed.
    pub(crate) read: f64,
    /// `DynamoDB` write units consumed.
    pub(crate) write: f64,
    /// Calls to other services, in the same notation as `calls`.
    pub(crate) other: String,
}

impl Ledger {
    pub(crate) fn is_open(&self) -> bool {
        self.entries().is_some()
    }

    /// Starts recording, with an empty list of calls.
    pub(crate) fn open(&self) {
        *self.entries() = Some(Vec::new());
    }

    pub(crate) fn record(&self, entry: Entry) {
        if let Some(entries) = &mut *self.entries() {
            entries.push(entry);
        }
    }

    /// Stops recording until [`resume`](Self::resume) is called with the returned value.
    pub(crate) fn suspend(&self) -> Option<Vec<Entry>> {
        self.entries().take()
    }

    pub(crate) fn resume(&self, suspended: Option<Vec<Entry>>) {
        *self.entries() = suspended;
    }

    /// Stops recording. Returns the cost of the recorded calls.
    pub(crate) fn close(&self) -> Cost {
        let mut entries = self.entries().take().unwrap();
        entries.sort_by_key(|entry| entry.start);
        let (rows, others): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.service == Service::DynamoDb);
        let sum = |reads: bool| {
            rows.iter().filter(|entry| is_read(&entry.operation) == reads).fold(0.0, |sum, entry| sum + entry.units)
        };
        Cost { calls: sequence(&rows), read: sum(true), write: sum(false), other: sequence(&others) }
    }

    fn entries(&self) -> MutexGuard<'_, Option<Vec<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_read(operation: &str) -> bool {
    matches!(operation, "GetItem" | "BatchGetItem" | "Query")
}

/// Returns the capacity units that a `DynamoDB` response reports as consumed. A write whose condition is not met reports
/// none, but costs as much as the write: one unit, because all rows of the measurements have less than 1 KB.
pub(crate) fn units(answer: &[u8]) -> f64 {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    if answer["__type"].as_str().is_some_and(|kind| kind.ends_with("ConditionalCheckFailedException")) {
        return 1.0;
    }
    let of = |capacity: &Value| capacity["CapacityUnits"].as_f64().unwrap_or_default();
    match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().map(of).sum(),
        one => of(one),
    }
}

fn sequence(entries: &[Entry]) -> String {
    let mut turns: Vec<(Instant, Vec<String>)> = Vec::new();
    for Entry { service, operation, start, end, .. } in entries {
        let name = match service {
            Service::DynamoDb => operation.clone(),
            Service::Lambda => format!("{operation} files-decode"),
            Service::S3 => format!("{operation} object"),
            Service::Management => format!("{operation} @connections"),
            Service::Sqs => "SendMessage".to_owned(),
        };
        match turns.last_mut() {
            Some((first_end, names)) if start < first_end => {
                *first_end = *end.min(first_end);
                names.push(name);
            }
            _ => turns.push((*end, vec![name])),
        }
    }
    turns.into_iter().map(|(_, names)| concurrent(names)).collect::<Vec<_>>().join(" → ")
}

fn concurrent(mut names: Vec<String>) -> String {
    names.sort_unstable();
    let same = names.chunk_by(|one, other| one == other);
    let counted = same.map(|names| match names.len() {
        1 => names[0].clone(),
        times => format!("{times} {}", names[0]),
    });
    counted.collect::<Vec<_>>().join(" + ")
}

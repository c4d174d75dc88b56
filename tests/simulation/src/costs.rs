//! Measures what each function costs, for the table in `docs/costs.md`: its AWS calls and its `DynamoDB` units. A test
//! fails if the table is out of date or incomplete.
//!
//! A new route or trigger needs a line in the table: call [`Fixture::measure`] for it in one of the modules below, then run
//! `make docs`.

mod changes;
mod files;
mod fixture;
mod messages;
mod notifications;
mod threads;
mod triggers;

use std::collections::BTreeSet;
use std::path::Path;

use self::fixture::{Fixture, Line};
use crate::clock;

/// Measures everything. Returns the lines of the table, and the names of the triggers that were measured.
fn measure() -> (Vec<Line>, BTreeSet<&'static str>) {
    clock::paused(async {
        let fixture = Fixture::new().await;
        threads::threads(&fixture).await;
        threads::people(&fixture).await;
        threads::connections(&fixture).await;
        messages::messages(&fixture).await;
        messages::own_state(&fixture).await;
        let photos = files::files(&fixture).await;
        files::pages(&fixture, &photos).await;
        changes::changes(&fixture).await;
        changes::pages(&fixture).await;
        notifications::devices(&fixture).await;
        notifications::message(&fixture).await;
        fixture.finish()
    })
}

/// Fails if a trigger in template.yaml has no line in the costs table, or a line's trigger is not in template.yaml.
fn assert_complete(measured: &BTreeSet<&str>) {
    let triggers = triggers::read();
    let missing: Vec<_> = triggers.iter().filter(|trigger| !measured.contains(trigger.name.as_str())).collect();
    let missing: Vec<_> = missing.iter().map(|trigger| format!("{}, {}", trigger.function, trigger.name)).collect();
    assert!(
        missing.is_empty(),
        "docs/costs.md has no line for: {}. Measure it in tests/simulation/src/costs.rs, then run `make docs`.",
        missing.join("; ")
    );
    let known: BTreeSet<_> = triggers.iter().map(|trigger| trigger.name.as_str()).collect();
    let unknown: Vec<_> = measured.difference(&known).copied().collect();
    assert!(
        unknown.is_empty(),
        "tests/simulation/src/costs.rs measures what is not in template.yaml: {}. Rename or remove it there.",
        unknown.join("; ")
    );
}

#[test]
fn documented_costs_are_complete_and_up_to_date() {
    let (lines, measured) = measure();
    assert_complete(&measured);
    let table = lines.iter().fold(String::new(), |table, line| table + &line.to_string() + "\n");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/costs.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let header = "| --- | --- | --- | --- | --- | --- |\n";
    let (before, rest) = text.split_once(header).expect("docs/costs.md has no table of six columns");
    let (_, after) = rest.split_once("\n\n").expect("docs/costs.md has no blank line after the table");
    let current = format!("{before}{header}{table}\n{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, current).unwrap();
    } else {
        assert!(text == current, "docs/costs.md is out of date. Run `make docs`. The table is now:\n{table}");
    }
}

/// Limits the units of a connect. A client that connects needs a ticket, a connection, its inbox and its list of
/// threads, and a subscription for each thread that it shows.
#[test]
fn connect_with_twenty_threads_stays_within_its_budget() {
    let (lines, _) = measure();
    let cost = |label: &str| {
        let line = lines.iter().find(|line| line.label == label).unwrap_or_else(|| panic!("no line {label}"));
        (line.warm.read, line.warm.write)
    };
    let steps = ["`POST /api/ws-tickets`", "`$connect`", "`subscribe` to `inbox`", "`GET /api/threads`, 20 threads"];
    let (read, write) = steps.map(cost).into_iter().fold((0.0, 0.0), |sum, cost| (sum.0 + cost.0, sum.1 + cost.1));
    assert!(write <= 5.0, "a connect costs {write} write units");
    assert!(read <= 50.0, "a connect costs {read} read units");
    assert!(cost("`subscribe` to a thread").1 <= 2.0);
}

/// The inbox may cost at most 2 dollars per million messages. `BEFORE` are the read and write units of a message before
/// the inbox existed: 1 and 2 of messages-send, plus 1 and 1 of chat-stream.
#[test]
fn message_to_five_members_stays_within_its_budget() {
    const BEFORE: (f64, f64) = (1.0 + 1.0, 2.0 + 1.0);
    let (lines, _) = measure();
    let find =
        |label: &str| &lines.iter().find(|line| line.label == label).unwrap_or_else(|| panic!("no line {label}")).warm;
    let sent = find("`POST …/messages`, to a thread of 5 with 3 connections");
    let streamed = find("stream of `Chat`, a delivered message to a thread of 5 with 3 connections");
    let (read, write) = (sent.read + streamed.read - BEFORE.0, sent.write + streamed.write - BEFORE.1);
    let dollars_per_million = 0.125 * read + 0.625 * write;
    assert!(dollars_per_million <= 2.0, "{read} R and {write} W more than before cost {dollars_per_million} µ$");
    assert_eq!((sent.other.as_str(), streamed.other.as_str()), ("3 POST @connections", ""));
}

/// Limits the write units of a change to a small message, with those that chat-stream needs for its revision. The
/// message was sent with an `Idempotency-Key` and is the last one of its thread.
#[test]
fn change_stays_within_its_budget() {
    let (lines, _) = measure();
    let write = |label: &str| {
        lines.iter().find(|line| line.label == label).unwrap_or_else(|| panic!("no line {label}")).warm.write
    };
    for (request, revision) in [
        ("`PATCH …/messages/{seq}`", "an edit of the last message"),
        ("`DELETE …/messages/{seq}`", "a deletion of the last message"),
        ("`PUT …/messages/{seq}/reaction`", "a reaction"),
        ("`DELETE …/messages/{seq}/reaction`", "a reaction"),
    ] {
        let units = write(request) + write(&format!("stream of `Chat`, {revision}"));
        assert!(units <= 7.0, "{request} and its revision cost {units} write units");
    }
    assert!(write("`DELETE …/messages/{seq}`, repeated") == 0.0);
}

#[test]
fn reactions_and_quotes_of_a_page_need_at_most_one_more_call() {
    let (lines, _) = measure();
    let calls = |label: &str| {
        let line = lines.iter().find(|line| line.label == label).unwrap_or_else(|| panic!("no line {label}"));
        line.warm.calls.split(['→', '+']).count()
    };
    let plain = calls("`GET …/messages`, 50 messages");
    assert!(calls("`GET …/messages`, 50 messages with reactions and quotes") <= plain + 1);
}

/// Limits the cost of notifying a family of five with two devices each of a message: the costs of the stream, the queue
/// and push-send, without those of the message itself. The prices are those of us-east-1 in millionths of a dollar.
#[test]
fn notified_message_stays_within_its_budget() {
    let (lines, _) = measure();
    let find =
        |label: &str| &lines.iter().find(|line| line.label == label).unwrap_or_else(|| panic!("no line {label}")).warm;
    let without = find("stream of `Chat`, a delivered message to a thread of 5 with 3 connections");
    let with = find("stream of `Chat`, a delivered message to a thread of 5 with 3 connections, with notifications");
    assert_eq!((with.read, with.write), (without.read, without.write));
    assert_eq!((without.other.as_str(), with.other.as_str()), ("", "SendMessage"));
    let sent = find("queue `Notifications`, a message that 4 members with 2 devices each have not read");
    assert_eq!(sent.other, "");
    // The three SQS requests that send, receive and delete the queue's message, 0.40 each. One invocation, 0.20, and
    // its duration of one second, 3.33, in which it mostly waits for push services.
    let dollars_per_million = 0.40 * 3.0 + 0.20 + 3.33 + 0.125 * sent.read + 0.625 * sent.write;
    assert!(dollars_per_million <= 15.0, "{} R and {} W cost {dollars_per_million} µ$", sent.read, sent.write);
}

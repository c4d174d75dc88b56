//! Runs one history from its seed and checks the invariants at its end.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::check;
use crate::client::Client;
use crate::clock;
use crate::device;
use crate::flood::Flood;
use crate::newcomer;
use crate::pictures;
use crate::sender::Sender;
use crate::starter;
use crate::triggers;
use crate::world::World;

/// One of this many histories has a flood. A flood is rare, because it sends ten times as many messages as the rest of
/// its history.
const FLOODS: u64 = 40;

const USERS: [&str; 3] = ["user-sarah", "user-dad", "user-michael"];

/// Time after which all retries and reminders are done. It is shorter than the lifetime of a connection (2 hours), so
/// that clients do not hide a lost event by reconnecting.
const RETRIES_OVER: Duration = Duration::from_mins(100);

/// Time after [`RETRIES_OVER`] until every connection has reached its 2-hour limit and every client has reconnected. If
/// API Gateway closes a socket after 10 idle minutes, the next connection reaches its limit after 10 + 120 = 130
/// minutes. So [`RETRIES_OVER`] (100 minutes) and this time must be more than 130 minutes together.
const CONNECTIONS_RENEWED: Duration = Duration::from_mins(35);

/// Result of a history.
pub(crate) struct Outcome {
    /// Violated invariants. Empty if the history succeeded.
    pub(crate) problems: Vec<String>,
    /// Events of the history, one per line.
    pub(crate) trace: Vec<String>,
}

/// Runs the history with the given seed.
pub(crate) fn run(seed: u64) -> Outcome {
    catch_unwind(|| clock::paused(history(seed)))
        .unwrap_or_else(|_| Outcome { problems: vec!["the history panicked".to_owned()], trace: Vec::new() })
}

async fn history(seed: u64) -> Outcome {
    let users = if seed.is_multiple_of(2) { &USERS[..] } else { &USERS[..2] };
    let (world, consequences) = World::new(seed, users).await;
    tokio::spawn(triggers::run(world.clone(), consequences));
    let chance = &world.cloud.chance;

    let (mut clients, mut leaving, mut staying) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..=chance.index(3) {
        let (user, stays) = if n == 0 { (&users[0], true) } else { (chance.pick(users), chance.one_in(2)) };
        let client = Client::new(&world, format!("{user}-{n}"), user, stays);
        let task = tokio::spawn(client.clone().run(chance.number(0..=1)));
        if stays {
            staying.push(task);
        } else {
            leaving.push(task);
        }
        clients.push(client);
    }
    let senders: Vec<_> = users.iter().map(|user| Sender::new(&world, user)).collect();
    let flood = (seed % FLOODS == 7).then(|| Flood::new(&world, &senders[1], &world.threads()[0].id));
    let mut sending: Vec<_> = senders
        .iter()
        .filter(|sender| flood.is_none() || sender.user != users[1])
        .map(|sender| tokio::spawn(sender.clone().run(chance.number(0..=3), users)))
        .collect();
    sending.extend(flood.iter().map(|flood| tokio::spawn(flood.clone().run())));
    let joining = chance.one_in(3).then(|| tokio::spawn(newcomer::run(world.clone(), users[0])));
    let crowded = seed.is_multiple_of(starter::CROWDS);
    let starting = (crowded || chance.one_in(2)).then(|| tokio::spawn(starter::run(world.clone(), users, crowded)));
    let devices = if world.cloud.notifications.are_on() { chance.index(2) + 1 } else { 0 };
    let devices = (0..devices).map(|number| tokio::spawn(device::run(world.clone(), number, users)));
    let devices: Vec<_> = devices.collect();
    let choosing =
        (seed % pictures::PICTURES == 2).then(|| tokio::spawn(pictures::run(world.clone(), senders[0].clone())));
    let actors = sending.into_iter().chain(leaving).chain(joining).chain(starting).chain(devices).chain(choosing);
    for ended in join_all(actors).await {
        ended.unwrap();
    }

    world.cloud.faults.pause();
    world.cloud.trace.note("faults end");
    tokio::time::sleep(RETRIES_OVER).await;
    check::everything_arrived(&world, &clients, &senders);
    check::members_are_known(&world);
    check::directory_is_complete(&world);
    if let Some(flood) = &flood {
        check::rate_is_kept(&world, flood);
    }
    check::erased_files_are_gone(&world).await;
    tokio::time::sleep(CONNECTIONS_RENEWED).await;
    check::everything_arrived(&world, &clients, &senders);
    for task in staying {
        if task.is_finished() {
            world.problem("the task of a staying client has ended");
        }
        task.abort();
    }
    close(&world, &clients, &senders[0]).await;
    check::no_subscription_remains(&world);
    tokio::time::sleep(RETRIES_OVER + CONNECTIONS_RENEWED).await;
    check::remaining_rows_have_expired(&world);
    check::everybody_was_notified(&world);
    check::all_calls_were_allowed(&world);
    Outcome { problems: world.problems(), trace: world.cloud.trace.lines() }
}

/// Breaks all connections, then sends one more message to each thread. The delivery of these messages must remove the
/// subscriptions of the broken connections.
async fn close(world: &Arc<World>, clients: &[Arc<Client>], sender: &Sender) {
    for client in clients {
        client.break_connection();
    }
    for thread in &world.threads() {
        sender.send(&thread.id, &format!("last-{}", thread.id), json!({"body": "Is anybody there?"})).await;
    }
    // The wait ends long before API Gateway closes the connections at their 2-hour limit and invokes `$disconnect`. So
    // only the delivery of the last messages can remove subscriptions.
    tokio::time::sleep(Duration::from_mins(10)).await;
}

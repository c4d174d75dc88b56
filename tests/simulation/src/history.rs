//! One history, from its seed to what has to hold at its end.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::check;
use crate::client::Client;
use crate::clock;
use crate::sender::Sender;
use crate::triggers;
use crate::world::World;

const USERS: [&str; 3] = ["user-sarah", "user-dad", "user-michael"];

/// After so long, every retry has been made and every reminder has come; a connection lives longer, so that no new one makes
/// up for what was missed.
const LONG: Duration = Duration::from_mins(100);

/// After so long once more, every connection has come to its end, and there is another one.
const RENEWAL: Duration = Duration::from_mins(30);

/// How a history ended.
pub(crate) struct Outcome {
    /// What should not be so.
    pub(crate) problems: Vec<String>,
    /// What happened, line by line.
    pub(crate) trace: Vec<String>,
}

/// Runs the history of this seed.
pub(crate) fn run(seed: u64) -> Outcome {
    catch_unwind(|| clock::paused(history(seed)))
        .unwrap_or_else(|_| Outcome { problems: vec!["it panicked".to_owned()], trace: Vec::new() })
}

async fn history(seed: u64) -> Outcome {
    let users = if seed.is_multiple_of(2) { &USERS[..] } else { &USERS[..2] };
    let (world, consequences) = World::new(seed, users).await;
    tokio::spawn(triggers::run(world.clone(), consequences));
    let chance = &world.cloud.chance;

    let (mut clients, mut passing, mut staying) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..=chance.index(3) {
        let (user, stays) = if n == 0 { (&users[0], true) } else { (chance.pick(users), chance.one_in(2)) };
        let client = Client::new(&world, format!("{user}-{n}"), user, stays);
        let task = tokio::spawn(client.clone().run(chance.number(0..=1)));
        if stays {
            staying.push(task);
        } else {
            passing.push(task);
        }
        clients.push(client);
    }
    let senders: Vec<_> = users.iter().map(|user| Sender::new(&world, user)).collect();
    let sending = senders.iter().map(|sender| tokio::spawn(sender.clone().run(chance.number(0..=3))));
    for ended in join_all(sending.chain(passing)).await {
        ended.unwrap();
    }

    world.cloud.faults.pause();
    world.cloud.trace.note("nothing goes wrong any more");
    tokio::time::sleep(LONG).await;
    check::everything_arrived(&world, &clients, &senders);
    tokio::time::sleep(RENEWAL).await;
    check::everything_arrived(&world, &clients, &senders);
    for task in staying {
        if task.is_finished() {
            world.problem("a client that was to stay has ended");
        }
        task.abort();
    }
    close(&world, &clients, &senders[0]).await;
    check::no_subscription_is_left(&world);
    tokio::time::sleep(LONG + RENEWAL).await;
    check::only_ttl_is_left_to_do(&world);
    Outcome { problems: world.problems(), trace: world.cloud.trace.lines() }
}

/// Everybody leaves without a word, and one more message to each thread finds them gone.
async fn close(world: &Arc<World>, clients: &[Arc<Client>], sender: &Sender) {
    for client in clients {
        client.close();
    }
    for thread in &world.threads {
        sender.send(&thread.id, &format!("last-{}", thread.id), json!({"body": "Is anybody there?"})).await;
    }
    // Long before API Gateway would close them, which is told.
    tokio::time::sleep(Duration::from_mins(10)).await;
}

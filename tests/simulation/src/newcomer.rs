//! A user who calls for the first time during the history, and another user who then creates a thread with them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{Received, World};

/// Newcomers: the first one's token has a name, the second one's has none.
const NEWCOMERS: [&str; 2] = ["user-lena", "guest"];
/// A user who never calls.
const STRANGER: &str = "stranger";

/// A request that the newcomer or the thread's creator sends.
enum Request {
    Ticket,
    Messages,
    File,
    FileStatus,
    Threads,
    Read,
    Settings,
    People,
    Me,
    Thread(Value),
}

/// Lets a newcomer call one route until they get an answer. From then on they are known, so `creator` can create a
/// thread with them, but not with the stranger.
pub(crate) async fn run(world: Arc<World>, creator: &'static str) {
    let chance = &world.cloud.chance;
    let newcomer = *chance.pick(&NEWCOMERS);
    chance.pause(0..=3_000).await;
    let first = chance.pick(&[
        Request::Ticket,
        Request::Messages,
        Request::File,
        Request::FileStatus,
        Request::Threads,
        Request::Read,
        Request::Settings,
        Request::People,
        Request::Me,
    ]);
    let Some((status, _)) = final_answer(&world, newcomer, first).await else { return };
    let of_others = matches!(first, Request::Messages | Request::FileStatus | Request::Read | Request::Settings);
    if of_others != (status == 404) {
        world.problem(format!("the first request of {newcomer} was answered with {status}"));
    }
    world.cloud.trace.note(format!("{newcomer} is known"));
    let with_stranger = Request::Thread(json!({"memberIds": [newcomer, STRANGER]}));
    if let Some((status @ (200 | 201), _)) = final_answer(&world, creator, &with_stranger).await {
        world.problem(format!("a thread with a member who never called was answered with {status}"));
    }
    let [of_creator, of_newcomer] = [newcomer, creator].map(|other| Request::Thread(json!({"memberIds": [other]})));
    let created =
        tokio::join!(final_answer(&world, creator, &of_creator), final_answer(&world, newcomer, &of_newcomer));
    match created {
        (Some((200 | 201, one)), Some((200 | 201, other))) => {
            if one["id"] != other["id"] {
                world.problem(format!("{creator} and {newcomer} have two threads"));
            }
        }
        (Some((422, _)), _) => world.problem(format!("{newcomer} has called, but is not known")),
        (one, other) => world.problem(format!("a thread of two known users was answered with {one:?} and {other:?}")),
    }
}

/// Repeats a request of `user` until an answer other than 503 arrives. Records a problem if there is none within an
/// hour. The newcomer has access to neither the thread nor the file, but a call that is answered with 404 makes its
/// caller known, too.
async fn final_answer(world: &Arc<World>, user: &str, request: &Request) -> Option<(u16, Value)> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_hours(1) {
        let received: Received = match request {
            Request::Ticket => world.ticket(user, 3_600).await,
            Request::Messages => world.list(user, &world.threads()[0].id, &[]).await,
            Request::File => world.announce(user, json!({"filename": "a", "mimetype": "a/b", "size": 1})).await,
            Request::FileStatus => world.status(user, "file_missing").await,
            Request::Threads => world.list_threads(user, &[]).await,
            Request::Read => world.read(user, &world.threads()[0].id, &json!({"seq": 1})).await,
            Request::Settings => world.settings(user, &world.threads()[0].id, &json!({"archived": true})).await,
            Request::People => world.people(user).await,
            Request::Me => world.me(user).await,
            Request::Thread(body) => world.create_thread(user, body).await,
        };
        match received {
            None | Some((503, _)) => world.cloud.chance.pause(50..=1_000).await,
            answered => return answered,
        }
    }
    world.problem("a request of a newcomer got no final response within an hour");
    None
}

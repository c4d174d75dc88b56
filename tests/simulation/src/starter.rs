//! A user who creates a thread during the history. Clients that are already connected receive the thread as
//! `thread:new`.

use std::sync::Arc;

use contract::limits;
use serde_json::json;

use crate::content::parse;
use crate::world::World;

/// A member without devices.
pub(crate) const AUNT: &str = "user-aunt";

/// In one of this many histories, the thread has so many members that its `thread:new` is too large for a frame.
pub(crate) const CROWDS: u64 = 40;

/// Returns the users of a crowd. Their IDs have the maximum length and characters that JSON escapes.
pub(crate) fn crowd() -> Vec<String> {
    (10..50).map(|n| format!("{}{n}", "\"".repeat(limits::USER_ID_BYTES - 2))).collect()
}

/// Lets one or two users create the same thread with [`AUNT`] or, if `crowded`, with a crowd at the same time. Then
/// adds the thread to the world, so that senders send messages to it.
pub(crate) async fn run(world: Arc<World>, users: &'static [&'static str], crowded: bool) {
    let chance = &world.cloud.chance;
    chance.pause(0..=5_000).await;
    let others = if crowded { crowd() } else { vec![AUNT.to_owned()] };
    let users = &users[..=chance.index(2)];
    let members: Vec<_> = users.iter().map(|user| (*user).to_owned()).chain(others).collect();
    let body = json!({"memberIds": members, "title": "Weekend"});
    let (world, body) = (&world, &body);
    let creations = users.iter().map(|user| async move {
        loop {
            match world.create_thread(user, body).await {
                Some((200 | 201, thread)) => return Some(thread),
                None | Some((503, _)) => chance.pause(50..=1_000).await,
                Some((status, _)) => {
                    world.problem(format!("{user} created a thread and was answered with {status}"));
                    return None;
                }
            }
        }
    });
    let created = futures::future::join_all(creations).await;
    if let Some(thread) = created.into_iter().flatten().next() {
        world.add_thread(parse(&thread));
    }
}

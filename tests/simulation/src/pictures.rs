//! A user who changes their picture, on several devices at once, and also sends the images in messages.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sender::{PICTURE, Sender};
use crate::world::World;

/// One of this many histories has a user who changes their picture.
pub(crate) const PICTURES: u64 = 4;

/// Lets the sender's user upload images and send some of them. After each upload, makes one to three changes of the
/// picture at the same time, each to an image or to none.
pub(crate) async fn run(world: Arc<World>, sender: Arc<Sender>) {
    let (chance, user) = (&world.cloud.chance, sender.user);
    let mut files = Vec::new();
    for n in 1..=chance.number(2..=4) {
        chance.pause(0..=3_000).await;
        files.extend(upload(&world, user).await);
        if let Some(file) = files.last().filter(|_| chance.one_in(2)) {
            let body = json!({"body": format!("{user} looks like {n}."), "fileIds": [file]});
            sender.send(&world.threads()[0].id, &format!("{user}-picture-{n}"), body).await;
        }
        let pick = || if files.is_empty() || chance.one_in(4) { Value::Null } else { json!(chance.pick(&files)) };
        let chosen: Vec<_> = (0..chance.number(1..=3)).map(|_| pick()).collect();
        join_all(chosen.iter().map(|file| choose(&world, user, file))).await;
    }
}

/// Creates a file and uploads an image for it. Returns the file's ID, or `None` if no response arrived.
async fn upload(world: &Arc<World>, user: &str) -> Option<String> {
    let request = json!({"filename": "me.gif", "mimetype": "image/gif", "size": PICTURE.len()});
    let Some((200, created)) = world.announce(user, request).await else { return None };
    let id = created["file"]["id"].as_str().unwrap().to_owned();
    world.cloud.put_object(&format!("uploads/{id}"), Bytes::from_static(PICTURE));
    Some(id)
}

/// Changes the picture to a file or to none. Repeats the request until there is an answer. One of five requests is not
/// repeated. A file may be refused as long as it is pending, and after it was erased.
async fn choose(world: &Arc<World>, user: &str, file: &Value) {
    let chance = &world.cloud.chance;
    let gives_up = chance.one_in(5);
    let (mut refused, start) = (0, Instant::now());
    while start.elapsed() < Duration::from_hours(1) {
        match world.update_me(user, &json!({"avatarFileId": file})).await {
            Some((200, me)) => {
                let shown = me["avatarUrl"].as_str();
                let is_shown = match file.as_str() {
                    Some(file) => shown.is_some_and(|url| url.starts_with(&format!("/thumbs/{file}.jpg?"))),
                    None => shown.is_none(),
                };
                if !is_shown {
                    world.problem(format!("{user} has chosen the picture {file}, but the answer has {shown:?}"));
                }
                return;
            }
            Some((422, _)) if file.is_string() && refused < 5 => {
                refused += 1;
                chance.pause(500..=3_000).await;
            }
            Some((422, _)) if file.is_string() => return,
            None | Some((503, _)) if gives_up => return,
            None | Some((503, _)) => chance.pause(50..=1_000).await,
            Some((status, _)) => {
                return world.problem(format!("{user} has chosen the picture {file} and was answered with {status}"));
            }
        }
    }
    world.problem("a change of a picture got no final response within an hour");
}

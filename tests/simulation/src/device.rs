//! A browser that receives notifications. Its users register it, renew the registration, sign out, and pass it on to
//! another user, who registers it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::push_services::HOSTS;
use crate::world::World;

/// The public key of RFC 8291, appendix A. All devices have this public key, but different `auth` secrets.
const PUBLIC_KEY: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

/// Time after which a request without an answer cannot take effect any more. The function may run for 10 s, and its
/// last call to `DynamoDB` may take effect 5 s later.
const REQUEST_OVER: Duration = Duration::from_secs(16);

struct Device {
    world: Arc<World>,
    number: usize,
    endpoint: String,
    /// Number of times that the browser has created new keys.
    keys: usize,
    /// ID of the subscription.
    id: String,
    users: &'static [&'static str],
    /// The user who is signed in.
    user: Option<&'static str>,
}

/// Registers the device `number` for one of `users`. Then changes the device up to two times at random, and waits 5 to
/// 20 s for notifications.
pub(crate) async fn run(world: Arc<World>, number: usize, users: &'static [&'static str]) {
    let chance = &world.cloud.chance;
    let endpoint = format!("https://{}/{number}", chance.pick(&HOSTS));
    let (id, task) = (String::new(), world.clone());
    let mut device = Device { world: task, number, endpoint, keys: 0, id, users, user: None };
    chance.pause(0..=2_000).await;
    device.register(chance.pick::<&str>(users)).await;
    for _ in 0..chance.number(0..=2) {
        chance.pause(500..=6_000).await;
        if !device.change().await {
            break;
        }
    }
    // Faults end when all users and devices of the history have returned. Notifications are sent 5 seconds after their
    // messages, so some are sent while faults still occur.
    chance.pause(5_000..=20_000).await;
}

impl Device {
    /// Registers the device for the same or another user, signs the user out, tries to steal the endpoint, or makes the
    /// push service forget the device, at random. Returns false if the device does not exist any more.
    async fn change(&mut self) -> bool {
        let world = self.world.clone();
        let (chance, notifications) = (&world.cloud.chance, &world.cloud.notifications);
        let any = *chance.pick(self.users);
        let Some(user) = self.user else {
            self.keys += 1;
            self.register(any).await;
            return true;
        };
        match chance.number(0..=5) {
            0 => self.register(user).await,
            1 | 2 => self.register(any).await,
            3 => self.sign_out(user).await,
            4 => self.try_to_steal(any).await,
            _ => {
                notifications.begin_change(&self.endpoint, None);
                notifications.log().gone.insert(self.endpoint.clone());
                world.cloud.trace.note(format!("{} is gone", self.endpoint));
                if chance.one_in(3) {
                    return false;
                }
                // The device registers again while push-send receives the answer that the device is gone.
                timeout(Duration::from_secs(10), notifications.asked_for_gone.notified()).await.ok();
                notifications.log().gone.remove(&self.endpoint);
                self.register(user).await;
            }
        }
        true
    }

    /// Registers the device for `user`. Repeats the request until there is an answer.
    async fn register(&mut self, user: &'static str) {
        let world = self.world.clone();
        if let Some((200, key)) = world.push_key(user).await
            && !world.cloud.notifications.is_same_key(key["publicKey"].as_str().unwrap())
        {
            world.problem("push-key has answered with different keys");
        }
        self.user = Some(user);
        if let Some(answer) = self.request(user, Some(user)).await {
            answer["id"].as_str().unwrap().clone_into(&mut self.id);
            world.cloud.notifications.log().ids.insert(self.endpoint.clone(), self.id.clone());
        }
    }

    /// Removes the registration of the device for `user`. It may already be missing, because an earlier attempt or
    /// push-send has removed it.
    async fn sign_out(&mut self, user: &'static str) {
        self.user = None;
        self.request(user, None).await;
    }

    /// Tries to register the endpoint for another user who does not know its keys.
    async fn try_to_steal(&self, other: &'static str) {
        if self.user == Some(other) {
            return;
        }
        match self.world.push_subscribe(other, &self.subscription(self.keys + 50)).await {
            Some((409 | 503, _)) => {}
            Some((status, _)) => {
                self.world.problem(format!("{other} took {} and was answered with {status}", self.endpoint));
            }
            None => sleep(REQUEST_OVER).await,
        }
    }

    fn subscription(&self, keys: usize) -> Value {
        let secret = format!("{:021}A", 100 * self.number + keys);
        json!({"endpoint": self.endpoint, "keys": {"p256dh": PUBLIC_KEY, "auth": secret}})
    }

    /// Registers the device for `owner`, or removes its registration if `owner` is `None`. `caller` sends the request,
    /// and repeats it until there is an answer.
    async fn request(&self, caller: &'static str, owner: Option<&'static str>) -> Option<Value> {
        let World { cloud, .. } = &*self.world;
        let change = cloud.notifications.begin_change(&self.endpoint, owner);
        let (subscription, expected) =
            (self.subscription(self.keys), if owner.is_some() { [200; 2] } else { [204, 404] });
        let (start, mut is_unsure) = (Instant::now(), false);
        while start.elapsed() < Duration::from_hours(1) {
            let received = match owner {
                Some(_) => self.world.push_subscribe(caller, &subscription).await,
                None => self.world.push_unsubscribe(caller, &self.id).await,
            };
            match received {
                Some((status, answer)) if expected.contains(&status) => {
                    cloud.notifications.acknowledge_change(&self.endpoint, change);
                    cloud.trace.note(format!("{} belongs to {owner:?}", self.endpoint));
                    if is_unsure {
                        sleep(REQUEST_OVER).await;
                    }
                    return Some(answer);
                }
                None => is_unsure = true,
                Some((503, _)) => {}
                Some((status, _)) => {
                    self.world.problem(format!("a change of {} got the status {status}", self.endpoint));
                    return None;
                }
            }
            cloud.chance.pause(50..=1_000).await;
        }
        self.world.problem("a change of a device got no final response within an hour");
        None
    }
}

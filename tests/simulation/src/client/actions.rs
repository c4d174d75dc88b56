//! Actions of a client's user when a frame arrives: moves the read mark, types, archives or mutes a thread.

use contract::{Channel, ThreadId};
use serde_json::json;

use super::Client;
use crate::marks::{mark_beyond_the_end, mark_read, silence};
use crate::world::World;

impl Client {
    /// Moves a read mark, archives or mutes a thread, or types, at random. `socket` is the ID of the socket on which a
    /// frame has arrived.
    pub(super) fn respond(&self, socket: &str) {
        let World { cloud, .. } = &*self.world;
        let chance = &cloud.chance;
        if chance.one_in(3)
            && let Some((thread, seq)) = self.shown()
        {
            let (world, user) = (self.world.clone(), self.user);
            if chance.one_in(10) {
                let work = mark_beyond_the_end(world.clone(), user, thread.clone());
                self.start("an invalid read mark", work);
            }
            if chance.one_in(8) {
                let work = silence(world.clone(), user, thread.clone());
                self.start("a change of settings", work);
            }
            self.start("a read mark", mark_read(world, user, thread, seq));
        }
        if chance.one_in(6) {
            // Sometimes the thread is one that the client does not show, or that the user does not belong to.
            let threads: Vec<ThreadId> = self.world.threads().into_iter().map(|thread| thread.id).collect();
            let thread =
                if chance.one_in(5) || self.open.is_empty() { chance.pick(&threads) } else { chance.pick(&self.open) };
            let mut frame = json!({"action": "typing", "channel": Channel::Thread(thread.clone())});
            if chance.one_in(2) {
                frame["id"] = json!("typing");
            }
            if self.open.contains(thread) {
                self.world.marks.record_typing(self.user, thread);
            }
            self.world.frame(socket, &frame);
        }
    }

    /// Starts a request that the client does not wait for.
    fn start(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.world.spawn(name, async move {
            work.await;
            Some(())
        }));
    }

    /// Returns a random thread with messages that the client shows or has in its list, and the `seq` of the last
    /// message that the client knows of this thread.
    fn shown(&self) -> Option<(ThreadId, u64)> {
        let open = self.open.iter().map(|thread| (thread.clone(), self.last_seq(thread)));
        let mut shown: Vec<_> = open.collect();
        shown.extend(self.state().inbox.iter().map(|(thread, entry)| (thread.clone(), entry.last_seq)));
        shown.retain(|(_, seq)| *seq > 0);
        (!shown.is_empty()).then(|| self.world.cloud.chance.pick(&shown).clone())
    }
}

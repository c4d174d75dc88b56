//! The invariants of notifications: only members who must be notified of a message receive its notification, and all
//! their devices receive it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::engine::{self, CHAT};
use tokio::time::Instant;
use webpush::Pushed;

use crate::content::text;
use crate::journal::Version;
use crate::notifications::{Attempt, Log, Post};
use crate::push_services::HOSTS;
use crate::world::World;

/// push-send drops a notification after this many attempts.
const ATTEMPTS: u32 = 5;

/// push-send drops a notification if the push service asks to retry later than after 15 minutes, the longest delay of
/// an SQS message.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// Maximum time after a change in which reads still return the message as it was before (the fault `Partial`).
const HIDDEN: Duration = Duration::from_millis(800);

type Messages = BTreeMap<(String, u64), Vec<Version>>;

/// Checks all notifications of the history. Call it after all retries are done.
pub(crate) fn everybody_was_notified(world: &World) {
    if !world.cloud.notifications.are_on() {
        return;
    }
    let (log, messages) = (world.cloud.notifications.log(), world.cloud.journal.all_versions());
    let announced = log.posts.iter().map(|post| announced(post, &messages)).collect();
    let check = Check { world, log: &log, messages: &messages, announced };
    check.posts_are_right();
    check.nobody_was_left_out();
    check.services_did_not_wait_for_each_other();
    check.devices_have_their_owner();
}

struct Check<'a> {
    world: &'a World,
    log: &'a Log,
    messages: &'a Messages,
    /// The `seq` and the author of the message that each post shows. `None` if the post shows the text of no message.
    announced: Vec<Option<(u64, &'a str)>>,
}

impl Check<'_> {
    fn posts_are_right(&self) {
        let mut posted = BTreeSet::new();
        for (post, announced) in self.log.posts.iter().zip(&self.announced) {
            let attempt = &self.log.attempts[post.attempt];
            let owners = self.log.possible_owners(&post.endpoint, attempt.began, post.at);
            let Some((seq, author)) = *announced else {
                let body = &post.content["notification"]["body"];
                self.world.problem(format!("{} shows {body}, which no message says", post.endpoint));
                continue;
            };
            let wrong = owners.iter().map(|user| self.wrong_recipient(post, attempt, user, (seq, author)));
            let wrong: Option<Vec<_>> = wrong.collect();
            let problem = match wrong {
                Some(all) => Some(all.join(", ")).filter(|all| !all.is_empty()).or(Some("it has no owner".to_owned())),
                None => self.wrong_content(post, attempt, seq),
            };
            if let Some(problem) = problem {
                self.world.problem(format!("{} received a notification, but {problem}", post.endpoint));
            }
            if !posted.insert((post.attempt, &post.endpoint)) && owners.len() < 2 {
                self.world.problem(format!("{} received two notifications at once", post.endpoint));
            }
        }
    }

    /// Returns why a user must not receive a notification, or `None` if they may.
    fn wrong_recipient(
        &self,
        post: &Post,
        attempt: &Attempt,
        user: &str,
        (seq, author): (u64, &str),
    ) -> Option<String> {
        let marks = &self.world.marks;
        let thread = tag(post);
        let checked = self.checked(post, attempt, user, thread, seq);
        let what = match () {
            () if !self.world.is_member(user, thread) => "does not belong to the thread",
            () if author == user => "wrote the message",
            () if marks.has_read(user, thread, seq, checked) => "has read the message",
            () if marks.is_silent(user, thread, attempt.began, post.at) => "has archived or muted the thread",
            () if post.content["app_badge"].as_u64() > Some(self.most_unread(post, attempt, user)) => {
                "has fewer unread threads"
            }
            () => return None,
        };
        Some(format!("{user} {what}"))
    }

    /// Returns when push-send last checked whether a user has read a message. push-send makes this check in the write
    /// that records that the user is notified. If it recorded nothing, returns the beginning of the attempt.
    fn checked(&self, post: &Post, attempt: &Attempt, user: &str, thread: &str, seq: u64) -> Instant {
        let recorded = self.log.recorded.iter().rev();
        let mut recorded = recorded.filter(|recorded| recorded.at <= post.at && recorded.seq == seq);
        let recorded = recorded.find(|recorded| recorded.user == user && recorded.thread == thread);
        recorded.map_or(attempt.began, |recorded| recorded.at.max(attempt.began))
    }

    /// Returns the largest badge that a notification may set: the number of threads of which the user was notified and
    /// has not read the message. Muted and archived threads do not count. The notification's own thread does.
    fn most_unread(&self, post: &Post, attempt: &Attempt, user: &str) -> u64 {
        let recorded = self.log.recorded.iter().filter(|recorded| recorded.user == user && recorded.at <= post.at);
        let unread = recorded.filter(|recorded| {
            let (thread, marks) = (recorded.thread.as_str(), &self.world.marks);
            !marks.has_read(user, thread, recorded.seq, attempt.began)
                && !marks.is_silent(user, thread, attempt.began, post.at)
        });
        unread.map(|recorded| recorded.thread.as_str()).chain([tag(post)]).collect::<BTreeSet<_>>().len() as u64
    }

    /// Returns what is wrong with the content of a notification: its text was replaced more than [`HIDDEN`] before the
    /// attempt, or it does not open its thread. Returns `None` if the content is right.
    fn wrong_content(&self, post: &Post, attempt: &Attempt, seq: u64) -> Option<String> {
        let thread = tag(post);
        let versions = &self.messages[&(thread.to_owned(), seq)];
        let is_past = |n: usize| versions.get(n + 1).is_some_and(|next| next.since + HIDDEN < attempt.began);
        let mut shown = versions.iter().enumerate().filter(|(_, version)| shows(post, version));
        if shown.all(|(n, _)| is_past(n)) {
            return Some(format!("it shows an older text of message {seq} of {thread}"));
        }
        let expected = json!([8030, format!("https://page/#{thread}")]);
        (json!([post.content["web_push"], post.content["notification"]["navigate"]]) != expected)
            .then(|| format!("it does not open {thread}"))
    }

    /// Checks that all devices of the members who must be notified of a message showed it, or a later message of its
    /// thread. Does not check a message that was deleted, or followed by another one, before its request was handled,
    /// nor a device whose notification was dropped after too many failed attempts.
    fn nobody_was_left_out(&self) {
        for ((thread, seq), versions) in self.messages {
            let (sent, next) = (versions[0].since, self.messages.get(&(thread.clone(), seq + 1)));
            let Some(ended) = self.log.ended.get(&(thread.clone(), *seq)).copied() else {
                // If a batch of stream records has several messages of a thread, chat-stream requests a notification
                // only of the last one. So only a message without a next one must have a request.
                if next.is_none() {
                    self.world.problem(format!("no notification of message {seq} of {thread} was tried"));
                }
                continue;
            };
            let is_followed = next.is_some_and(|next| next[0].since <= ended);
            if is_followed || versions.iter().any(|version| version.is_deleted() && version.since <= ended) {
                continue;
            }
            for endpoint in self.log.owners.keys() {
                let owner = self.log.certain_owner(endpoint, sent, ended);
                if let Some(user) = owner.filter(|user| self.must_ring(user, thread, *seq, versions, ended))
                    && !self.was_shown(endpoint, thread, *seq, sent)
                    && !self.was_given_up(endpoint, thread, *seq)
                {
                    self.world.problem(format!("{endpoint} of {user} did not show message {seq} of {thread}"));
                }
            }
        }
    }

    fn must_ring(&self, user: &str, thread: &str, seq: u64, versions: &[Version], ended: Instant) -> bool {
        let marks = &self.world.marks;
        self.world.is_member(user, thread)
            && versions[0].content["authorId"] != user
            && !marks.may_have_read(user, thread, seq, ended)
            && !marks.may_be_silent(user, thread, versions[0].since, ended)
    }

    fn was_shown(&self, endpoint: &str, thread: &str, seq: u64, sent: Instant) -> bool {
        self.log.posts.iter().zip(&self.announced).any(|(post, announced)| {
            let is_later = announced.is_some_and(|(shown, _)| shown >= seq);
            is_later && post.shown && post.at >= sent && post.endpoint == endpoint && tag(post) == thread
        })
    }

    /// Returns whether push-send had to drop the notification of a message to a device: after [`ATTEMPTS`] attempts, or
    /// because the push service asked to retry after more than [`LONGEST_DELAY`].
    fn was_given_up(&self, endpoint: &str, thread: &str, seq: u64) -> bool {
        let id = self.log.ids.get(endpoint);
        let is_of_device = |attempt: &Attempt| {
            let (request, mut devices) = (&attempt.request, attempt.request.devices.iter());
            request.thread_id.as_str() == thread
                && request.seq == seq
                && (request.devices.is_empty()
                    || devices.any(|(_, device)| Some(device.as_str()) == id.map(String::as_str)))
        };
        let fails = |index: usize, attempt: &Attempt| {
            let host = HOSTS.iter().find(|host| endpoint.contains(*host)).unwrap();
            let mut posts = self.log.posts.iter().filter(|post| post.attempt == index && post.endpoint.contains(host));
            posts.any(|post| match post.answer {
                Pushed::Later(Some(delay)) if delay > LONGEST_DELAY => true,
                Pushed::Later(_) | Pushed::Unreachable => attempt.earlier + 1 >= ATTEMPTS,
                _ => false,
            })
        };
        let attempts = self.log.attempts.iter().enumerate().filter(|(_, attempt)| attempt.succeeded);
        let mut attempts = attempts.filter(|(_, attempt)| is_of_device(attempt));
        attempts.any(|(index, attempt)| attempt.earlier >= ATTEMPTS || fails(index, attempt))
    }

    /// Checks that push-send does not wait for one push service before it posts to another one: in each attempt, their
    /// first posts are at most 1 s apart.
    fn services_did_not_wait_for_each_other(&self) {
        let mut first: BTreeMap<(usize, &str), Instant> = BTreeMap::new();
        for post in &self.log.posts {
            let host = HOSTS.iter().find(|host| post.endpoint.contains(*host)).unwrap();
            first.entry((post.attempt, host)).or_insert(post.at);
        }
        for ((attempt, host), at) in &first {
            let other = HOSTS.iter().find_map(|other| first.get(&(*attempt, *other)));
            if other.is_some_and(|other| *at > *other + Duration::from_secs(1)) {
                self.world.problem(format!("a notification to {host} waited for another push service"));
            }
        }
    }

    /// Checks that each device is registered for at most one user, and for the last one who has registered it.
    fn devices_have_their_owner(&self) {
        let rows = engine::rows(&self.world.cloud.database, CHAT);
        let registered: BTreeMap<&str, Vec<&str>> = rows.iter().fold(BTreeMap::new(), |mut registered, row| {
            if text(row, "pk").starts_with("USER#") && text(row, "sk").starts_with("PUSH#") {
                registered.entry(text(row, "endpoint")).or_default().push(&text(row, "pk")["USER#".len()..]);
            }
            registered
        });
        let owners = rows.iter().filter(|row| text(row, "pk").starts_with("PUSH#"));
        let owners: BTreeMap<&str, &Value> = owners.map(|row| (&text(row, "pk")["PUSH#".len()..], row)).collect();
        for (endpoint, changes) in &self.log.owners {
            let users = registered.get(endpoint.as_str()).cloned().unwrap_or_default();
            let owner =
                self.log.ids.get(endpoint).and_then(|id| owners.get(id.as_str())).map(|row| text(row, "userId"));
            if !users.iter().copied().eq(owner) {
                self.world.problem(format!("{endpoint} is registered for {users:?}, but belongs to {owner:?}"));
            }
            let last = changes.last().filter(|change| change.acknowledged.is_some());
            if last.is_some_and(|change| owner != change.user) {
                self.world.problem(format!("{endpoint} belongs to {owner:?}, not to the last one who registered it"));
            }
        }
    }
}

/// Returns the number and the author of the message that a notification shows.
fn announced<'a>(post: &Post, messages: &'a Messages) -> Option<(u64, &'a str)> {
    let of_thread = messages.range((tag(post).to_owned(), 0)..=(tag(post).to_owned(), u64::MAX));
    let mut shown = of_thread.filter(|(_, versions)| versions.iter().any(|version| shows(post, version)));
    let ((_, seq), versions) = shown.next_back()?;
    Some((*seq, versions[0].content["authorId"].as_str().unwrap()))
}

/// Returns the thread that a notification belongs to.
fn tag(post: &Post) -> &str {
    post.content["notification"]["tag"].as_str().unwrap()
}

/// Returns whether a notification shows the text of a version. The author's name may stand before the text. The text
/// may be cut, but only within the trailing `\u{1}` characters of a long text, which are ignored.
fn shows(post: &Post, version: &Version) -> bool {
    let shown = post.content["notification"]["body"].as_str().unwrap().trim_end_matches(['…', '\u{1}']);
    version.text().is_some_and(|text| shown.ends_with(&text))
}

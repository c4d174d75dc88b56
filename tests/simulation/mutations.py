"""Breaks the functions on purpose, one way at a time, and counts the histories until that is noticed.

    mutations.py [--check] [NAME...]

It works in a copy of the tracked files, .local/mutations. `--check` only makes sure that every mutation still fits.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COPY = ROOT / ".local" / "mutations"
MOST = 2_500

SEND = "functions/messages-send/src/handler.rs"
WS_MESSAGE = "functions/ws-message/src/handler.rs"
CHAT_STREAM = "functions/chat-stream/src/handler.rs"
PROCESS = "functions/files-process/src/handler.rs"
CREATE_FILE = "functions/files-create/src/handler.rs"
PUSH = "shared/push/src/lib.rs"
MESSAGES = "shared/store/src/messages.rs"
CONNECTIONS = "shared/store/src/connections.rs"
THREADS = "shared/store/src/threads.rs"
FILES = "shared/store/src/files.rs"
CLIENT = "tests/simulation/src/client.rs"

# name: (what is wrong then, [(file, what stands there, what is put in its place)])
MUTATIONS = {
    "no-barrier": ("`subscribed` does not say the thread's last `seq`", [
        (WS_MESSAGE, "Ok(chat.last_seq(thread_id).await?)", "Ok(0)"),
    ]),
    "barrier-first": ("`subscribe` reads the last `seq` before it writes the subscription", [
        (WS_MESSAGE, "    match connections.subscribe(", "    let seq = chat.last_seq(thread_id).await?;\n    match connections.subscribe("),
        (WS_MESSAGE, "Ok(chat.last_seq(thread_id).await?)", "Ok(seq)"),
    ]),
    "remembered-barrier": ("`subscribe` takes the last `seq` that its instance remembers", [
        (MESSAGES, "    /// Reads a page of the thread's messages. A page", """    /// What this instance remembers.
    pub async fn remembered(&self, thread_id: &ThreadId) -> Result<u64, Error> {
        match self.last_seqs.get(thread_id) {
            Some(seq) => Ok(seq),
            None => self.last_seq(thread_id).await,
        }
    }

    /// Reads a page of the thread's messages. A page"""),
        (WS_MESSAGE, "Ok(chat.last_seq(thread_id).await?)", "Ok(chat.remembered(thread_id).await?)"),
    ]),
    "subscribers-before-commit": ("messages-send reads the subscriptions before it commits the message", [
        (PUSH, "    connections: Connections,\n    limits", "    pub connections: Connections,\n    limits"),
        (SEND, "    match chat.send(new, links).await? {", "    let early = push.connections.subscribers(&Channel::Thread(thread_id.clone())).await.map_err(ApiError::from)?;\n    match chat.send(new, links).await? {"),
        (SEND, "deliver(chat, push, links, &mut message).await;", "deliver(chat, push, links, &mut message, &early).await;"),
        (SEND, "message: &mut Message) {", "message: &mut Message, early: &store::Subscribers) {"),
        (SEND, "push_message(chat, push, links, message)", "push_message(chat, push, links, message, early)"),
        (SEND, "message: &mut Message) -> Result", "message: &mut Message, early: &store::Subscribers) -> Result"),
        (SEND, "push.deliver(&channel, &message_new_frame(message.clone())?)", "push.deliver_where(&channel, &message_new_frame(message.clone())?, |id| early.live.iter().any(|one| one.connection_id == *id))"),
    ]),
    "mark-off-before-push": ("messages-send takes the mark off before it pushes", [
        (SEND, "    let mut left = push", "    chat.record_delivery(&message.thread_id, message.seq, []).await?;\n    let mut left = push"),
    ]),
    "left-forgotten": ("messages-send takes the mark off, whoever is left over", [
        (SEND, "message.seq, &left)", "message.seq, [])"),
    ]),
    "no-mark": ("a message is committed without its mark", [
        ("shared/store/src/message_row.rs", "undelivered: BTreeSet::from([ConnectionId::new(ALL_CONNECTIONS)])", "undelivered: BTreeSet::new()"),
    ]),
    "no-repair": ("chat-stream asks for no repair", [
        (CHAT_STREAM, "async move { self.repairs.request(&Repair { thread_id: row.thread_id, seq: row.seq }).await }", "async move { drop(row); Ok::<_, ApiError>(()) }"),
    ]),
    "repair-once": ("a repair that leaves somebody over is not tried again", [
        (CHAT_STREAM, "            if !delivery.undelivered.is_empty() {", "            if false {"),
    ]),
    "stream-failure-swallowed": ("chat-stream reports no failures of its records", [
        (CHAT_STREAM, "            failed.extend(sequence_numbers);\n            cause = Some(error);\n", "            drop((sequence_numbers, error));\n"),
    ]),
    "poison-dropped": ("chat-stream drops what is no message", [
        (CHAT_STREAM, "if let Err(error) = self.send_to_dead_letters(&record).await {", "if let Some(error) = None {"),
    ]),
    "projection-backward": ("chat-stream lets a thread's projection go backward", [
        (THREADS, "attribute_exists(pk) AND lastSeq < :seq", "attribute_exists(pk) AND (lastSeq < :seq OR lastSeq > :seq)"),
    ]),
    "put-unconditional": ("a message is put whether or not its `seq` is taken", [
        (MESSAGES, "            .condition_expression(IS_NEW)\n", ""),
        ("shared/store/src/idempotency.rs", "to_item(&row.key(), row)?).condition_expression(IS_NEW)", "to_item(&row.key(), row)?)"),
    ]),
    "own-row-not-known": ("a put that is repeated after a lost answer takes its own row for another's", [
        (MESSAGES, "let is_same = existing.is_some_and(|existing| existing.id == row.id);", "let is_same = existing.is_some_and(|_| false);"),
    ]),
    "key-forgotten": ("the Idempotency-Key is ignored", [
        (SEND, "idempotency_key: idempotency_key.as_ref()", "idempotency_key: idempotency_key.as_ref().filter(|_| false)"),
    ]),
    "gone-stays": ("a closed connection (410) is not removed", [
        ("shared/push/src/post.rs", "return self.remove(&target.channels, id).await", "return PostResult::Gone"),
    ]),
    "error-removes": ("whatever a post is answered with removes the connection", [
        ("shared/push/src/post.rs", "error if is_retryable(&error) => PostResult::Retryable", "error if is_retryable(&error) => PostResult::Gone"),
    ]),
    "no-closing-mark": ("a removal does not mark the connection as closing first", [
        (CONNECTIONS, "SET closing = :true", "SET closed = :true"),
    ]),
    "no-look-back": ("`subscribe` does not look whether the connection was removed meanwhile", [
        (CONNECTIONS, "if self.connection_row(&connection.id).await?.is_none() {", "if false {"),
    ]),
    "expired-served": ("what has expired is delivered to", [
        (CONNECTIONS, "if row.expires_at > now {", "if row.expires_at > 0 {"),
    ]),
    "expired-stays": ("what has expired is neither closed nor removed", [
        (PUSH, "        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));", "        drop(closing);\n        let delivery = posting.await;"),
    ]),
    "expired-ping": ("`ping` does not say that the connection has expired", [
        (WS_MESSAGE, "            Err(error) => failed(error, None),", "            Err(_) => Event::Pong,"),
        (PUSH, "        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));", "        drop(closing);\n        let delivery = posting.await;"),
    ]),
    "no-reminder": ("a file gets no reminder", [
        (CREATE_FILE, "    desk.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n", "    _ = UPLOAD_WINDOW;\n"),
    ]),
    "reminder-last": ("a file's reminder is sent once its row is there", [
        (CREATE_FILE, "    desk.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n    desk.chat.create_file(&file).await?;\n",
                      "    desk.chat.create_file(&file).await?;\n    desk.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n"),
    ]),
    "settle-unconditional": ("a file is settled whether or not it was", [
        (FILES, '.condition_expression("#status = :pending")', '.condition_expression("#status = :pending OR attribute_exists(pk)")'),
    ]),
    "announced-before": ("that everybody was told of a file is noted before they are told", [
        (PROCESS, "        let frame = serde_json::to_string(&file.status_event(&self.links))?;", "        self.chat.mark_announced(&file.id).await?;\n        let frame = serde_json::to_string(&file.status_event(&self.links))?;"),
    ]),
    "no-second-look": ("messages-send does not look at pending files once more", [
        (SEND, "if file.status == FileStatus::Pending {", "if file.status == FileStatus::Pending || file.status != FileStatus::Pending {"),
    ]),
    "client-no-gap-check": ("the client takes what is ahead, and never asks for what it lacks", [
        (CLIENT, "                        self.catch_up(&thread).await;\n                    }\n                }\n                \"file:status\"", "                    }\n                }\n                \"file:status\""),
    ]),
    "client-takes-cut": ("the client takes a cut message for the whole", [
        (CLIENT, 'data["truncated"] != true);', "true);"),
    ]),
    "client-no-status": ("the client does not ask for its pending files after it has subscribed", [
        (CLIENT, "                    self.look_at_pending_files(thread).await;\n", ""),
    ]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only make sure that every mutation still fits")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which mutations; all of them unless told")
    arguments = parser.parse_args()
    names = arguments.names or list(MUTATIONS)
    unknown = [name for name in names if name not in MUTATIONS]
    if unknown:
        sys.exit(f"error: no such mutation: {', '.join(unknown)}")
    broken = {name: broken_files(name) for name in names}
    if arguments.check:
        return
    copy()
    after, problem = caught() if not arguments.names else ("", "")
    if problem:
        sys.exit(f"error: unbroken, it fails as well, after {after}: {problem}")
    print("| what is wrong | caught after | by |\n| --- | --- | --- |", flush=True)
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} ...", file=sys.stderr)
        originals = {file: (COPY / file).read_text() for file in broken[name]}
        write(broken[name])
        try:
            after, problem = caught()
        finally:
            write(originals)
        print(f"| {MUTATIONS[name][0]} (`{name}`) | {after} | {problem} |", flush=True)


def broken_files(name):
    """The files of a mutation, as they are then; each place has to be there once."""
    files = {}
    for file, there, instead in MUTATIONS[name][1]:
        text = files.get(file) or (ROOT / file).read_text()
        if text.count(there) != 1:
            sys.exit(f"error: {name}: {file} has {text.count(there)} times: {there}")
        files[file] = text.replace(there, instead)
    return files


def copy():
    """Brings the copy up to date. Only what differs is written, so that cargo builds only that."""
    built = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
    if built.is_dir() and not (COPY / "target").exists():
        # With the dependencies. Not the same directory: cargo would take what was built of the one for the other's.
        (COPY / "target").mkdir(parents=True)
        subprocess.run(["cp", "-a", built, COPY / "target"], check=True)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for file in COPY.rglob("*.rs"):
        if "target" not in file.relative_to(COPY).parts and str(file.relative_to(COPY)) not in tracked:
            file.unlink()
    for file in filter(None, tracked):
        here, there = ROOT / file, COPY / file
        if here.is_file() and not (there.is_file() and there.read_bytes() == here.read_bytes()):
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(here.read_bytes())


def write(files):
    for file, text in files.items():
        (COPY / file).write_text(text)


def caught():
    """The number of histories until one fails, and what its first problem is."""
    environment = os.environ | {"CARGO_TARGET_DIR": str(COPY / "target"), "HISTORIES": str(MOST), "FAILURES": "1"}
    cargo = ["cargo", "test", "--workspace", "--test", "histories"]
    built = subprocess.run([*cargo, "--no-run"], cwd=COPY, env=environment, capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"error: it does not build:\n{built.stderr}")
    run = subprocess.run(
        [*cargo, "--", "--nocapture", "nothing_is_lost"], cwd=COPY, env=environment, capture_output=True, text=True
    )
    failed = re.search(r"^SEED=(\d+): ([^;\n]*)", run.stdout, re.MULTILINE)
    if not failed:
        return (f"not by {MOST:,}", "") if run.returncode == 0 else sys.exit(f"error: no result:\n{run.stderr}")
    seed, problem = failed.groups()
    return f"{int(seed) + 1:,}", problem.replace("|", "\\|")


if __name__ == "__main__":
    main()

"""Applies one mutation (a deliberate bug) after the other, and counts the histories until the simulation notices it.

    mutations.py [--check] [NAME...]

First it checks that the code still contains the texts that the mutations replace. Then it applies each mutation in a copy
of the tracked files, .local/mutations, and prints the mutation's row of the table in docs/simulation.md. With `--check`
it stops after the check.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COPY = ROOT / ".local" / "mutations"
# A mutation counts as not noticed if this many histories succeed with it.
MAX_HISTORIES = 10_000
# Part of the name of the test in tests/simulation/src/main.rs that runs the histories.
TEST = "nothing_is_lost"

MESSAGES_SEND = "functions/messages-send/src/handler.rs"
WS_MESSAGE = "functions/ws-message/src/handler.rs"
STREAM_RECORDS = "functions/chat-stream/src/records.rs"
STREAM_REPAIRS = "functions/chat-stream/src/repairs.rs"
FILES_PROCESS = "functions/files-process/src/handler.rs"
DECODER = "shared/files/src/decoder.rs"
FILES_CREATE = "functions/files-create/src/handler.rs"
PUSH = "shared/push/src/lib.rs"
PUSH_POST = "shared/push/src/post.rs"
MESSAGES = "shared/store/src/messages.rs"
MESSAGE_RATE = "shared/store/src/message_rate.rs"
MESSAGE_ROW = "shared/store/src/message_row.rs"
CONNECTIONS = "shared/store/src/connections.rs"
THREADS = "shared/store/src/threads.rs"
FILES = "shared/store/src/files.rs"
USERS = "shared/store/src/users.rs"
IDEMPOTENCY = "shared/store/src/idempotency.rs"
CLIENT = "tests/simulation/src/client.rs"
TEMPLATE = "template.yaml"

# Maps names of mutations to (description, [(file, text to replace, replacement)]). Each file has to contain its text to
# replace exactly once.
MUTATIONS = {
    "subscribed-without-seq": ("`subscribed` does not contain the thread's last `seq`", [
        (WS_MESSAGE, "Ok(deps.chat.last_seq(thread_id).await?)", "Ok(0)"),
    ]),
    "seq-before-subscription": ("`subscribe` reads the last `seq` before it writes the subscription", [
        (WS_MESSAGE, "    match deps.connections.subscribe(", "    let seq = deps.chat.last_seq(thread_id).await?;\n    match deps.connections.subscribe("),
        (WS_MESSAGE, "Ok(deps.chat.last_seq(thread_id).await?)", "Ok(seq)"),
    ]),
    "seq-from-cache": ("`subscribe` returns the last `seq` that the instance has cached", [
        (MESSAGES, "\nimpl Chat {\n", """
impl Chat {
    /// Returns the thread's last `seq`, from this instance's cache if possible.
    pub async fn cached_seq(&self, thread_id: &ThreadId) -> Result<u64, Error> {
        match self.last_seqs.get(thread_id) {
            Some(seq) => Ok(seq),
            None => self.last_seq(thread_id).await,
        }
    }

"""),
        (WS_MESSAGE, "Ok(deps.chat.last_seq(thread_id).await?)", "Ok(deps.chat.cached_seq(thread_id).await?)"),
    ]),
    "subscribers-before-commit": ("messages-send reads the subscribers before it commits the message", [
        (PUSH, "    connections: Connections,\n    limits", "    pub connections: Connections,\n    limits"),
        (MESSAGES_SEND, "    let sent = deps.chat.send(new, &deps.links).await?;", "    let early = deps.push.connections.subscribers(&Channel::Thread(thread_id.clone())).await.map_err(ApiError::from)?;\n    let sent = deps.chat.send(new, &deps.links).await?;"),
        (MESSAGES_SEND, "deliver(deps, &mut message)", "deliver(deps, &mut message, &early)"),
        (MESSAGES_SEND, "message: &mut Message) {", "message: &mut Message, early: &store::Subscribers) {"),
        (MESSAGES_SEND, "push_message(deps, message)", "push_message(deps, message, early)"),
        (MESSAGES_SEND, "message: &mut Message) -> Result", "message: &mut Message, early: &store::Subscribers) -> Result"),
        (MESSAGES_SEND, "deps.push.deliver(&channel, &message_new_frame(message.clone())?)", "deps.push.deliver_where(&channel, &message_new_frame(message.clone())?, |id| early.live.iter().any(|one| one.connection_id == *id))"),
    ]),
    "flag-cleared-before-push": ("messages-send clears the undelivered flag before it pushes the message", [
        (MESSAGES_SEND, "    let mut undelivered = deps", "    deps.chat.record_delivery(&message.thread_id, message.seq, []).await?;\n    let mut undelivered = deps"),
    ]),
    "flag-always-cleared": ("messages-send clears the undelivered flag even if connections were not reached", [
        (MESSAGES_SEND, "message.seq, &undelivered)", "message.seq, [])"),
    ]),
    "record-failure-ignored": ("a call is answered although its caller could not be recorded", [
        (USERS, "            Err(error) => return Err(error.into()),", "            Err(_) => return Ok(()),"),
    ]),
    "recorded-before-write": ("an instance remembers a caller as recorded before the write", [
        (USERS, "        match update.send().await {", "        self.recorded_profiles.insert(id, issued_at);\n        match update.send().await {"),
    ]),
    "members-unchecked": ("a thread is created without a check of its members", [
        (THREADS, "            if !members_are_known {", "            if false {"),
    ]),
    "no-undelivered-flag": ("a message is committed without its undelivered flag", [
        (MESSAGE_ROW, "undelivered: BTreeSet::from([ConnectionId::new(ALL_CONNECTIONS)])", "undelivered: BTreeSet::new()"),
    ]),
    "no-repair": ("chat-stream requests no repairs", [
        (STREAM_RECORDS, "        deps.repairs.request(&repair).await\n", "        drop(repair);\n        Ok::<_, ApiError>(())\n"),
    ]),
    "repair-once": ("a repair that does not reach every connection is not retried", [
        (STREAM_REPAIRS, "        if !delivery.undelivered.is_empty() {", "        if false {"),
    ]),
    "stream-failure-swallowed": ("chat-stream reports no failures of stream records", [
        (STREAM_RECORDS, "        failed.extend(sequence_numbers);\n        cause = Some(error);\n", "        drop((sequence_numbers, error));\n"),
    ]),
    "malformed-record-dropped": ("chat-stream drops malformed records instead of sending them to the dead-letter queue", [
        (STREAM_RECORDS, "if let Err(error) = send_to_dead_letters(deps, &key).await {", "if let Some(error) = None {"),
    ]),
    "projection-backward": ("chat-stream moves a thread's projection back to an older message", [
        (THREADS, "attribute_exists(pk) AND lastSeq < :seq", "attribute_exists(pk) AND (lastSeq < :seq OR lastSeq > :seq)"),
    ]),
    "put-unconditional": ("a message is put even if its `seq` is taken", [
        (MESSAGES, "            .condition_expression(IS_NEW)\n", ""),
        (IDEMPOTENCY, "to_item(&row.key(), row)?).condition_expression(IS_NEW)", "to_item(&row.key(), row)?)"),
    ]),
    "own-row-not-recognized": ("a put that is retried after a lost answer takes its own row for another message", [
        (MESSAGES, "let is_same = existing.is_some_and(|existing| existing.id == row.id);", "let is_same = existing.is_some_and(|_| false);"),
    ]),
    "time-renewed-after-conflict": ("a retry after a conflict returns another creation time than the stored one", [
        (MESSAGES, "                CommitResult::Conflict => backoff::pause(attempt).await,\n", "                CommitResult::Conflict => {\n                    backoff::pause(attempt).await;\n                    row.created_at = Timestamp::now();\n                }\n"),
    ]),
    "key-ignored": ("the `Idempotency-Key` is ignored", [
        (MESSAGES_SEND, "idempotency_key: idempotency_key.as_ref()", "idempotency_key: idempotency_key.as_ref().filter(|_| false)"),
    ]),
    "gone-connection-kept": ("a closed connection (410) is not removed", [
        (PUSH_POST, "return self.remove(&target.channels, id).await", "return PostResult::Gone"),
    ]),
    "error-removes-connection": ("a connection is removed after any error of a post", [
        (PUSH_POST, "error if is_retryable(&error) => PostResult::Retryable", "error if is_retryable(&error) => PostResult::Gone"),
    ]),
    "no-closing-flag": ("a removal does not flag the connection as closing first", [
        (CONNECTIONS, "SET closing = :true", "SET closed = :true"),
    ]),
    "no-check-after-subscribing": ("`subscribe` does not check whether the connection was removed in the meantime", [
        (CONNECTIONS, "if self.connection_row(&connection.id).await?.is_none() {", "if false {"),
    ]),
    "expired-delivered": ("events are delivered to expired connections", [
        (CONNECTIONS, "if row.expires_at > now {", "if row.expires_at > 0 {"),
    ]),
    "expired-kept": ("expired connections are neither closed nor removed", [
        (PUSH, "        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));", "        drop(closing);\n        let delivery = posting.await;"),
    ]),
    "expired-ping": ("a `ping` on an expired connection is answered with `pong`, and expired connections are not closed", [
        (WS_MESSAGE, "            Err(error) => error_event(error, None),", "            Err(_) => Event::Pong,"),
        (PUSH, "        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));", "        drop(closing);\n        let delivery = posting.await;"),
    ]),
    "no-reminder": ("files-create sends no reminder", [
        (FILES_CREATE, "    deps.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n", "    _ = UPLOAD_WINDOW;\n"),
    ]),
    "reminder-after-row": ("files-create sends the reminder after it has stored the file", [
        (FILES_CREATE, "    deps.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n    tokio::try_join!(deps.chat.create_file(&file), deps.chat.record_profile(&profile))?;\n",
                       "    tokio::try_join!(deps.chat.create_file(&file), deps.chat.record_profile(&profile))?;\n    deps.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n"),
    ]),
    "outcome-unconditional": ("an outcome is recorded even if the file has one", [
        (FILES, '.condition_expression("#status = :pending")', '.condition_expression("#status = :pending OR attribute_exists(pk)")'),
    ]),
    "decoder-keys-unchecked": ("files-process trusts the object keys that files-decode returns", [
        (DECODER, "    if valid { Ok(decoded) }", "    if valid || matches!(decoded, Decoded::Published { .. }) { Ok(decoded) }"),
    ]),
    "failed-attempts-not-counted": ("files-process does not count the attempts in which files-decode crashes", [
        (FILES_PROCESS, "            MAX_ATTEMPTS.. => Ok(", "            u32::MAX.. => Ok("),
    ]),
    "announced-before-push": ("files-process records that a file's status was pushed before it pushes it", [
        (FILES_PROCESS, "    let frame = serde_json::to_string(&file.status_event(&deps.links))?;", "    deps.chat.mark_announced(&file.id).await?;\n    let frame = serde_json::to_string(&file.status_event(&deps.links))?;"),
    ]),
    "pending-files-not-reread": ("messages-send does not read pending files again after it has pushed the message", [
        (MESSAGES_SEND, "if file.status == FileStatus::Pending {", "if file.status == FileStatus::Pending || file.status != FileStatus::Pending {"),
    ]),
    "rate-not-learned": ("messages-send does not read the durable counter of a user's messages", [
        (MESSAGE_RATE, "Ok(total) => count.others = total.saturating_sub(count.shared),", "Ok(_) => {}"),
    ]),
    "rate-not-shared": ("messages-send counts a user's messages only in each instance", [
        (MESSAGE_RATE, "        if added < BATCH {", "        if added < BATCH || added > 0 {"),
    ]),
    "rate-checked-after-commit": ("messages-send commits a message before it checks the author's rate", [
        (MESSAGES_SEND, "    deps.rate.count(author).map_err(rate_limited)?;\n    let sent = deps.chat.send(new, &deps.links).await?;", "    let sent = deps.chat.send(new, &deps.links).await?;\n    deps.rate.count(author).map_err(rate_limited)?;"),
    ]),
    "rate-of-a-past-minute": ("messages-send keeps the counts of past minutes", [
        (MESSAGE_RATE, "        if counts.minute != minute {", "        if counts.users.is_empty() {"),
    ]),
    "channels-not-permitted": ("the policy of ws-connect does not allow the partitions of channels", [
        (TEMPLATE, '["TICKET#*", "CONN#*", "CHANNEL#*", WARM-UP]', '["TICKET#*", "CONN#*", WARM-UP]'),
    ]),
    "client-no-gap-check": ("the client does not fetch missing messages after a gap in `seq`", [
        (CLIENT, "                        self.catch_up(&thread).await;\n                    }\n                }\n                \"file:status\"", "                    }\n                }\n                \"file:status\""),
    ]),
    "client-keeps-truncated": ("the client keeps a truncated message as if it were whole", [
        (CLIENT, 'data["truncated"] != true);', "true);"),
    ]),
    "client-skips-file-status": ("the client does not request the status of pending files after it has subscribed", [
        (CLIENT, "                    self.request_pending_files(thread).await;\n", ""),
    ]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only check that the code contains the texts to replace")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the mutations to run; by default all of them")
    arguments = parser.parse_args()
    names = arguments.names or list(MUTATIONS)
    unknown = [name for name in names if name not in MUTATIONS]
    if unknown:
        sys.exit(f"error: unknown mutation: {', '.join(unknown)}. Known ones: {', '.join(MUTATIONS)}")
    mutated, misfits = check()
    for name, problem in misfits:
        print(f"error: mutation {name} does not fit the code: {problem}", file=sys.stderr)
    if misfits and (arguments.check or any(name in names for name, _ in misfits)):
        sys.exit("Update the quoted text in tests/simulation/mutations.py, or remove the mutation.")
    if arguments.check:
        return
    update_copy()
    if not arguments.names:
        histories, problem = run_histories()
        if problem:
            sys.exit(f"error: the simulation fails without a mutation, after {histories} histories: {problem}")
    print("| what is wrong | histories | what is noticed |\n| --- | --- | --- |", flush=True)
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} ...", file=sys.stderr)
        originals = {file: (COPY / file).read_text() for file in mutated[name]}
        write(mutated[name])
        try:
            histories, problem = run_histories()
        finally:
            write(originals)
        print(f"| {MUTATIONS[name][0]} (`{name}`) | {histories} | {problem} |", flush=True)


def check():
    """Returns the mutated files of each mutation that fits the code, and (name, problem) for each misfit."""
    mutated, misfits = {}, []
    for name, (_, replacements) in MUTATIONS.items():
        files, problems = {}, []
        for file, text, replacement in replacements:
            path = ROOT / file
            current = files.get(file) or (path.read_text() if path.is_file() else None)
            if current is None:
                problems.append((name, f"{file} does not exist"))
            elif current.count(text) != 1:
                problems.append((name, f"{file} contains this text {current.count(text)} times, not once:\n{text}"))
            else:
                files[file] = current.replace(text, replacement)
        misfits += problems
        if not problems:
            mutated[name] = files
    return mutated, misfits


def update_copy():
    """Updates the copy of the tracked files. Writes only files that differ, so that cargo rebuilds no others."""
    built = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
    if built.is_dir() and not (COPY / "target").exists():
        # Copies the built dependencies, so that cargo does not build them again. The copy cannot use the target
        # directory itself: its packages have the same names as the originals, and cargo would mix up their builds.
        (COPY / "target").mkdir(parents=True)
        subprocess.run(["cp", "-a", built, COPY / "target"], check=True)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for file in COPY.rglob("*.rs"):
        if "target" not in file.relative_to(COPY).parts and str(file.relative_to(COPY)) not in tracked:
            file.unlink()
    for file in filter(None, tracked):
        original, copied = ROOT / file, COPY / file
        if original.is_file() and not (copied.is_file() and copied.read_bytes() == original.read_bytes()):
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(original.read_bytes())


def write(files):
    for file, text in files.items():
        (COPY / file).write_text(text)


def run_histories():
    """Runs histories in the copy until one fails. Returns their number and the first problem of the failed history."""
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(COPY / "target"), "HISTORIES": str(MAX_HISTORIES), "FAILURES": "1",
    }
    environment.pop("SEED", None)
    cargo = ["cargo", "test", "--workspace", "--test", "simulation"]
    built = subprocess.run([*cargo, "--no-run"], cwd=COPY, env=environment, capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"error: the mutated code does not build:\n{built.stderr}")
    run = subprocess.run(
        [*cargo, "--", "--nocapture", TEST], cwd=COPY, env=environment, capture_output=True, text=True
    )
    if "running 0 tests" in run.stdout:
        sys.exit(f"error: no test's name contains {TEST}. Set TEST in this script to the test that runs the histories.")
    failed = re.search(r"^SEED=(\d+): ([^;\n]*)", run.stdout, re.MULTILINE)
    if failed:
        seed, problem = failed.groups()
        return f"{int(seed) + 1:,}", problem.replace("|", "\\|")
    if run.returncode:
        sys.exit(f"error: the test failed without naming a seed:\n{run.stdout}\n{run.stderr}")
    return f"not by {MAX_HISTORIES:,}", ""


if __name__ == "__main__":
    main()

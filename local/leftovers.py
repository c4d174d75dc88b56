"""Removes what test users made: threads, messages, files and devices. docs/data-model.md describes the rows."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

# IDs that tests invent for members who never sign in. Some are as long as possible.
INVENTED = re.compile(r"[!~]?user_[0-9a-f]{32}x*")
# Seconds to wait for chat-stream to process the last messages. If their thread was removed before, their keys would go
# to the dead-letter queue.
SETTLE_SECONDS = 120
# Age in seconds from which a revision counts as processed by chat-stream. The tables do not show whether a revision was
# processed, unless it deletes files.
STREAM_SECONDS = 15
PREFIXES = ("uploads", "files", "thumbs")
ATTRIBUTES = ("pk", "sk", "ownerId", "userId", "memberIds", "threadId", "lastSeq", "seq", "undelivered", "fileIds", "changeId")


def remove(clients, table, bucket, users):
    """Removes all rows and objects of these users from the table `Chat` and the bucket. Returns the keys of rows that
    remain, for example because chat-stream has not processed their thread."""
    users = {user["id"] for user in users}
    if not users:
        return []
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        rows = list(scan(clients["dynamodb"], table))
        threads, files = owned(rows, users)
        waiting = unprocessed(rows, threads, time.time())
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(1)
    threads -= waiting
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda prefix: empty(clients["s3"], bucket, prefix), (f"{p}/{id}" for id in files for p in PREFIXES)))
    delete(clients["dynamodb"], table, [row for row in rows if belongs(row, users, threads, files)])
    rows = scan(clients["dynamodb"], table)
    return sorted(f"{row['pk']} / {row['sk']}" for row in rows if belongs(row, users, threads | waiting, files))


def scan(dynamodb, table):
    """Yields the ATTRIBUTES of all rows, as plain values."""
    names = {f"#{name}": name for name in ATTRIBUTES}
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table, ConsistentRead=True, ProjectionExpression=", ".join(names), ExpressionAttributeNames=names
    )
    for row in (row for page in pages for row in page["Items"]):
        yield {name: plain(value) for name, value in row.items()}


def plain(value):
    """Returns an attribute's value without DynamoDB's type."""
    ((kind, content),) = value.items()
    return [plain(entry) for entry in content] if kind == "L" else int(content) if kind == "N" else content


def owned(rows, users):
    """Returns the IDs of the users' threads and of their files."""
    threads, files = set(), set()
    for row in rows:
        kind, _, name = row["pk"].partition("#")
        if kind == "THREAD" and not users.isdisjoint(row.get("memberIds", [])):
            threads.add(name)
        elif kind == "FILE" and row.get("ownerId") in users:
            files.add(name)
    return threads, files


def unprocessed(rows, threads, now):
    """Returns the threads with a message that is newer than the thread's projection or is still undelivered, and the threads
    with a revision that is younger than STREAM_SECONDS or whose files are not deleted yet. `now` is in seconds since 1970."""
    projected, waiting = {}, set()
    for row in rows:
        if row["sk"] == "META":
            projected[row["pk"]] = row.get("lastSeq", 0)
    for row in rows:
        thread = row["pk"].removeprefix("THREAD#")
        if thread in threads and row["sk"].startswith("MSG#"):
            if row["seq"] > projected.get(row["pk"], 0) or "undelivered" in row:
                waiting.add(thread)
        if thread in threads and row["sk"].startswith("REV#"):
            if "fileIds" in row or now - changed_at(row["changeId"]) < STREAM_SECONDS:
                waiting.add(thread)
    return waiting


def changed_at(change):
    """Returns when a change was made, in seconds since 1970. Its ID is `change_` and a UUIDv7, which starts with the time in
    milliseconds (RFC 9562)."""
    return int(change.removeprefix("change_")[:12], 16) / 1000


def belongs(row, users, threads, files):
    """Returns whether a row belongs to one of these users, threads or files."""
    kind, _, name = row["pk"].partition("#")
    match kind:
        case "THREAD":
            return name in threads
        case "FILE":
            return name in files
        case "MEMBERS":
            return row.get("threadId") in threads
        case "USER" if row["sk"].startswith("THREAD#"):
            return row["sk"].removeprefix("THREAD#") in threads
        case "USER":
            return made_for_tests(name, users)
        case "PEOPLE":
            return made_for_tests(row["sk"].removeprefix("USER#"), users)
        case "PUSH":
            return row.get("userId") in users
        case "QUOTA":
            return name.partition("#")[2] in users
        case _:
            return False


def made_for_tests(user, users):
    """Returns whether an ID is that of one of these users, or one that a test invented."""
    return user in users or INVENTED.fullmatch(user) is not None


def delete(dynamodb, table, rows):
    requests = [{"DeleteRequest": {"Key": {"pk": {"S": row["pk"]}, "sk": {"S": row["sk"]}}}} for row in rows]
    while requests:
        batch, requests = requests[:25], requests[25:]
        answer = dynamodb.batch_write_item(RequestItems={table: batch})
        refused = answer["UnprocessedItems"].get(table, [])
        if refused:
            time.sleep(0.5)
        requests += refused


def empty(s3, bucket, prefix):
    """Deletes all objects whose keys start with the prefix, with all their versions."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for version in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])

"""Uses the generated Python client against a running Hearth: threads, messages, people, a file, a device, and errors."""

import datetime
import os
import sys
import time
from pathlib import Path

import httpx

sys.path.append(str(Path(__file__).resolve().parents[2] / ".local" / "generators" / "out"))

from hearth_client import AuthenticatedClient, Client  # noqa: E402
from hearth_client.api.files import create_file, get_file, get_file_status  # noqa: E402
from hearth_client.api.messages import delete_message, edit_message, list_changes, list_messages  # noqa: E402
from hearth_client.api.messages import react, send_message, unreact  # noqa: E402
from hearth_client.api.notifications import delete_push_subscription, get_push_key, put_push_subscription  # noqa: E402
from hearth_client.api.people import get_me, list_people, update_me  # noqa: E402
from hearth_client.api.socket import create_ticket  # noqa: E402
from hearth_client.api.threads import create_thread, get_thread, list_threads, mark_read, update_settings  # noqa: E402
from hearth_client.models import CreateFile, CreateThread, EditMessage, MarkRead, React, SendMessage  # noqa: E402
from hearth_client.models import PutSubscription, SubscriptionKeys, UpdateMe, UpdateSettings  # noqa: E402
from hearth_client.models import ErrorCode, FileStatus, GatewayError, Problem  # noqa: E402

API = os.environ["HEARTH_API"]
MEMBER = os.environ["HEARTH_MEMBER"]
PATIENCE_SECONDS = 30
CONTENT = b"Milk, bread, and something for dinner"


def main():
    timeout = httpx.Timeout(PATIENCE_SECONDS)
    client = AuthenticatedClient(base_url=API, token=os.environ["HEARTH_TOKEN"], timeout=timeout)
    thread = create_thread.sync(client=client, body=CreateThread(member_ids=[MEMBER], title="Generated"))
    same(get_thread.sync(thread.id, client=client).member_ids, thread.member_ids)
    file = upload(client)

    key = {"idempotency_key": f"generated-{file.id}"}
    body = SendMessage(body="Dinner at 6?", file_ids=[file.id])
    sent = send_message.sync(thread.id, client=client, body=body, **key)
    retried = send_message.sync_detailed(thread.id, client=client, body=body, **key)
    same((retried.parsed.id, retried.headers["idempotency-replayed"]), (sent.id, "true"))
    same((sent.body, sent.attachments[0].status), ("Dinner at 6?", FileStatus.READY))
    page = list_messages.sync(thread.id, client=client, limit=10)
    same(page.messages[0].to_dict()["id"], sent.id)
    same(list_messages.sync(thread.id, client=client, after=sent.seq).messages, [])
    listed = list_threads.sync(client=client, limit=100).threads
    same([row.title for row in listed if row.id == thread.id], ["Generated"])
    same(create_ticket.sync(client=client).expires_in, 60)
    check_own_state(client, thread, sent)
    check_people(client, thread)
    check_changes(client, thread, sent)
    check_notifications(client)

    check_errors(client, thread)
    print("round trip: all calls succeeded")


def check_own_state(client, thread, sent):
    """Moves the read mark and changes the settings. Checks that the thread and the lists show both."""
    same(mark_read.sync(thread.id, client=client, body=MarkRead(seq=sent.seq)).read_seq, sent.seq)
    same(mark_read.sync(thread.id, client=client, body=MarkRead(seq=0)).read_seq, sent.seq)
    beyond = mark_read.sync(thread.id, client=client, body=MarkRead(seq=sent.seq + 1))
    same((type(beyond), beyond.errors[0].field), (Problem, "seq"))
    until = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)
    settings = update_settings.sync(thread.id, client=client, body=UpdateSettings(archived=True, muted_until=until))
    same((settings.archived, settings.muted_until), (True, until))
    for archived in (True, False):
        listed = list_threads.sync(client=client, limit=100, archived=archived).threads
        same([row.read_seq for row in listed if row.id == thread.id], [sent.seq] if archived else [])
    settings = update_settings.sync(thread.id, client=client, body=UpdateSettings(archived=False, muted_until=None))
    same((settings.archived, settings.muted_until), (False, None))
    details = get_thread.sync(thread.id, client=client)
    same((details.read_seq, details.archived, details.muted_until), (sent.seq, False, None))


def check_people(client, thread):
    """Checks that the list of people has the caller, and that receipts decide who sees the caller's read mark."""
    me = get_me.sync(client=client)
    page = list_people.sync(client=client, limit=100)
    people = page.people
    while page.next_cursor is not None:
        page = list_people.sync(client=client, limit=100, cursor=page.next_cursor)
        people += page.people
    same([person.name for person in people if person.id == me.id], [me.name])
    for receipts in (False, True):
        same(update_me.sync(client=client, body=UpdateMe(receipts=receipts)).receipts, receipts)
        reads = get_thread.sync(thread.id, client=client).reads
        same(me.id in [read.user_id for read in reads], receipts)


def check_changes(client, thread, sent):
    """Edits the message, reacts to it, replies to it and deletes it. Checks the answers and the list of changes."""
    change = {"client": client, "thread_id": thread.id, "seq": sent.seq}
    edited = edit_message.sync(**change, body=EditMessage(body="Dinner at 7?"))
    same((edited.body, edited.rev > sent.rev, edited.edited_at is not None), ("Dinner at 7?", True, True))
    me = get_me.sync(client=client).id
    reacted = react.sync(**change, body=React(emoji="\u2764"))
    same([(one.emoji, one.user_ids) for one in reacted.reactions], [("\u2764\ufe0f", [me])])
    same(unreact.sync(**change).reactions, [])
    reply = send_message.sync(thread.id, client=client, body=SendMessage(body="At 8", reply_to=sent.seq))
    same((reply.reply_to.excerpt, reply.reply_to.deleted), ("Dinner at 7?", False))
    tombstone = delete_message.sync(**change)
    same((tombstone.body, tombstone.attachments, tombstone.deleted_at is not None), ("", [], True))
    refused = edit_message.sync(**change, body=EditMessage(body="again"))
    same((type(refused), refused.code), (Problem, ErrorCode.MESSAGE_DELETED))
    page = list_changes.sync(thread.id, client=client, after=sent.rev)
    same([message.rev for message in page.messages], [tombstone.rev])
    same(page.rev, tombstone.rev)
    reset = list_changes.sync(thread.id, client=client, after=tombstone.rev + 1)
    same((reset.reset, reset.rev), (True, tombstone.rev))


def check_notifications(client):
    """Registers a device and removes it. Checks the public key, and the error for keys that are not valid."""
    key = get_push_key.sync(client=client).public_key
    same((get_push_key.sync(client=client).public_key, len(key)), (key, 87))
    # Uses the deployment's public key as the key of a browser: every point of the curve P-256 is a valid one.
    keys = SubscriptionKeys(p256dh=key, auth="BTBZMqHH6r4Tts7J_aSIgg")
    device = PutSubscription(endpoint="https://fcm.googleapis.com/fcm/send/generated", keys=keys)
    registered = put_push_subscription.sync(client=client, body=device)
    same(put_push_subscription.sync(client=client, body=device).id, registered.id)
    same(delete_push_subscription.sync_detailed(registered.id, client=client).status_code, 204)
    again = delete_push_subscription.sync(registered.id, client=client)
    same((type(again), again.code), (Problem, ErrorCode.SUBSCRIPTION_NOT_FOUND))
    refused = put_push_subscription.sync(
        client=client, body=PutSubscription(endpoint="https://push.example/", keys=SubscriptionKeys("a", "b"))
    )
    same([error.field for error in refused.errors], ["endpoint", "keys"])


def upload(client):
    """Uploads a text file, waits until it is ready and downloads it again."""
    request = CreateFile(filename="shopping.txt", mimetype="text/plain", size=len(CONTENT))
    created = create_file.sync(client=client, body=request)
    same(created.file.status, FileStatus.PENDING)
    headers = created.headers.to_dict()
    httpx.request(created.method, created.upload_url, content=CONTENT, headers=headers).raise_for_status()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        file = get_file_status.sync(created.file.id, client=client)
        if file.status == FileStatus.READY:
            break
        if file.status == FileStatus.FAILED or time.monotonic() > deadline:
            sys.exit(f"error: the uploaded file is not ready: {file}")
        time.sleep(0.2)
    link = httpx.URL(file.url)
    redirect = get_file.sync_detailed(
        created.file.id,
        "shopping.txt",
        client=Client(base_url=API),
        expires=int(link.params["expires"]),
        signature=link.params["signature"],
    )
    same(httpx.get(redirect.headers["location"]).raise_for_status().content, CONTENT)
    return file


def check_errors(client, thread):
    """Checks that each error response becomes the type that the document declares for its status."""
    missing = get_thread.sync("thread_missing", client=client)
    same((type(missing), missing.code), (Problem, ErrorCode.THREAD_NOT_FOUND))
    empty = send_message.sync(thread.id, client=client, body=SendMessage(body=""))
    same((type(empty), empty.errors[0].field), (Problem, "body"))
    large = create_thread.sync(client=client, body=CreateThread(member_ids=[], title="x" * 300_000))
    same((type(large), large.code), (Problem, ErrorCode.BODY_TOO_LARGE))
    unauthorized = get_thread.sync(thread.id, client=AuthenticatedClient(base_url=API, token="invalid"))
    same(type(unauthorized), GatewayError)


def same(actual, expected):
    if actual != expected:
        sys.exit(f"error: expected {expected!r}, but got {actual!r}")


if __name__ == "__main__":
    main()

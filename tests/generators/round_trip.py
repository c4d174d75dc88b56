"""Uses the generated Python client against a running Hearth: threads, messages, a file with its upload, and errors."""

import os
import sys
import time
from pathlib import Path

import httpx

sys.path.append(str(Path(__file__).resolve().parents[2] / ".local" / "generators" / "out"))

from hearth_client import AuthenticatedClient, Client  # noqa: E402
from hearth_client.api.files import create_file, get_file, get_file_status  # noqa: E402
from hearth_client.api.messages import list_messages, send_message  # noqa: E402
from hearth_client.api.socket import create_ticket  # noqa: E402
from hearth_client.api.threads import create_thread, get_thread, list_threads  # noqa: E402
from hearth_client.models import CreateFile, CreateThread, SendMessage  # noqa: E402
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

    check_errors(client, thread)
    print("round trip: all calls succeeded")


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

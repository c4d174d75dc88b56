"""Tests a running stack against docs/openapi.yaml with schemathesis.

    run.py [OPTION of `schemathesis run` ...]

HEARTH_STACK names the stack.json of the running stack; the default is the one that `make up` writes.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(ROOT / "local"))

import cloud  # noqa: E402
from stack import make_known  # noqa: E402

TIMEOUT_SECONDS = 30
# Members of the generated threads. Dad is not among them, because he must not get the same data as Sarah.
MEMBERS = [f"conformance-{number}" for number in range(8)]


def main(options):
    path = ROOT / os.environ.get("HEARTH_STACK", ".local/stack.json")
    if not path.exists():
        sys.exit(f"error: {path} does not exist; run `make up` first, or `make test-conformance` instead")
    stack = json.loads(path.read_text())
    make_known(stack, *MEMBERS)
    tokens = {name: cloud.log_in(stack, name) for name in ("Sarah", "Dad")}
    # schemathesis reads the tokens from a temporary file, which only the current user of this machine can read.
    with tempfile.NamedTemporaryFile("w", suffix=".json") as identities:
        json.dump({"auth": [identity(name, token) for name, token in tokens.items()]}, identities)
        identities.flush()
        environment = os.environ | {
            "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".local" / "hypothesis"),
            "CONFORMANCE_AUTH": identities.name,
            "CONFORMANCE_MEMBERS": json.dumps(MEMBERS),
            "CONFORMANCE_FILE": json.dumps(ready_file(stack["apiUrl"], tokens["Sarah"])),
        }
        tool = Path(sys.executable).with_name("schemathesis")
        command = [tool, "--config-file", HERE / "schemathesis.toml", "run", ROOT / "docs" / "openapi.yaml"]
        done = subprocess.run([*command, "--url", stack["apiUrl"], *options], env=environment, cwd=HERE)
    return done.returncode


def identity(name, token):
    """Returns a user in the format of the authentication file that schemathesis reads."""
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}


def ready_file(api, token):
    """Uploads an image and waits until it is ready.

    Returns its ID, and the path and query parameters for each operation with a signed link, by operationId.
    """
    headers = {"Authorization": f"Bearer {token}"}
    image = pixel()
    created = {"filename": "pixel.png", "mimetype": "image/png", "size": len(image)}
    upload = answer(requests.post(f"{api}/api/files", json=created, headers=headers, timeout=TIMEOUT_SECONDS))
    stored = requests.put(upload["uploadUrl"], data=image, headers=upload["headers"], timeout=TIMEOUT_SECONDS)
    stored.raise_for_status()
    file_id = upload["file"]["id"]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        url = f"{api}/api/files/{file_id}/status"
        file = answer(requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS))
        if file["status"] == "ready":
            keep(api, headers, file_id)
            return {
                "id": file_id,
                "getFile": parameters(file["url"], fileId=file_id, name=file["name"]),
                "getThumbnail": parameters(file["thumbUrl"], fileId=file_id),
            }
        if file["status"] == "failed" or time.monotonic() > deadline:
            sys.exit(f"error: the test image is not ready: {file}")
        time.sleep(0.2)


def keep(api, headers, file_id):
    """Sends the file in a thread that no generated request knows, so that no generated deletion erases it."""
    request = {"memberIds": [MEMBERS[0]], "title": f"Keeps {file_id}"}
    thread = answer(requests.post(f"{api}/api/threads", json=request, headers=headers, timeout=TIMEOUT_SECONDS))
    url, message = f"{api}/api/threads/{thread['id']}/messages", {"fileIds": [file_id]}
    answer(requests.post(url, json=message, headers=headers, timeout=TIMEOUT_SECONDS))


def answer(response):
    """Returns the JSON of a successful response."""
    response.raise_for_status()
    return response.json()


def parameters(url, **path):
    """Returns the path and query parameters of a link. Ends the test if the link does not contain those in `path`."""
    parts = urlsplit(url)
    if not all(value in unquote(parts.path) for value in path.values()):
        sys.exit(f"error: the path of {url} does not contain all of {path}")
    return {"path": path, "query": dict(parse_qsl(parts.query))}


def pixel():
    """Returns a PNG of one pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\x00\x80")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

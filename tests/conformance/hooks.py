"""Schemathesis hooks that make generated requests refer to resources that exist.

Schemathesis generates valid and invalid requests from the schemas in docs/openapi.yaml. A schema cannot say which cursors,
files and users exist, which idempotency keys are unused and which push subscriptions have an allowed host and valid
keys. So these hooks replace such values in the requests that are meant to be valid. Requests that are meant to be invalid
stay unchanged.
"""

import collections
import copy
import itertools
import json
import os
import zlib

import schemathesis
from schemathesis import GenerationMode

# The file that run.py has uploaded. `id` is the file's ID. Each other key is the operationId of an operation that needs
# a signed link, with the link's path and query parameters as the value.
FILE = json.loads(os.environ["CONFORMANCE_FILE"])

# Users who may be members of threads.
MEMBERS = json.loads(os.environ["CONFORMANCE_MEMBERS"])

# A push subscription with an allowed host and valid keys, the example of docs/openapi.yaml. It belongs to no real
# browser.
BROWSER = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/dGhpcyBpcyBub3QgYSBkZXZpY2U",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}

# The cursors that each operation has returned, by operationId.
cursors = collections.defaultdict(set)
count = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    operation = case.operation.definition.raw["operationId"]
    use_known_cursor(case, cursors[operation])
    use_new_key(case)
    use_own_files(case)
    use_known_members(case)
    use_valid_mark_and_time(case)
    use_valid_change(case)
    use_valid_browser(case)
    if operation in FILE:
        case.path_parameters = FILE[operation]["path"]
        case.query = FILE[operation]["query"]
    elif "signature" in (case.query or {}):
        raise KeyError(f"{operation} needs a signed link: add it to `ready_file` in tests/conformance/run.py")


@schemathesis.hook
def after_call(context, case, response):
    if (case.query or {}).get("archived") not in (None, False, "false"):
        return  # these cursors are valid only with `archived=true`, which `use_known_cursor` removes
    if response.status_code == 200 and "json" in response.headers.get("content-type", [""])[0]:
        body = response.json()
        if isinstance(body, dict) and body.get("nextCursor"):
            cursors[case.operation.definition.raw["operationId"]].add(body["nextCursor"])


def use_known_cursor(case, known):
    """Replaces a generated cursor with one that the list has returned, or removes it.

    Also removes `after` and `archived`: the server refuses them together with a cursor of the other direction or list. The
    list of changes needs one of `cursor` and `after`, so a request for it without a cursor gets `after=0`.
    """
    needs_start = case.operation.definition.raw["operationId"] == "listChanges"
    if not case.query and not needs_start:
        return
    case.query = case.query or {}
    if "cursor" in case.query and case.query["cursor"] not in known:
        del case.query["cursor"]
        if known:
            case.query["cursor"] = min(known)
    if "cursor" in case.query:
        case.query.pop("after", None)
        case.query.pop("archived", None)
    elif needs_start:
        case.query.setdefault("after", 0)


def use_new_key(case):
    """Makes a generated Idempotency-Key unique, since the server refuses a used key with other content."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key:
        # The ID of the uploaded file makes the key differ between runs. The counter makes it differ between the
        # requests of a run.
        case.headers["Idempotency-Key"] = f"{FILE['id']}-{next(count)}-{key}"[:128]


def use_own_files(case):
    """Replaces the random file IDs of a generated request with the ID of a file that the test user uploaded.

    Removes the ID of a picture: a later request would replace the picture, and its file would be deleted.
    """
    if not isinstance(case.body, dict):
        return
    if case.body.get("fileIds"):
        case.body["fileIds"] = [FILE["id"] for _ in case.body["fileIds"]]
    if case.body.get("avatarFileId"):
        del case.body["avatarFileId"]


def use_known_members(case):
    """Replaces generated members with known users: the server refuses unknown users as members.

    The same generated ID becomes the same user.
    """
    if isinstance(case.body, dict) and case.body.get("memberIds"):
        case.body["memberIds"] = [MEMBERS[zlib.crc32(member.encode()) % len(MEMBERS)] for member in case.body["memberIds"]]


def use_valid_mark_and_time(case):
    """Sets a generated read mark to 0, because its message may not exist. Replaces the end of a mute, which may be
    before 1970.
    """
    if isinstance(case.body, dict) and "seq" in case.body:
        case.body["seq"] = 0
    if isinstance(case.body, dict) and case.body.get("mutedUntil"):
        case.body["mutedUntil"] = "2025-09-06T01:05:00Z"


def use_valid_change(case):
    """Replaces a generated emoji, because a schema does not list the valid ones. Adds a word to the text of an edit,
    because the server refuses a text without a visible character. Removes `replyTo`: the thread of a generated request
    may not have this message.
    """
    if not isinstance(case.body, dict):
        return
    if "emoji" in case.body:
        case.body["emoji"] = "\N{THUMBS UP SIGN}"
    if case.operation.definition.raw["operationId"] == "editMessage":
        case.body["body"] = f"edited {case.body['body']}"[:8000]
    case.body.pop("replyTo", None)


def use_valid_browser(case):
    """Replaces a generated push subscription, whose host and keys the server refuses. All requests have the same
    subscription, so that the user never has too many devices.
    """
    if isinstance(case.body, dict) and "endpoint" in case.body:
        case.body |= copy.deepcopy(BROWSER)


@schemathesis.check
def documented_error_code(ctx, response, case):
    """Checks that the code of a problem document is in the `x-codes` of the documented response."""
    if "application/problem+json" not in response.headers.get("content-type", [""])[0]:
        return
    document = case.operation.schema.raw_schema
    path, method = case.operation.path, case.operation.method
    documented = document["paths"][path][method]["responses"].get(str(response.status_code), {})
    if "$ref" in documented:
        documented = document["components"]["responses"][documented["$ref"].rsplit("/", 1)[-1]]
    code = response.json()["code"]
    assert code in documented.get("x-codes", []), f"{code} is not in x-codes of {response.status_code}"

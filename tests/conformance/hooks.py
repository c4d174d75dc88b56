"""What no schema can say: requests that are meant to be valid name what there is.

Requests that are meant to be invalid stay as they are.
"""

import itertools
import json
import os

import schemathesis
from schemathesis import GenerationMode

# A file that is ready: its id, and the parameters of its two URLs.
FILE = json.loads(os.environ["CONFORMANCE_FILE"])

cursors = {"listThreads": set(), "listMessages": set()}
count = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    match case.operation.definition.raw["operationId"]:
        case "listThreads" | "listMessages" as name:
            use_cursor(case, cursors[name])
        case "sendMessage":
            use_new_key(case)
            use_own_files(case)
        case "getFile" | "getThumbnail" as name:
            case.path_parameters = FILE[name]["path"]
            case.query = FILE[name]["query"]


@schemathesis.hook
def after_call(context, case, response):
    known = cursors.get(case.operation.definition.raw["operationId"])
    if known is not None and response.status_code == 200:
        known.add(response.json()["nextCursor"])
        known.discard(None)


def use_cursor(case, known):
    """A cursor is one that the list gave, or none. Some go the other way than `after`."""
    if "cursor" in case.query and case.query["cursor"] not in known:
        del case.query["cursor"]
        if known:
            case.query["cursor"] = min(known)
    if "cursor" in case.query:
        case.query.pop("after", None)


def use_new_key(case):
    """A key that was used before takes no other content."""
    key = case.headers.get("Idempotency-Key")
    if key:
        # The file is new in each run.
        case.headers["Idempotency-Key"] = f"{FILE['id']}-{next(count)}-{key}"[:128]


def use_own_files(case):
    """Files are the caller's own."""
    if isinstance(case.body, dict) and case.body.get("fileIds"):
        case.body["fileIds"] = [FILE["id"] for _ in case.body["fileIds"]]


@schemathesis.check
def documented_error_code(ctx, response, case):
    """A problem document has one of the codes in `x-codes` of its response."""
    if "application/problem+json" not in response.headers.get("content-type", [""])[0]:
        return
    document = case.operation.schema.raw_schema
    path, method = case.operation.path, case.operation.method
    documented = document["paths"][path][method]["responses"].get(str(response.status_code), {})
    if "$ref" in documented:
        documented = document["components"]["responses"][documented["$ref"].rsplit("/", 1)[-1]]
    code = response.json()["code"]
    assert code in documented.get("x-codes", []), f"{code} is not in x-codes of {response.status_code}"

"""The local cloud. `make up`, `make dev`, `make down`, `make token` and `make test` call this script.

    cloud.py up | dev | down | token NAME | run COMMAND...
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError

import guard
import stack
from daemon import Failure
from emulator import DEFAULT_PORT, Emulator
from page import DEFAULT_PORT as DEFAULT_PAGE_PORT
from page import Page

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
PAGE = ROOT / "web/demo/dist"
LOG_GROUPS = f"/aws/lambda/{stack.STACK}-"
VITE_PORT = 5173  # Vite's default, for frontends in development


def up(emulator, page, port, page_port, keep, origins=(), lift_quotas=False):
    """Starts the local cloud or updates the running one. It then accepts requests of the demo page, of pages that Vite serves,
    and of pages of `origins`. Returns the content of stack.json. `lift_quotas` lifts the quotas of users, for tests."""
    started = time.monotonic()
    running = emulator.running()
    if running and port not in (None, 0, running["port"]):
        raise Failure(f"The local cloud already runs on port {running['port']}. Run `make down` before you change the port.")
    if running and keep and not running["keep"]:
        raise Failure("The local cloud runs without KEEP=1. Run `make down` first; this deletes its data.")
    served = page.running()
    if served and page_port not in (None, 0, served["port"]):
        raise Failure(f"The page is already served on port {served['port']}. Run `make down` before you change the port.")
    if running:
        port = running["port"]
    else:
        port = emulator.start(DEFAULT_PORT if port is None else port, keep)
    # The page starts before the deployment, because the guard and the deployment have to allow the page's origin.
    page_port = served["port"] if served else page.start(PAGE, page_port)
    own = [f"http://{name}:{number}" for number in (VITE_PORT, page_port) for name in ("localhost", "127.0.0.1")]
    origins = [*own, *origins]
    write(emulator, guard.ORIGINS, "\n".join(origins) + "\n")
    try:
        endpoint = f"http://127.0.0.1:{port}"
        changed, facts = stack.deploy(ROOT, endpoint, f"http://127.0.0.1:{page_port}", origins, lift_quotas)
        variables = stack.environment(endpoint)
        introduce(facts)
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"A call to the local cloud failed: {error}. See {emulator.log}.") from None
    except Failure as failure:
        raise Failure(f"{failure} See {emulator.log}.") from None
    # Environments of functions that run outside the emulator: cargo-lambda reads functions.env, sam reads
    # functions.json. sam runs functions in Docker, where this machine is called host.docker.internal.
    write(emulator, "functions.env", "".join(f"{name}={value}\n" for name, value in variables.items()))
    there = json.dumps({"Parameters": variables}, indent=2).replace("//127.0.0.1:", "//host.docker.internal:")
    write(emulator, "functions.json", there + "\n")
    write(emulator, "stack.json", json.dumps(facts, indent=2) + "\n")
    seconds = time.monotonic() - started
    news = f"deployed: {', '.join(changed)}" if changed else "no function has changed"
    print(f"The local cloud is up on port {port} after {seconds:.0f} s ({news}).", file=sys.stderr)
    print(f"Page: {facts['pageUrl']}", file=sys.stderr)
    return facts


def write(emulator, name, text):
    """Writes a file atomically, so that a reader never sees a part of it."""
    path = emulator.state / name
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


def origin_list(text):
    """Parses origins that are separated by commas."""
    origins = [origin for origin in text.split(",") if origin]
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin):
            raise argparse.ArgumentTypeError(
                f"{origin!r} is not an origin. Write origins such as http://localhost:3000, separated by commas."
            )
    return origins


def down(emulator, page):
    page.stop()
    stopped = emulator.stop()
    for name in ("stack.json", "functions.env", "functions.json", guard.ORIGINS, guard.SECRET):
        (emulator.state / name).unlink(missing_ok=True)
    print("The local cloud has stopped." if stopped else "The local cloud was not running.", file=sys.stderr)


def token(emulator, name):
    if not emulator.running():
        raise Failure("The local cloud is not running. Run `make up` to start it.")
    print(log_in(json.loads((emulator.state / "stack.json").read_text()), name))


def log_in(facts, name):
    """Returns an ID token of the demo user with this name."""
    users = {user["name"].lower(): user for user in facts["users"]}
    user = users.get(name.lower())
    if not user:
        names = ", ".join(user["name"] for user in facts["users"])
        raise Failure(f"There is no demo user {name!r}. Set USER= to one of: {names}.")
    cognito = stack.client("cognito-idp", facts["endpointUrl"], signature_version=UNSIGNED)
    return stack.sign_in(cognito, facts["clientId"], user["email"], user["password"])


def introduce(facts):
    """Calls the API once as each demo user. Only users who have called can become members of a thread."""
    for user in facts["users"]:
        try:
            stack.call_once(facts["apiUrl"], log_in(facts, user["name"]))
        except OSError as error:
            # A function that a developer has just broken must not keep the local cloud from starting.
            print(
                f"warning: GET /api/threads as {user['name']} failed ({error}). Until a call succeeds, {user['name']} "
                "cannot become a member of a thread.",
                file=sys.stderr,
            )


def explain(emulator, facts):
    """Prints the URLs, the users and a first request to try."""
    sarah, michael, _ = facts["users"]
    state = "" if emulator.state == STATE else f" STATE={emulator.state}"
    call = f"""curl -s -H "Authorization: Bearer $(make -s token USER=Sarah{state})" -H 'Content-Type: application/json'"""
    members = json.dumps({"memberIds": [michael["id"]], "title": "Dinner"})
    message = json.dumps({"body": "Dinner at 6?"})
    print(f"""
Page        {facts['pageUrl']}  <- open this and sign in as one of the users
HTTP API    {facts['apiUrl']}
WebSocket   {facts['wsUrl']}
AWS         {facts['endpointUrl']}, region {facts['region']}, key and secret "test"
Users       {', '.join(user['email'] for user in facts['users'])}; password {sarah['password']}

To create a thread as Sarah with Michael and send a message, paste this into another terminal in this directory:

THREAD=$({call} -d '{members}' {facts['apiUrl']}/api/threads | grep -o 'thread_[^"]*'); echo $THREAD
{call} -d '{message}' {facts['apiUrl']}/api/threads/$THREAD/messages

The functions' logs follow. Ctrl-C stops only the logs; `make down` stops the local cloud.
""", flush=True)


def follow(emulator, facts):
    """Prints the functions' logs until Ctrl-C or until the local cloud stops."""
    logs = stack.client("logs", facts["endpointUrl"])
    start = int(time.time() * 1000)
    while emulator.running():
        time.sleep(0.5)
        end = int(time.time() * 1000) - 300  # newer lines may still be incomplete; the next turn prints them
        lines = []
        for group in logs.describe_log_groups(logGroupNamePrefix=LOG_GROUPS)["logGroups"]:
            name = group["logGroupName"]
            for event in logs.filter_log_events(logGroupName=name, startTime=start, endTime=end - 1)["events"]:
                if not event["message"].startswith(("START RequestId", "END RequestId")):
                    lines.append((event["timestamp"], name.removeprefix(LOG_GROUPS), event["message"]))
        for _, function, message in sorted(lines, key=lambda line: line[0]):
            print(f"{function:15} {message}", flush=True)
        start = end
    print("The local cloud has stopped.", file=sys.stderr)


def run(emulator, page, port, command):
    """Runs a command with a local cloud of its own, and stops that cloud afterwards in any case."""
    try:
        facts = up(emulator, page, port, 0, keep=False, lift_quotas=True)
        variables = {"HEARTH_STACK": str(emulator.state / "stack.json"), "HEARTH_ENDPOINT": facts["endpointUrl"]}
        done = subprocess.run(command, env=os.environ | variables)
        return done.returncode or stack.complaints(stack.client("logs", facts["endpointUrl"]), stack.STACK)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the cleanup
        down(emulator, page)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=STATE, help="directory for this instance's files")
    parser.add_argument("--port", type=int, help=f"port of the emulator; 0 for any free port; default {DEFAULT_PORT}")
    parser.add_argument("--page-port", type=int, help=f"port of the page; default {DEFAULT_PAGE_PORT} or any free port")
    parser.add_argument("--origins", type=origin_list, default=[], help="more origins whose pages may use the local cloud")
    parser.add_argument("--keep", action="store_true", help="keep the data after `down`")
    parser.add_argument("--lift-quotas", action="store_true", help="lift the quotas of users, as for tests")
    parser.add_argument("task", choices=["up", "dev", "down", "token", "run"])
    parser.add_argument("words", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    options = (arguments.port, arguments.page_port, arguments.keep, arguments.origins, arguments.lift_quotas)
    emulator = Emulator(arguments.state.resolve())
    page = Page(arguments.state.resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        match arguments.task:
            case "up":
                up(emulator, page, *options)
            case "dev":
                facts = up(emulator, page, *options)
                explain(emulator, facts)
                follow(emulator, facts)
            case "down":
                down(emulator, page)
            case "token":
                token(emulator, " ".join(arguments.words))
            case "run":
                return run(emulator, page, arguments.port, arguments.words)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0 if arguments.task == "dev" else 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The local cloud: `make up`, `down`, `dev`, `token` and the instance of `make test` call this.

    cloud.py up | dev | down | token NAME | run COMMAND...
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import stack
from daemon import Failure
from emulator import DEFAULT_PORT, Emulator
from page import DEFAULT_PORT as DEFAULT_PAGE_PORT
from page import Page

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
PAGE = ROOT / "web/demo/dist"
LOG_GROUPS = f"/aws/lambda/{stack.STACK}-"


def up(emulator, page, port, page_port, keep):
    """Starts the local cloud, or brings the running one up to date; gives what stack.json holds."""
    started = time.monotonic()
    running = emulator.running()
    if running and port not in (None, 0, running["port"]):
        raise Failure(f"The local cloud runs on port {running['port']}; `make down` first to move it.")
    if running and keep and not running["keep"]:
        raise Failure("The local cloud runs without KEEP=1; `make down` first, its data ends with it.")
    served = page.running()
    if served and page_port not in (None, 0, served["port"]):
        raise Failure(f"The page is served on port {served['port']}; `make down` first to move it.")
    if running:
        port = running["port"]
    else:
        port = emulator.start(DEFAULT_PORT if port is None else port, keep)
    # Before the deployment, which has to allow what it is served from.
    page_port = served["port"] if served else page.start(PAGE, page_port)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        changed, facts = stack.deploy(ROOT, endpoint, page_port)
        variables = stack.environment(endpoint)
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The local cloud failed: {error}; see {emulator.log}.") from None
    except Failure as failure:
        raise Failure(f"{failure} The log: {emulator.log}.") from None
    # For functions that run elsewhere: cargo-lambda reads the one, and sam the other, which puts them into Docker, where
    # this machine has another name.
    write(emulator, "functions.env", "".join(f"{name}={value}\n" for name, value in variables.items()))
    there = json.dumps({"Parameters": variables}, indent=2).replace("//127.0.0.1:", "//host.docker.internal:")
    write(emulator, "functions.json", there + "\n")
    write(emulator, "stack.json", json.dumps(facts, indent=2) + "\n")
    seconds = time.monotonic() - started
    news = f"new: {', '.join(changed)}" if changed else "no function has changed"
    print(f"The local cloud is up on port {port} after {seconds:.0f} s ({news}).", file=sys.stderr)
    print(f"The page: {facts['pageUrl']}", file=sys.stderr)
    return facts


def write(emulator, name, text):
    """Writes a file in one step: whoever waits for it never sees half of it."""
    path = emulator.state / name
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


def down(emulator, page):
    page.stop()
    stopped = emulator.stop()
    for name in ("stack.json", "functions.env", "functions.json"):
        (emulator.state / name).unlink(missing_ok=True)
    print("The local cloud is stopped." if stopped else "No local cloud was running.", file=sys.stderr)


def token(emulator, name):
    if not emulator.running():
        raise Failure("The local cloud is not running; `make up` starts it.")
    print(log_in(json.loads((emulator.state / "stack.json").read_text()), name))


def log_in(facts, name):
    """A token of the demo user of this name."""
    users = {user["name"].lower(): user for user in facts["users"]}
    user = users.get(name.lower())
    if not user:
        raise Failure(f"There is no demo user {name!r}; say USER=Sarah, USER=Michael or USER=Dad.")
    cognito = stack.client("cognito-idp", facts["endpointUrl"], signature_version=UNSIGNED)
    answer = cognito.initiate_auth(
        ClientId=facts["clientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user["email"], "PASSWORD": user["password"]},
    )
    return answer["AuthenticationResult"]["IdToken"]


def explain(emulator, facts):
    """Prints what a person needs to start with."""
    sarah, michael, _ = facts["users"]
    state = "" if emulator.state == STATE else f" STATE={emulator.state}"
    call = f"""curl -s -H "Authorization: Bearer $(make -s token USER=Sarah{state})" -H 'Content-Type: application/json'"""
    members = json.dumps({"memberIds": [michael["id"]], "title": "Dinner"})
    message = json.dumps({"body": "Dinner at 6?"})
    print(f"""
Page        {facts['pageUrl']}  <- open this, and sign in as one of the users
HTTP API    {facts['apiUrl']}
WebSocket   {facts['wsUrl']}
AWS         {facts['endpointUrl']}, region {facts['region']}, key and secret "test"
Users       {', '.join(user['email'] for user in facts['users'])}; password {sarah['password']}

As Sarah, start a thread with Michael and send a message to it (paste this into another terminal, in this directory):

THREAD=$({call} -d '{members}' {facts['apiUrl']}/api/threads | grep -o 'thread_[^"]*'); echo $THREAD
{call} -d '{message}' {facts['apiUrl']}/api/threads/$THREAD/messages

Here the functions' logs follow. Ctrl-C ends only that: the local cloud runs on until `make down`.
""", flush=True)


def follow(emulator, facts):
    """Prints what the functions log, until Ctrl-C or until the local cloud ends."""
    logs = stack.client("logs", facts["endpointUrl"])
    start = int(time.time() * 1000)
    while emulator.running():
        time.sleep(0.5)
        end = int(time.time() * 1000) - 300  # what is being written right now is for the next turn
        lines = []
        for group in logs.describe_log_groups(logGroupNamePrefix=LOG_GROUPS)["logGroups"]:
            name = group["logGroupName"]
            for event in logs.filter_log_events(logGroupName=name, startTime=start, endTime=end - 1)["events"]:
                if not event["message"].startswith(("START RequestId", "END RequestId")):
                    lines.append((event["timestamp"], name.removeprefix(LOG_GROUPS), event["message"]))
        for _, function, message in sorted(lines, key=lambda line: line[0]):
            print(f"{function:15} {message}", flush=True)
        start = end
    print("The local cloud has ended.", file=sys.stderr)


def run(emulator, page, port, command):
    """Runs a command against an instance of its own, which ends with it however it ends."""
    try:
        facts = up(emulator, page, port, 0, keep=False)
        done = subprocess.run(command, env=os.environ | {"HEARTH_STACK": str(emulator.state / "stack.json")})
        return done.returncode or complaints(facts)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not keep it from being stopped
        down(emulator, page)


def complaints(facts):
    """Prints the errors that the functions logged, though every answer was right: a missing permission, say, that only
    cost a clean-up. 1 where there are any."""
    logs = stack.client("logs", facts["endpointUrl"])
    found = 0
    for group in logs.describe_log_groups(logGroupNamePrefix=LOG_GROUPS)["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in (event for page in pages for event in page["events"]):
            message = event["message"]
            # What took too long is tried again, and where the machine is slow that may well be needed.
            failed = " ERROR " in message and "request has timed out" not in message
            if failed or "AccessDenied" in message or "panicked" in message:
                print(f"{group['logGroupName'].removeprefix(LOG_GROUPS):15} {message}", file=sys.stderr)
                found = 1
    if found:
        print("error: the functions have logged the errors above.", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=STATE, help="directory of this instance's files")
    parser.add_argument("--port", type=int, help=f"0 for any free one; {DEFAULT_PORT} unless told")
    parser.add_argument("--page-port", type=int, help=f"of the page; {DEFAULT_PAGE_PORT}, or any free one, unless told")
    parser.add_argument("--keep", action="store_true", help="keep the data over `down`")
    parser.add_argument("task", choices=["up", "dev", "down", "token", "run"])
    parser.add_argument("words", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    emulator = Emulator(arguments.state.resolve())
    page = Page(arguments.state.resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        match arguments.task:
            case "up":
                up(emulator, page, arguments.port, arguments.page_port, arguments.keep)
            case "dev":
                facts = up(emulator, page, arguments.port, arguments.page_port, arguments.keep)
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

"""Runs the end-to-end tests against a deployed stack. `make verify STACK=name` calls this script.

    verify.py STACK [TEST]

It uses the AWS credentials and the region of your environment, as the AWS CLI does. It creates users in the stack's user
pool, runs all tests whose names contain TEST, and removes the users and what they made in any case. docs/operations.md says
what remains. With AWS_ENDPOINT_URL, it verifies the stack of a local cloud.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import leftovers
import stack
from daemon import Failure

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests/e2e/tests/clients"
CARGO = ["cargo", "test", "--locked", "--workspace", "--test", "clients", "--"]
# The tests run as several families. Each test chooses one, so that no user exceeds a quota such as new threads per day.
FAMILIES = 8
NAMES = [user["name"] for user in stack.USERS]
PREFIX = "hearth-verify-"
# The stack's throttles allow about this many tests at the same time. With more tests, the stack would answer some
# requests with 429.
TESTS_AT_A_TIME = 2
# Age after which a later run removes the users of a run that was killed. No run takes so long, so the users are no
# longer in use.
ABANDONED_SECONDS = 3 * 60 * 60
# The comment with which a test says when `make verify` skips it: "never" and a reason, or the value of a parameter
# without which the test makes no sense.
MARK = re.compile(
    r"^// make verify: (?:never, because (?P<reason>.+)|only if (?P<name>\w+) is (?P<value>\S+))\n"
    r"(?:#\[.*\]\n|///.*\n)*(?:pub )?async fn (?P<test>\w+)",
    re.MULTILINE,
)


class Target:
    """A deployed stack."""

    def __init__(self, name, session, endpoint):
        if not session.region_name:
            raise Failure("There is no AWS region. Set AWS_DEFAULT_REGION, or a region in your AWS profile.")
        self.name = name
        self.session = session
        self.endpoint = endpoint
        try:
            (found,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise Failure(f"There is no stack {name!r} in {session.region_name}. Set STACK= to a deployed stack.") from None
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        self.parameters = {entry["ParameterKey"]: entry["ParameterValue"] for entry in found.get("Parameters", [])}
        if "ApiUrl" not in self.outputs:
            raise Failure(f"The stack {name!r} has no output ApiUrl, so it is not a stack of Hearth.")
        if "UserPoolId" not in self.outputs:
            raise Failure(
                f"The stack {name!r} accepts tokens of another issuer (TokenIssuer), where this script cannot create and "
                "delete users. Deploy a second stack without TokenIssuer, and verify that one."
            )

    def facts(self, users):
        """Returns the content of stack.json for the tests."""
        origins = self.parameters.get("AllowedOrigins", "").split(",")
        facts = stack.facts(self.outputs, {name: self.parameters[name] for name in stack.QUOTAS}) | {
            "allowedOrigin": origins[0] or None,
            "pageUrl": self.parameters.get("PageUrl") or None,
            "users": users,
        }
        # The outputs hold the URLs that the stack has on AWS. A local cloud serves the APIs at other URLs.
        return facts | stack.local_urls(self.endpoint) if self.endpoint else facts

    def create_users(self, run):
        """Creates the families of a run, signs everybody in, and returns them."""
        cognito = self.session.client("cognito-idp")
        public = self.session.client("cognito-idp", config=Config(signature_version=UNSIGNED))
        pool, client_id = self.outputs["UserPoolId"], self.outputs["UserPoolClientId"]
        users = []
        for family in range(FAMILIES):
            for name in NAMES:
                email, password = f"{run}{family}-{name.lower()}@hearth.example", stack.new_password()
                sub = stack.create_user(cognito, pool, email, name, password)
                token = stack.sign_in(public, client_id, email, password)
                users.append({"id": sub, "name": name, "email": email, "password": password, "token": token})
        return users

    def find_users(self, run):
        """Returns the users of a run, and those of runs that were killed before they could remove them."""
        pages = self.session.client("cognito-idp").get_paginator("list_users").paginate(
            UserPoolId=self.outputs["UserPoolId"], Filter=f'email ^= "{PREFIX}"'
        )
        found = []
        for user in (user for page in pages for user in page["Users"]):
            attributes = {attribute["Name"]: attribute["Value"] for attribute in user["Attributes"]}
            abandoned = time.time() - user["UserCreateDate"].timestamp() > ABANDONED_SECONDS
            if abandoned or attributes["email"].startswith(run):
                found.append({"id": attributes["sub"], "email": attributes["email"]})
        return found

    def delete_users(self, users):
        cognito = self.session.client("cognito-idp")
        for user in users:
            cognito.admin_delete_user(UserPoolId=self.outputs["UserPoolId"], Username=user["email"])

    def environment(self, path):
        """Returns the environment of the tests, with the session's credentials and the path of stack.json."""
        credentials = self.session.get_credentials().get_frozen_credentials()
        variables = {
            "HEARTH_STACK": str(path),
            "AWS_REGION": self.session.region_name,
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.token,
        }
        environment = {name: value for name, value in os.environ.items() if name not in variables}
        return environment | {name: value for name, value in variables.items() if value}


def skipped(sources, parameters):
    """Returns why each test that makes no sense for a stack with these parameters is skipped. `sources` maps the name of
    each module to its text."""
    reasons = {}
    for module, text in sources.items():
        for mark in MARK.finditer(text):
            name, value = mark["name"], mark["value"]
            if mark["reason"]:
                reason = mark["reason"]
            elif value == "set" and not parameters.get(name):
                reason = f"the parameter {name} is empty"
            elif value != "set" and parameters.get(name) != value:
                reason = f"the parameter {name} is not {value}"
            else:
                continue
            reasons[f"{module}::{mark['test']}"] = reason
    return reasons


def sources(directory=TESTS):
    """Maps the name of each module of the tests to its text."""
    files = sorted(directory.rglob("*.rs"))
    return {"::".join(file.relative_to(directory).with_suffix("").parts): file.read_text() for file in files}


def choose(listed, reasons, wanted):
    """Returns the tests to run, and prints those that are skipped. Fails if there are no tests to run."""
    unknown = sorted(set(reasons) - set(listed))
    if unknown:
        raise Failure(f"These tests are marked to be skipped, but do not exist: {', '.join(unknown)}.")
    listed = [test for test in listed if wanted in test]
    for test in listed:
        if test in reasons:
            print(f"skipped: {test}, because {reasons[test]}")
    chosen = [test for test in listed if test not in reasons]
    if not chosen:
        raise Failure(f"There is no test to run whose name contains {wanted!r}.")
    print("skipped: all tests of the binary `disruptive`, because they kill functions and flood the stack", flush=True)
    return chosen


def run(target, wanted):
    """Runs the tests and returns their exit code."""
    reasons = skipped(sources(), target.parameters)
    listing = subprocess.run([*CARGO, "--list", "--format", "terse"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if listing.returncode:
        raise Failure("The tests cannot be built. See the messages of cargo above.")
    tests = choose([line.removesuffix(": test") for line in listing.stdout.splitlines()], reasons, wanted)

    started = time.time()
    run_prefix = f"{PREFIX}{started:.0f}-{os.getpid()}-"
    try:
        print(f"Creating {FAMILIES * len(NAMES)} users ...", flush=True)
        users = target.create_users(run_prefix)
        facts = target.facts(users)
        for user in users:
            stack.call_once(facts["apiUrl"], user["token"])
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:  # only this user can read it
            json.dump(facts, file)
            file.flush()
            command = [*CARGO, "--exact", f"--test-threads={TESTS_AT_A_TIME}", *tests]
            code = subprocess.run(command, cwd=ROOT, env=target.environment(file.name)).returncode
        return code or stack.complaints(target.session.client("logs"), target.name, started)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the cleanup
        clean_up(target, run_prefix)


def clean_up(target, run_prefix):
    """Removes the users and what they made. Says what could not be removed."""
    print("Removing the users and what they made ...", flush=True)
    clients = {name: target.session.client(name) for name in ("dynamodb", "s3")}
    users = target.find_users(run_prefix)
    try:
        remaining = leftovers.remove(clients, target.outputs["ChatTable"], target.outputs["Bucket"], users)
    finally:
        # The users are deleted also if their rows or objects could not be removed: without their users, nobody can use
        # these.
        target.delete_users(users)
    if remaining:
        raise Failure(f"These rows could not be removed from {target.outputs['ChatTable']}: {', '.join(remaining)}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("test", nargs="?", default="", help="run only tests whose names contain this text")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        target = Target(arguments.stack, boto3.Session(), os.environ.get("AWS_ENDPOINT_URL"))
        code = run(target, arguments.test)
    except (Failure, BotoCoreError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"The stack {target.name} works." if code == 0 else f"error: the stack {target.name} does not work as it should.")
    return code


if __name__ == "__main__":
    sys.exit(main())

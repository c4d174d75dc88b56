"""Deploys the template and the functions to the emulator, and creates the demo users."""

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import template
from daemon import Failure
from emulator import REGION

STACK = "hearth"
CODE_BUCKET = "hearth-code"
TEMPLATE_KEY = "template.json"
DEPLOY_SECONDS = 120
CALL_SECONDS = 30
# How an error looks in a function's log, as text (at the start of the line) and as JSON.
ERRORS = re.compile(r'\s*ERROR |.*"level":"ERROR"')
# Errors that are normal on a slow machine or in tests of lost connections. Lambda or the function tries again.
RETRIED = ("request has timed out", "connections were not reached")
PASSWORD = "Hearth-demo-1"
# The quotas of users in the template, and values for tests, in which the same few users do the work of many.
QUOTAS = {
    "MessagesPerMinute": 100_000,
    "ThreadsPerDay": 100_000,
    "UploadsPerDay": 100_000,
    "UploadBytesPerDay": 10**12,
    "ConnectionsPerUser": 250,
}
USERS = [
    {"id": "5a7a0000-0000-4000-8000-000000000001", "name": "Sarah", "email": "sarah@hearth.example"},
    {"id": "5a7a0000-0000-4000-8000-000000000002", "name": "Michael", "email": "michael@hearth.example"},
    {"id": "5a7a0000-0000-4000-8000-000000000003", "name": "Dad", "email": "dad@hearth.example"},
]


def client(service, endpoint, **config):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        # The emulator's root credentials. The emulator handles unsigned calls, such as a user's sign-in, in the same
        # account, so they find the resources that this script deploys.
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, **config),
    )


def deploy(root, endpoint, page, origins, lift_quotas=False):
    """Creates or updates the stack, which accepts calls of pages of these origins. Returns the names of the changed
    functions and the content of stack.json; `page` is the demo page's URL. The quotas are the template's defaults, or
    with `lift_quotas` those for tests."""
    sam = template.load(root / "template.yaml")
    code, changed = upload(root, template.binaries(sam), endpoint)
    websocket = f"{endpoint}/_aws/execute-api/{template.WEBSOCKET_API_ID}/live"
    parameters = {
        "ManagementEndpoint": websocket,
        "AllowedOrigins": ",".join(origins),
        "PageUrl": f"{page}/",
        # Tests start push services on this machine.
        "PushHosts": sam["Parameters"]["PushHosts"]["Default"] + ",http://127.0.0.1",
        # A stack whose creation failed is deleted and created again.
        "DeletionProtection": "no",
    }
    quotas = QUOTAS if lift_quotas else {name: sam["Parameters"][name]["Default"] for name in QUOTAS}
    parameters |= {name: str(value) for name, value in quotas.items()}
    outputs = apply(template.expand(sam, code, parameters, endpoint), parameters, endpoint)
    remove_old_code(code, endpoint)
    return changed, {
        "pageUrl": page,
        **facts(outputs, quotas),
        **local_urls(endpoint),
        "endpointUrl": endpoint,
        "region": REGION,
        "allowedOrigin": origins[0],
        "users": seed(outputs["UserPoolId"], endpoint),
    }


def facts(outputs, quotas):
    """Returns the facts of stack.json that the outputs of a stack contain, and its quotas (parameter to value)."""
    return {
        "apiUrl": outputs["ApiUrl"],
        "wsUrl": outputs["WsUrl"],
        "userPoolId": outputs["UserPoolId"],
        "clientId": outputs["UserPoolClientId"],
        "chatTable": outputs["ChatTable"],
        "connectionsTable": outputs["ConnectionsTable"],
        "bucket": outputs["Bucket"],
        "remindersUrl": outputs["RemindersUrl"],
        "fileDeadLettersUrl": outputs["FileDeadLettersUrl"],
        "quotas": {name[0].lower() + name[1:]: int(value) for name, value in quotas.items()},
        "deadLettersUrl": outputs["DeadLettersUrl"],
    }


def local_urls(endpoint):
    """Returns the URLs of the two APIs on the local cloud. The outputs have the URLs on AWS."""
    return {
        "apiUrl": f"{endpoint}/_aws/execute-api/{template.HTTP_API_ID}",
        "wsUrl": f"{endpoint}/_aws/execute-api/{template.WEBSOCKET_API_ID}/live".replace("http://", "ws://"),
    }


# ------------------------------------------------------------------------------------------------ functions


def environment(endpoint):
    """Returns the environment variables of all functions, and those that a function needs outside the emulator."""
    functions = client("lambda", endpoint).get_paginator("list_functions").paginate()
    variables = {}
    for function in (function for page in functions for function in page["Functions"]):
        variables |= function["Environment"]["Variables"]
    return variables | {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": endpoint,
    }


def upload(root, binaries, endpoint):
    """Uploads each function's zip unless the emulator has it. Returns each zip's location, and the names of the functions
    with a new zip."""
    s3 = client("s3", endpoint)
    s3.create_bucket(Bucket=CODE_BUCKET)
    present = {entry["Key"] for entry in s3.list_objects_v2(Bucket=CODE_BUCKET).get("Contents", [])}
    code, changed = {}, []
    for logical_id, name in binaries.items():
        archive = zipped(root, name)
        key = f"{name}-{hashlib.sha256(archive).hexdigest()}.zip"
        if key not in present:
            s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=archive)
            changed.append(name)
        code[logical_id] = (CODE_BUCKET, key)
    return code, changed


def remove_old_code(code, endpoint):
    s3 = client("s3", endpoint)
    wanted = {key for _, key in code.values()}
    for entry in s3.list_objects_v2(Bucket=CODE_BUCKET)["Contents"]:
        if entry["Key"] not in wanted:
            s3.delete_object(Bucket=CODE_BUCKET, Key=entry["Key"])


def zipped(root, name):
    """Returns the zip of a function: the same bytes for the same binary. It is cached beside the binary."""
    binary = root / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / name
    if not binary.exists():
        raise Failure(f"{binary} is not built. Run `make up`, which builds it.")
    kept = binary.with_suffix(".zip")
    if kept.exists() and kept.stat().st_mtime_ns == binary.stat().st_mtime_ns:
        return kept.read_bytes()
    # Another local cloud may zip the same binary at this moment, so each has a folder of its own.
    with tempfile.TemporaryDirectory(dir=binary.parent) as folder:
        bootstrap = Path(folder) / "bootstrap"
        shutil.copyfile(binary, bootstrap)
        if shutil.which("strip"):  # reduces size and upload time to a third
            subprocess.run(["strip", "-S", bootstrap], check=True)
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive = Path(folder) / "zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
            file.writestr(entry, bootstrap.read_bytes())
        shutil.copystat(binary, archive)
        os.replace(archive, kept)
    return kept.read_bytes()


# ------------------------------------------------------------------------------------------------ the stack


def apply(expanded, parameters, endpoint):
    """Creates or updates the stack, waits for it, and returns its outputs."""
    # The template is too large for the request to CloudFormation. So it is uploaded to S3 first, as on AWS.
    client("s3", endpoint).put_object(Bucket=CODE_BUCKET, Key=TEMPLATE_KEY, Body=json.dumps(expanded))
    cloudformation = client("cloudformation", endpoint)
    arguments = {
        "StackName": STACK,
        "TemplateURL": f"{endpoint}/{CODE_BUCKET}/{TEMPLATE_KEY}",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    stack = await_stack(cloudformation)
    if stack["StackStatus"] in ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        cloudformation.delete_stack(StackName=STACK)  # a stack whose creation failed cannot be updated
        stack = await_stack(cloudformation)
    try:
        if stack["StackStatus"] in ("ABSENT", "DELETE_COMPLETE"):
            cloudformation.create_stack(**arguments)
        else:
            cloudformation.update_stack(**arguments)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if message != "No updates are to be performed.":
            raise Failure(f"The emulator rejected the template: {message.rstrip('.')}.") from None
    else:
        stack = await_stack(cloudformation)
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise Failure(f"The deployment failed: {failure_reason(cloudformation)}.")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def await_stack(cloudformation):
    """Waits until no operation on the stack is in progress, and returns the stack."""
    deadline = time.monotonic() + DEPLOY_SECONDS
    while time.monotonic() < deadline:
        try:
            (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return {"StackStatus": "ABSENT"}
            raise
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.1)
    raise Failure(f"The deployment did not finish within {DEPLOY_SECONDS} seconds.")


def failure_reason(cloudformation):
    """Returns the first resource that failed in the latest deployment, and the reason."""
    reason = None
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=STACK)
    for event in (event for page in pages for event in page["StackEvents"]):  # newest first
        if event.get("ResourceStatusReason") == "User Initiated":
            break
        if event["ResourceStatus"].endswith("_FAILED") and event["LogicalResourceId"] != STACK:
            reason = f"{event['LogicalResourceId']}: {event['ResourceStatusReason'].rstrip('.')}"
    if reason:
        return reason
    # No resource has failed, so CloudFormation rejected the template in its validation, before it changed any resource.
    for event in cloudformation.describe_events(StackName=STACK)["OperationEvents"]:
        if event.get("ValidationStatus") == "FAILED":
            return f"{event['LogicalResourceId']}: {event['ValidationStatusReason'].rstrip('.')}"
    return "no resource gives a reason"


# ------------------------------------------------------------------------------------------------ logs


def complaints(logs, name, started=0):
    """Prints the errors that the functions of a stack logged since `started`, in seconds since 1970. Returns 1 if there are
    any. A test can pass although a function failed, for example if a missing permission only prevented a clean-up."""
    prefix = f"/aws/lambda/{name}-"
    found = 0
    groups = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    for group in (group["logGroupName"] for page in groups for group in page["logGroups"]):
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(started * 1000), filterPattern="?ERROR ?AccessDenied ?panicked"
        )
        for event in (event for page in pages for event in page["events"]):
            message = event["message"]
            failed = ERRORS.match(message) and not any(text in message for text in RETRIED)
            if failed or "AccessDenied" in message or "panicked" in message:
                print(f"{group.removeprefix(prefix):15} {message}", file=sys.stderr)
                found = 1
    if found:
        print("error: the functions logged the errors above.", file=sys.stderr)
    return found


# ------------------------------------------------------------------------------------------------ users


def seed(pool, endpoint):
    """Creates the missing demo users. Returns all of them with their passwords."""
    cognito = client("cognito-idp", endpoint)
    present = {
        attribute["Value"]
        for user in cognito.list_users(UserPoolId=pool)["Users"]
        for attribute in user["Attributes"]
        if attribute["Name"] == "email"
    }
    for user in USERS:
        if user["email"] not in present:
            # The ID is fixed, so that commands that a developer saved work again after a restart. On AWS nobody can choose
            # a `sub`; the emulator lets an administrator change it.
            create_user(cognito, pool, user["email"], user["name"], PASSWORD, sub=user["id"])
    return [user | {"password": PASSWORD} for user in USERS]


def make_known(facts, *ids):
    """Writes profiles of users who never act, as if each had called the API once, so that tests can add them to threads."""
    dynamodb = client("dynamodb", facts["endpointUrl"])
    for user in ids:
        row = {"pk": {"S": f"USER#{user}"}, "sk": {"S": "PROFILE"}, "id": {"S": user}}
        dynamodb.put_item(TableName=facts["chatTable"], Item=row)


def create_user(cognito, pool, email, name, password, **more):
    """Creates a user, with an administrator's rights, and returns the user's ID. No e-mail is sent."""
    who = {"UserPoolId": pool, "Username": email}
    attributes = {"email": email, "email_verified": "true", "name": name}
    created = cognito.admin_create_user(**who, UserAttributes=named(attributes), MessageAction="SUPPRESS")
    if more:
        cognito.admin_update_user_attributes(**who, UserAttributes=named(more))
    cognito.admin_set_user_password(**who, Password=password, Permanent=True)
    return next(attribute["Value"] for attribute in created["User"]["Attributes"] if attribute["Name"] == "sub")


def sign_in(cognito, client_id, email, password):
    """Returns an ID token of a user."""
    answer = cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    return answer["AuthenticationResult"]["IdToken"]


def call_once(api_url, token):
    """Calls the API as the token's user. Only users who have called can become members of a thread."""
    request = urllib.request.Request(f"{api_url}/api/threads?limit=1", headers={"Authorization": f"Bearer {token}"})
    urllib.request.urlopen(request, timeout=CALL_SECONDS).close()


def new_password():
    """Returns a random password that follows the rules of the user pool."""
    return f"Aa1-{secrets.token_urlsafe(24)}"


def named(attributes):
    return [{"Name": name, "Value": value} for name, value in attributes.items()]

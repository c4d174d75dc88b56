"""Shows, redrives and deletes dead letters, on AWS or on the local cloud.

    dead_letters.py [--stack NAME | --state DIRECTORY] show
    dead_letters.py [--stack NAME | --state DIRECTORY] redrive [MESSAGE_ID ...]
    dead_letters.py [--stack NAME | --state DIRECTORY] delete MESSAGE_ID ...

With `--stack`, it uses the AWS credentials and the region of your environment. Otherwise it uses the local cloud that
`make up` started. docs/operations.md says what each kind of dead letter means.

SQS's own redrive (`aws sqs start-message-move-task`) is not enough here: it moves all messages of a queue to one
destination queue. The dead-letter queues also receive events of S3 and records of the stream, which came from no
queue.
"""

import argparse
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import stack

STATE = Path(__file__).resolve().parent.parent / ".local"
QUEUES = ("DeadLetters", "FileDeadLetters")
# While this script handles a dead letter, SQS hides it from other receivers for this many seconds.
HIDDEN_SECONDS = 120
UPLOADS = "uploads/"


class Letter:
    """One message of a dead-letter queue."""

    def __init__(self, queue, message):
        self.queue = queue
        self.id = message["MessageId"]
        self.receipt = message["ReceiptHandle"]
        self.sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, timezone.utc)
        self.text = message["Body"]
        try:
            self.body = json.loads(self.text)
        except ValueError:
            self.body = None
        self.kind = kind(self.body)


def kind(body):
    """Returns what kind of dead letter has this body, judged by its fields; `unknown` if none matches."""
    match body:
        case {"threadId": str(), "seq": int()}:
            return "repair"
        case {"announcement": {"event": str(), "threadId": str()}}:
            return "announcement"
        case {"threadId": str(), "rev": int()}:
            return "erasure"
        case {"fileId": str()}:
            return "reminder"
        case {"requestPayload": {"Records": [{"s3": _}, *_]}}:
            return "upload"
        case {"DDBStreamBatchInfo": _}:
            return "batch"
        case {"pk": str(), "sk": str()}:
            return "row"
        case _:
            return "unknown"


def summary(letter):
    """Returns a line that describes the dead letter."""
    body = letter.body
    match letter.kind:
        case "repair":
            return f"message {body['seq']} of {body['threadId']} did not reach all subscribers"
        case "announcement":
            announcement = body["announcement"]
            return f"{announcement['event']} of {announcement['threadId']} did not reach all subscribers"
        case "erasure":
            return f"the files of the message that revision {body['rev']} of {body['threadId']} deleted still exist"
        case "reminder":
            return f"the reminder of {body['fileId']} failed"
        case "upload":
            return f"the upload of {', '.join(uploaded(body))} failed: {body['requestContext']['condition']}"
        case "batch":
            info = body["DDBStreamBatchInfo"]
            return f"{info['batchSize']} stream records failed: {body['requestContext']['condition']}"
        case "row":
            return f"the row {body['pk']} / {body['sk']} could not be processed"
        case _:
            return f"the body has {len(letter.text)} characters and none of the forms that this script knows"


def uploaded(body):
    """Returns the file IDs in an S3 event that Lambda stopped retrying."""
    keys = [unquote_plus(record["s3"]["object"]["key"]) for record in body["requestPayload"]["Records"]]
    return [key.removeprefix(UPLOADS) for key in keys]


def record(item):
    """Returns the stream record of a new row, with the fields that chat-stream requires."""
    change = {"Keys": {name: item[name] for name in ("pk", "sk")}, "NewImage": item, "SequenceNumber": "1", "SizeBytes": 0}
    source = {"eventSource": "aws:dynamodb", "awsRegion": "redriven"}
    return {"eventID": "redriven", "eventName": "INSERT", "dynamodb": change} | source


def is_processed(event, change):
    """Returns whether the filters of chat-stream's event source in template.yaml let a stream record through."""
    pk, sk = (change["Keys"][name]["S"] for name in ("pk", "sk"))
    if event == "INSERT":
        return sk.startswith(("MSG#", "REV#")) or (pk.startswith("THREAD#") and sk == "META")
    return event == "MODIFY" and change["NewImage"].get("changed", {}).get("S") in ("read", "settings")


class Operator:
    """Calls the queues and functions of a stack."""

    def __init__(self, name, client):
        self.name = name
        self.client = client
        self.sqs = client("sqs")
        self.cloudformation = client("cloudformation")

    def physical(self, logical_id):
        """Returns the physical ID of a resource of the template; for a queue, this is its URL."""
        found = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def letters(self):
        """Yields all messages of both dead-letter queues. Each is hidden from other receivers for HIDDEN_SECONDS."""
        for queue in map(self.physical, QUEUES):
            seen = set()
            while True:
                answer = self.sqs.receive_message(
                    QueueUrl=queue,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=HIDDEN_SECONDS,
                    WaitTimeSeconds=1,
                    AttributeNames=["SentTimestamp"],
                )
                found = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
                if not found:
                    break
                seen.update(message["MessageId"] for message in found)
                yield from (Letter(queue, message) for message in found)

    def release(self, letter):
        """Makes the dead letter visible to other receivers again."""
        self.sqs.change_message_visibility(QueueUrl=letter.queue, ReceiptHandle=letter.receipt, VisibilityTimeout=0)

    def delete(self, letter):
        self.sqs.delete_message(QueueUrl=letter.queue, ReceiptHandle=letter.receipt)

    def redrive(self, letter):
        """Makes the functions process the dead letter again. Returns an error text, or None on success."""
        try:
            return self.process(letter)
        except ClientError as error:
            return str(error)

    def process(self, letter):
        match letter.kind:
            case "repair" | "announcement":
                self.send("Repairs", letter.body)
            case "reminder" | "erasure":
                self.send("Reminders", letter.body)
            case "upload":
                # A reminder makes files-process take the same steps as the S3 event of an upload.
                for file_id in uploaded(letter.body):
                    self.send("Reminders", {"fileId": file_id})
            case "row":
                item = self.row(letter.body)
                return self.invoke_chat_stream([record(item)]) if item else "the row does not exist any more"
            case "batch":
                records = self.records(letter.body["DDBStreamBatchInfo"])
                return self.invoke_chat_stream(records) if records else "the stream no longer has its records"
            case _:
                return "it is of an unknown kind"
        return None

    def send(self, queue, body):
        self.sqs.send_message(QueueUrl=self.physical(queue), MessageBody=json.dumps(body))

    def records(self, info):
        """Returns the records of a failed batch that the event source's filters let through. The stream keeps records for
        24 hours."""
        streams = self.client("dynamodbstreams")
        iterator = streams.get_shard_iterator(
            StreamArn=info["streamArn"],
            ShardId=info["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=info["startSequenceNumber"],
        )["ShardIterator"]
        records = []
        while iterator:
            page = streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                change = record["dynamodb"]
                if is_processed(record["eventName"], change):
                    change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
                    records.append(record | {"eventSourceARN": info["streamArn"]})
                if change["SequenceNumber"] == info["endSequenceNumber"]:
                    return records
            iterator = page.get("NextShardIterator") if page["Records"] else None
        return records

    def row(self, key):
        """Returns the row of the table Chat with this key as it is now, or None."""
        key = {name: {"S": key[name]} for name in ("pk", "sk")}
        found = self.client("dynamodb").get_item(TableName=self.physical("ChatTable"), Key=key, ConsistentRead=True)
        return found.get("Item")

    def invoke_chat_stream(self, records):
        answer = self.client("lambda").invoke(
            FunctionName=f"{self.name}-chat-stream", Payload=json.dumps({"Records": records})
        )
        result = json.load(answer["Payload"])
        if "FunctionError" in answer or result["batchItemFailures"]:
            return f"chat-stream failed: {json.dumps(result)}"
        return None


def run(operator, task, ids):
    """Returns the exit code: 1 if a dead letter could not be redriven or was not found."""
    missing, failed = set(ids), False
    letters = list(operator.letters())
    for letter in letters:
        missing.discard(letter.id)
        chosen = task != "show" and (not ids or letter.id in ids)
        error = operator.redrive(letter) if chosen and task == "redrive" else None
        if chosen and not error:
            operator.delete(letter)
        else:
            operator.release(letter)
        if task == "show" or chosen:
            done = {"show": "", "redrive": "redriven: ", "delete": "deleted: "}[task]
            print(f"{letter.id}  {letter.sent:%Y-%m-%d %H:%M:%S}  {letter.kind:8}  "
                  f"{f'not redriven, {error}: ' if error else done}{summary(letter)}")
        failed |= bool(error)
    if not letters:
        print("There are no dead letters.")
    for message_id in sorted(missing):
        print(f"error: there is no dead letter {message_id}, or somebody else has received it", file=sys.stderr)
    return 1 if failed or missing else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", help="name of a stack on AWS; without it, the local cloud is used")
    parser.add_argument("--state", type=Path, default=STATE, help="directory of the local cloud's files")
    parser.add_argument("task", choices=["show", "redrive", "delete"])
    parser.add_argument("ids", nargs="*", metavar="MESSAGE_ID")
    arguments = parser.parse_args()
    if arguments.task == "delete" and not arguments.ids:
        parser.error("delete needs the IDs of the messages to delete; `show` prints them")
    if arguments.stack:
        operator = Operator(arguments.stack, boto3.client)
    else:
        facts = arguments.state / "stack.json"
        if not facts.exists():
            parser.error("the local cloud is not running; start it with `make up`, or name a stack with --stack")
        endpoint = json.loads(facts.read_text())["endpointUrl"]
        operator = Operator(stack.STACK, lambda service: stack.client(service, endpoint))
    try:
        return run(operator, arguments.task, arguments.ids)
    except (BotoCoreError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

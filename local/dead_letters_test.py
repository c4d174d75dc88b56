"""Tests of dead_letters.py on fakes of the AWS services. `make test` runs them; they need no local cloud."""

import contextlib
import io
import json
import unittest

import dead_letters

KEY = {"pk": "THREAD#thread_1", "sk": "MSG#00000000000000000001"}
TEXT = "Dinner at 6?"
ITEM = {"pk": {"S": KEY["pk"]}, "sk": {"S": KEY["sk"]}, "seq": {"N": "1"}, "body": {"S": TEXT}}
BATCH = {
    "requestContext": {"condition": "RetryAttemptsExhausted"},
    "DDBStreamBatchInfo": {
        "streamArn": "arn:stream", "shardId": "shard-1", "startSequenceNumber": "1", "endSequenceNumber": "2", "batchSize": 2,
    },
}
UPLOAD = {
    "requestContext": {"condition": "RetriesExhausted"},
    "requestPayload": {"Records": [{"s3": {"object": {"key": "uploads/file_1"}}}]},
}

ANNOUNCEMENT = {"announcement": {"event": "thread:new", "threadId": "thread_1"}, "connections": None}
ERASURE = {"threadId": "thread_1", "rev": 7}
KINDS = ["row", "batch", "upload", "repair", "reminder", "unknown", "announcement", "erasure"]


class Services:
    """Fakes of all AWS services that the script calls. `client` takes the place of boto3.client."""

    def __init__(self, bodies):
        self.letters = {f"letter-{number}": body for number, body in enumerate(bodies)}
        self.received = set()
        self.sent = []
        self.invoked = []
        self.item = ITEM
        self.failures = []

    def client(self, service):
        return self

    def describe_stack_resource(self, StackName, LogicalResourceId):
        return {"StackResourceDetail": {"PhysicalResourceId": LogicalResourceId}}

    def receive_message(self, QueueUrl, **_):
        found = [] if QueueUrl != "DeadLetters" else [
            {"MessageId": name, "ReceiptHandle": name, "Body": json.dumps(body), "Attributes": {"SentTimestamp": "0"}}
            for name, body in self.letters.items() if name not in self.received
        ]
        self.received |= set(self.letters)
        return {"Messages": found}

    def change_message_visibility(self, QueueUrl, ReceiptHandle, VisibilityTimeout):
        pass

    def delete_message(self, QueueUrl, ReceiptHandle):
        del self.letters[ReceiptHandle]

    def send_message(self, QueueUrl, MessageBody):
        self.sent.append((QueueUrl, json.loads(MessageBody)))

    def get_item(self, TableName, Key, ConsistentRead):
        assert (TableName, ConsistentRead) == ("ChatTable", True)
        assert Key == {name: {"S": value} for name, value in KEY.items()}
        return {"Item": self.item} if self.item else {}

    def get_shard_iterator(self, **_):
        return {"ShardIterator": "1"}

    def get_records(self, ShardIterator):
        return {"Records": []}

    def invoke(self, FunctionName, Payload):
        self.invoked.append((FunctionName, json.loads(Payload)))
        return {"Payload": io.StringIO(json.dumps({"batchItemFailures": self.failures}))}


class DeadLetters(unittest.TestCase):
    def run_task(self, task, *bodies, **changes):
        """Runs the script's task on dead letters with these bodies. Returns the services, the exit code and the output."""
        services = Services(bodies)
        for name, value in changes.items():
            setattr(services, name, value)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = dead_letters.run(dead_letters.Operator("hearth", services.client), task, [])
        return services, code, output.getvalue()

    def test_redrive_of_a_row_invokes_chat_stream_with_the_row_as_it_is_now(self):
        services, code, output = self.run_task("redrive", KEY)
        ((function, payload),) = services.invoked
        (record,) = payload["Records"]
        self.assertEqual((code, function, services.letters), (0, "hearth-chat-stream", {}))
        self.assertEqual((record["eventSource"], record["eventName"]), ("aws:dynamodb", "INSERT"))
        self.assertEqual(record["dynamodb"]["NewImage"], ITEM)
        self.assertEqual(record["dynamodb"]["Keys"], {"pk": ITEM["pk"], "sk": ITEM["sk"]})
        self.assertNotIn(TEXT, output)

    def test_letter_that_cannot_be_redriven_stays_in_the_queue(self):
        for body, changes, reason in [
            (KEY, {"item": None}, "the row does not exist any more"),
            (KEY, {"failures": [{"itemIdentifier": "1"}]}, "chat-stream failed"),
            (BATCH, {}, "the stream no longer has its records"),
            ({"dynamodb": {"NewImage": ITEM}}, {}, "it is of an unknown kind"),
        ]:
            with self.subTest(reason):
                services, code, output = self.run_task("redrive", body, **changes)
                self.assertEqual((code, list(services.letters.values())), (1, [body]))
                self.assertIn(reason, output)
                self.assertNotIn(TEXT, output)

    def test_repairs_reminders_erasures_and_uploads_go_back_to_their_queues(self):
        repair, reminder = {"threadId": "thread_1", "seq": 1}, {"fileId": "file_1"}
        services, code, _ = self.run_task("redrive", repair, ANNOUNCEMENT, reminder, UPLOAD, ERASURE)
        self.assertEqual((code, services.letters), (0, {}))
        repairs = [("Repairs", repair), ("Repairs", ANNOUNCEMENT)]
        files = [("Reminders", reminder), ("Reminders", reminder), ("Reminders", ERASURE)]
        self.assertEqual(services.sent, repairs + files)

    def test_show_changes_nothing_and_names_each_letter(self):
        bodies = [KEY, BATCH, UPLOAD, {"threadId": "thread_1", "seq": 1}, {"fileId": "file_1"}, "?", ANNOUNCEMENT, ERASURE]
        services, code, output = self.run_task("show", *bodies)
        self.assertEqual((code, list(services.letters.values()), services.sent, services.invoked), (0, bodies, [], []))
        lines = output.splitlines()
        self.assertEqual([line.split()[3] for line in lines], KINDS)
        self.assertIn(f"{KEY['pk']} / {KEY['sk']}", lines[0])

    def test_redrive_of_a_batch_repeats_what_the_filters_of_the_stream_select(self):
        def change(pk, sk, **image):
            image = {name: {"S": value} for name, value in image.items()}
            return {"Keys": {"pk": {"S": pk}, "sk": {"S": sk}}, "NewImage": image}

        for event, row, expected in [
            ("INSERT", change("THREAD#thread_1", "MSG#1"), True),
            ("MODIFY", change("THREAD#thread_1", "MSG#1"), False),
            ("INSERT", change("THREAD#thread_1", "REV#1"), True),
            ("MODIFY", change("THREAD#thread_1", "REV#1"), False),
            ("INSERT", change("THREAD#thread_1", "KEY#1"), False),
            ("INSERT", change("THREAD#thread_1", "META"), True),
            ("INSERT", change("FILE#file_1", "META"), False),
            ("MODIFY", change("USER#a", "THREAD#thread_1", changed="read"), True),
            ("MODIFY", change("USER#a", "THREAD#thread_1", changed="settings"), True),
            ("MODIFY", change("USER#a", "THREAD#thread_1", changed="sent"), False),
            ("MODIFY", change("USER#a", "PROFILE"), False),
        ]:
            with self.subTest(f"{event} {row}"):
                self.assertEqual(dead_letters.is_processed(event, row), expected)


if __name__ == "__main__":
    unittest.main()

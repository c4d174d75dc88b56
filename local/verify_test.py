"""Tests of verify.py and leftovers.py. `make test` runs them; they need no stack."""

import contextlib
import io
import re
import unittest

import leftovers
import verify
from daemon import Failure

SOURCE = """
// make verify: never, because it kills something
#[tokio::test]
async fn kills() {

/// Doc.
// make verify: only if AllowedOrigins is set
#[tokio::test]
async fn opens_a_page() {

// make verify: only if MaxFileBytes is 26214400
#[tokio::test]
async fn uploads() {

#[tokio::test]
async fn sends() {
"""
LISTED = ["a::b::kills", "a::b::opens_a_page", "a::b::sends", "a::b::uploads"]


def skipped(**parameters):
    return verify.skipped({"a::b": SOURCE}, parameters)


def choose(reasons, wanted=""):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        chosen = verify.choose(LISTED, reasons, wanted)
    return chosen, printed.getvalue()


class Skipping(unittest.TestCase):
    def test_parameters_decide_which_tests_make_sense(self):
        never = {"a::b::kills": "it kills something"}
        self.assertEqual(skipped(AllowedOrigins="https://chat.example", MaxFileBytes="26214400"), never)
        self.assertEqual(
            skipped(AllowedOrigins="", MaxFileBytes="1"),
            never | {
                "a::b::opens_a_page": "the parameter AllowedOrigins is empty",
                "a::b::uploads": "the parameter MaxFileBytes is not 26214400",
            },
        )

    def test_each_skipped_test_is_listed_with_its_reason(self):
        chosen, printed = choose(skipped(AllowedOrigins="https://chat.example", MaxFileBytes="26214400"))
        self.assertEqual(chosen, ["a::b::opens_a_page", "a::b::sends", "a::b::uploads"])
        self.assertIn("skipped: a::b::kills, because it kills something\n", printed)

    def test_only_tests_with_the_wanted_name_run(self):
        self.assertEqual(choose({}, "sends")[0], ["a::b::sends"])
        for wanted in ("no such test", "kills"):
            with self.assertRaises(Failure):
                choose({"a::b::kills": "reason"}, wanted)

    def test_mark_of_a_missing_test_is_an_error(self):
        with self.assertRaisesRegex(Failure, "do not exist: a::b::renamed"):
            choose({"a::b::renamed": "reason"})

    def test_every_mark_in_the_sources_is_understood(self):
        sources = verify.sources()
        marks = sum(len(re.findall("make verify:", text)) for text in sources.values())
        self.assertGreater(marks, 0)
        self.assertEqual(len(verify.skipped(sources, {})), marks, "a comment `// make verify: …` has another form")


class Session:
    """A session of boto3 whose CloudFormation has one stack with these outputs."""

    def __init__(self, outputs, region="eu-central-1"):
        self.region_name = region
        self.outputs = outputs

    def client(self, service):
        return self

    def describe_stacks(self, StackName):
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": "value"} for key in self.outputs]}]}


class Targets(unittest.TestCase):
    def test_stack_that_cannot_be_verified_is_refused(self):
        for outputs, error in ((["Other"], "not a stack of Hearth"), (["ApiUrl"], "another issuer")):
            with self.assertRaisesRegex(Failure, error):
                verify.Target("hearth", Session(outputs), None)
        with self.assertRaisesRegex(Failure, "no AWS region"):
            verify.Target("hearth", Session(["ApiUrl", "UserPoolId"], region=None), None)
        verify.Target("hearth", Session(["ApiUrl", "UserPoolId"]), None)


USER, OTHER, INVENTED = "b7a0-1", "b7a0-2", "user_" + "0" * 32


def row(pk, sk, **attributes):
    return {"pk": pk, "sk": sk} | attributes


class Leftovers(unittest.TestCase):
    # A thread of the test user, with a member that a test invented.
    THREAD = [
        row("THREAD#t", "META", memberIds=[USER, INVENTED], lastSeq=1),
        row("THREAD#t", "MSG#1", seq=1, threadId="t"),
        row("THREAD#t", "KEY#6#b7a0-1#key"),
        row("THREAD#t", "REV#1", changeId="change_0199178f4c2b7d4f8a11bb22cc33dd44"),
        row("MEMBERS#hash", "THREAD", threadId="t"),
        row(f"USER#{USER}", "PROFILE"),
        row("PEOPLE", f"USER#{USER}"),
        row(f"USER#{USER}", "THREAD#t", threadId="t"),
        row(f"USER#{INVENTED}", "PROFILE"),
        row(f"USER#{INVENTED}xxx", "PROFILE"),
        row("PEOPLE", f"USER#{INVENTED}"),
        row(f"USER#{INVENTED}", "THREAD#t", threadId="t"),
        row("FILE#f", "META", ownerId=USER),
        row(f"USER#{USER}", "PUSH#push_1"),
        row("PUSH#push_1", "META", userId=USER),
        row(f"QUOTA#6#{USER}", "threads#2026-01-01"),
    ]
    # Rows of the same kinds that belong to another user. They must stay.
    KEPT = [
        row("THREAD#u", "META", memberIds=[OTHER], lastSeq=0),
        row("THREAD#u", "MSG#1", seq=1, threadId="u"),
        row("MEMBERS#other", "THREAD", threadId="u"),
        row(f"USER#{OTHER}", "PROFILE"),
        row("PEOPLE", f"USER#{OTHER}"),
        row(f"USER#{OTHER}", "THREAD#u", threadId="u"),
        row("FILE#g", "META", ownerId=OTHER),
        row(f"USER#{OTHER}", "PUSH#push_2"),
        row("PUSH#push_2", "META", userId=OTHER),
        row(f"QUOTA#6#{OTHER}", "threads#2026-01-01"),
        row("USER#user_7", "PROFILE"),
        row("PEOPLE", "USER#user_7"),
    ]

    def test_exactly_the_rows_of_test_users_are_removed(self):
        rows = self.THREAD + self.KEPT
        threads, files = leftovers.owned(rows, {USER})
        self.assertEqual((threads, files), ({"t"}, {"f"}))
        removed = [row for row in rows if leftovers.belongs(row, {USER}, threads, files)]
        self.assertEqual(removed, self.THREAD)

    def test_thread_waits_until_its_messages_and_revisions_are_processed(self):
        changed = 0x0199178F4C2B / 1000
        later = changed + leftovers.STREAM_SECONDS
        self.assertEqual(leftovers.unprocessed(self.THREAD, {"t"}, later), set())
        self.assertEqual(leftovers.unprocessed(self.THREAD, {"t"}, later - 1), {"t"})
        self.assertEqual(leftovers.unprocessed(self.THREAD, set(), later - 1), set())
        for waiting in [
            row("THREAD#t", "MSG#2", seq=2, threadId="t"),
            row("THREAD#t", "MSG#1", seq=1, undelivered=["*"]),
            row("THREAD#t", "REV#2", changeId="change_0199178f4c2b7d4f8a11bb22cc33dd44", fileIds=["f"]),
        ]:
            self.assertEqual(leftovers.unprocessed([*self.THREAD, waiting], {"t"}, later), {"t"})


if __name__ == "__main__":
    unittest.main()

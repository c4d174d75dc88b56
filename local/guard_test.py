"""Tests of guard.py. `make test` runs them; they need no local cloud."""

import asyncio
import logging
import tempfile
import unittest
from pathlib import Path

import guard

PAGE = "http://127.0.0.1:4580"
FOREIGN = "http://localhost:3000"
FOREIGN_ORIGINS = (FOREIGN, "http://evil.localhost:4580", f"{PAGE}0", f"{PAGE}, {PAGE}", "null", "")
API = "/_aws/execute-api/hearth-http"
SOCKET = "/_aws/execute-api/hearth-ws/live"
FILE = "/hearth-0b5a/files/file_1/abc"
UPLOAD = "/hearth-0b5a/uploads/file_1"
PRESIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test&X-Amz-Expires=60&x-id=GetObject"
BROWSER = {"Sec-Fetch-Site": "cross-site", "User-Agent": "Mozilla/5.0"}


class Rules(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.state = Path(directory.name)
        (self.state / guard.ORIGINS).write_text(f"http://localhost:5173\n{PAGE}\n")
        (self.state / guard.SECRET).write_text("the secret")
        self.guard = guard.Guard(self.app, self.state)
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    async def app(self, scope, receive, send):
        self.passed = True

    def send(self, method="GET", path="/", query="", kind="http", **headers):
        """Sends a request. Returns None if it passed, otherwise the messages of the refusal."""
        fields = {"Host": "127.0.0.1:4566"} | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": kind,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in fields.items() if value is not None],
        }
        if kind == "http":
            scope["method"] = method
        self.passed = False
        sent = []

        async def send(message):
            sent.append(message)

        asyncio.run(self.guard(scope, None, send))
        self.assertNotEqual(self.passed, bool(sent), "a request either passes or is answered by the guard")
        return sent or None

    def assert_passes(self, *arguments, **named):
        self.assertIsNone(self.send(*arguments, **named))

    def assert_refused(self, reason, *arguments, **named):
        sent = self.send(*arguments, **named)
        self.assertIsNotNone(sent, "the request passed")
        self.assertEqual(sent[0]["status"], 403)
        self.assertEqual(sent[1]["body"].decode(), reason + "\n")
        return sent

    def test_requests_without_browser_headers_pass(self):
        self.assert_passes("POST", "/2015-03-31/functions", User_Agent="Boto3/1.43")
        # Node's fetch sends this header.
        self.assert_passes("POST", "/", Sec_Fetch_Mode="cors", User_Agent="node")
        self.assert_passes(kind="websocket", path=SOCKET)

    def test_only_names_of_this_machine_are_hosts(self):
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1:4566", "host.docker.internal:4566"):
            self.assert_passes(Host=host)
        foreign = ("evil.example", "evil.localhost:4566", "localhost.:4566", "127.0.0.1.evil.example", "localhost:1@a",
                   "localhost:", "0.0.0.0:4566", "[::1]:4566", "localhost, evil.example", "", None)
        for host in foreign:
            self.assert_refused(guard.FOREIGN_HOST, Host=host)
            self.assert_refused(guard.FOREIGN_HOST, path=f"{API}/api/threads", Host=host)
            self.assert_refused(guard.FOREIGN_HOST, kind="websocket", path=SOCKET, Host=host)

    def test_only_allowed_origins_pass(self):
        for site in ("same-site", "cross-site"):
            self.assert_passes("POST", "/", Origin=PAGE, **BROWSER | {"Sec-Fetch-Site": site})
            self.assert_passes("PUT", UPLOAD, Origin="http://localhost:5173", **BROWSER | {"Sec-Fetch-Site": site})
        for origin in FOREIGN_ORIGINS:
            for method in ("POST", "OPTIONS", "GET"):
                self.assert_refused(guard.FOREIGN_ORIGIN, method, Origin=origin)
            self.assert_refused(guard.FOREIGN_ORIGIN, kind="websocket", Origin=origin)

    def test_origins_can_change_while_the_guard_runs(self):
        self.assert_refused(guard.FOREIGN_ORIGIN, "POST", Origin=FOREIGN)
        (self.state / guard.ORIGINS).write_text(f"{FOREIGN}\n")
        self.assert_passes("POST", Origin=FOREIGN)
        (self.state / guard.ORIGINS).unlink()
        self.assert_refused(guard.FOREIGN_ORIGIN, "POST", Origin=FOREIGN)

    def test_stack_decides_on_its_routes_its_handshake_and_presigned_objects(self):
        senders = [{"Origin": origin} for origin in FOREIGN_ORIGINS] + [BROWSER, {"Sec-Fetch-Site": "none"}]
        for sender in senders:
            for method in ("GET", "POST", "OPTIONS"):
                self.assert_passes(method, f"{API}/api/threads", **sender)
            self.assert_passes("GET", f"{API}/files/file_1/a.jpg", "expires=1&signature=x", **sender)
            self.assert_passes(kind="websocket", path=SOCKET, **sender)
            for method in ("GET", "HEAD", "OPTIONS"):
                self.assert_passes(method, FILE, PRESIGNED, **sender)
            self.assert_passes("GET", "/hearth-0b5a/thumbs/file_1/abc.jpg", PRESIGNED, **sender)
            self.assert_passes("OPTIONS", UPLOAD, PRESIGNED, **sender)

    def test_browsers_may_not_call_aws_without_an_allowed_origin(self):
        requests = [
            ("GET", "/", "Action=CreateStack&StackName=evil"),
            ("GET", FILE, "Action=CreateStack&StackName=evil"),
            ("GET", FILE, f"{PRESIGNED}&Action=CreateStack"),
            ("GET", FILE, f"{PRESIGNED}&acl="),
            ("PUT", FILE, PRESIGNED),
            ("PUT", UPLOAD, PRESIGNED),
            ("POST", "/2015-03-31/functions", ""),
            ("GET", "/2015-03-31/functions/hearth-messages-send", ""),
            ("GET", "/hearth-0b5a", "list-type=2"),
            ("GET", "/hearth-code/template.json", PRESIGNED),
            ("GET", "/_aws/execute-api/", "Action=CreateStack"),
            ("GET", "/_aws/execute-api/hearth-http", "Action=CreateStack"),
            ("POST", f"{API}/api/@connections/abc", ""),
            ("POST", "/_aws/execute-api/hearth-ws/live/@connections/abc", ""),
            ("POST", SOCKET, ""),
            ("POST", "/_aws/execute-api/another/api", ""),
        ]
        browsers = [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "same-origin", "none")]
        for method, path, query in requests:
            for headers in (*browsers, {"User-Agent": "Mozilla/5.0"}):
                self.assert_refused(guard.NO_ORIGIN, method, path, query, **headers)
            for origin in FOREIGN_ORIGINS:
                self.assert_refused(guard.FOREIGN_ORIGIN, method, path, query, Origin=origin)
            self.assert_passes(method, path, query)
        for path in ("/", f"{SOCKET}/", "/_aws/execute-api/another/live"):
            self.assert_refused(guard.NO_ORIGIN, kind="websocket", path=path, **BROWSER)

    def test_admin_endpoints_need_the_secret_and_no_browser(self):
        secret = {guard.SECRET_HEADER: "the secret"}
        for path in ("/_ministack/reset", "/_ministack/config", "/_ministack/ready/", "/_localstack/health"):
            self.assert_passes("POST", path, **secret)
            for headers in ({}, {guard.SECRET_HEADER: "wrong"}, {guard.SECRET_HEADER: ""}, {guard.SECRET_HEADER: "é"},
                            secret | {"Origin": PAGE}, secret | {"Origin": "null"}, secret | BROWSER):
                self.assert_refused(guard.NO_SECRET, "POST", path, **headers)
        self.assert_passes("GET", guard.READY)
        self.assert_refused(guard.FOREIGN_ORIGIN, "GET", guard.READY, Origin=FOREIGN)
        (self.state / guard.SECRET).unlink()
        self.assert_refused(guard.NO_SECRET, "POST", "/_ministack/reset", **{guard.SECRET_HEADER: ""})

    def test_refused_handshake_is_answered_like_a_request(self):
        sent = self.assert_refused(guard.FOREIGN_ORIGIN, kind="websocket", path="/", Origin=FOREIGN)
        self.assertEqual([message["type"] for message in sent],
                         ["websocket.http.response.start", "websocket.http.response.body"])

    def test_each_kind_of_refusal_is_logged_once_without_the_query(self):
        logging.disable(logging.NOTSET)
        with self.assertLogs("guard") as logs:
            for _ in range(2):
                self.send("POST", "/path", "query", Origin=FOREIGN)
            self.send("POST", "/path", "query", Origin="http://evil.example")
            for number in range(1000):
                self.send("POST", "/path", "query", Origin=f"http://{number}.example")
        self.assertEqual(len(logs.output), guard.MOST_LOG_LINES)
        self.assertEqual(sum(FOREIGN in line for line in logs.output), 1)
        self.assertFalse(any("query" in line for line in logs.output))


if __name__ == "__main__":
    unittest.main()

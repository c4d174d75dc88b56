"""The demo page: the process that serves it, and the server itself.

    page.py DIRECTORY STACK_JSON PORT

Serves the built page of DIRECTORY on 127.0.0.1, and beside it /config.json: where the page finds the API, and who can
sign in. Nothing else of the file that it is taken from.
"""

import json
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from daemon import Daemon, Failure, claim

DEFAULT_PORT = 4580
# By any other name, it is a page of somebody else's that has had its name point here (DNS rebinding).
NAMES = ["localhost", "127.0.0.1"]
SHOWN = ["apiUrl", "wsUrl", "region", "clientId", "users"]


class Page(Daemon):
    def __init__(self, state):
        super().__init__(state, "page", "the page's server")

    def start(self, directory, port):
        """Start it on `port` (0: any free one, None: the usual one, or any free one where that is taken)."""
        if port is None:
            try:
                port = claim(DEFAULT_PORT)
            except Failure:
                port = 0
        port = claim(port, "PAGE_PORT")
        command = [sys.executable, __file__, directory, self.state / "stack.json", str(port)]
        super().start(command, f"http://127.0.0.1:{port}/health", port=port)
        return port


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments, stack, **named):
        self.stack = stack
        super().__init__(*arguments, **named)

    def parse_request(self):
        if not super().parse_request():
            return False
        if self.headers.get("Host", "").partition(":")[0] in NAMES:
            return True
        self.send_error(HTTPStatus.MISDIRECTED_REQUEST, f"This is {' or '.join(NAMES)} only.")
        return False

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/health":
            self.answer(HTTPStatus.OK, {})
        elif path == "/config.json":
            self.answer(*self.config())
        elif path == "/" and not Path(self.directory, "index.html").exists():
            self.send_error(HTTPStatus.NOT_FOUND, "The page has not been built; `make up` builds it.")
        else:
            super().do_GET()

    def config(self):
        try:
            facts = json.loads(self.stack.read_text())
        except FileNotFoundError:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "The local cloud is being deployed."}
        return HTTPStatus.OK, {name: facts[name] for name in SHOWN} | {"cognitoUrl": facts["endpointUrl"]}

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # it may be another one after the next build
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path):
        self.send_error(HTTPStatus.NOT_FOUND)


def main():
    directory, stack, port = sys.argv[1:]
    handler = partial(Handler, directory=directory, stack=Path(stack))
    ThreadingHTTPServer(("127.0.0.1", int(port)), handler).serve_forever()


if __name__ == "__main__":
    main()

"""The web server of the demo page.

    page.py DIRECTORY STACK_JSON PORT

Serves the built page in DIRECTORY on 127.0.0.1, and /config.json: the API's URLs and the demo users. Only the fields in
SHOWN are taken from STACK_JSON.
"""

import json
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from daemon import Daemon, Failure, claim

DEFAULT_PORT = 4580
# A request's Host header must contain one of these names. Other names are refused, because a foreign page's DNS name
# may point to this machine (DNS rebinding).
NAMES = ["localhost", "127.0.0.1"]
SHOWN = ["apiUrl", "wsUrl", "region", "clientId", "users"]
# The Content-Security-Policy, which docs/frontend.md recommends for AWS too; a test compares both. `blob:` is for
# previews of files that are being uploaded. The Trusted Types policy allows the URL of the service worker.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: {images}; "
    "media-src 'self' blob: {images}; connect-src 'self' {calls}; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types service-worker"
)


class Page(Daemon):
    def __init__(self, state):
        super().__init__(state, "page", "the page's server")

    def start(self, directory, port):
        """Starts the server on `port`. 0 means any free port; None means DEFAULT_PORT, or any free port if it is taken."""
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
        self.send_error(HTTPStatus.MISDIRECTED_REQUEST, f"This server answers only to {' and '.join(NAMES)}.")
        return False

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/health":
            self.answer(HTTPStatus.OK, {})
        elif path == "/config.json":
            self.answer(*self.config())
        elif path == "/" and not Path(self.directory, "index.html").exists():
            self.send_error(HTTPStatus.NOT_FOUND, "The page is not built. Run `make up` to build it.")
        else:
            super().do_GET()

    def config(self):
        facts = self.facts()
        if facts is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "The local cloud is still starting. Try again shortly."}
        return HTTPStatus.OK, {name: facts[name] for name in SHOWN} | {"cognitoUrl": facts["endpointUrl"]}

    def facts(self):
        """Returns the content of stack.json; None before the local cloud has started."""
        try:
            return json.loads(self.stack.read_text())
        except FileNotFoundError:
            return None

    def policy(self):
        facts = self.facts() or {}
        # The emulator serves the API, the bucket and the user pool at one origin.
        images = origins(facts.get(name) for name in ("apiUrl", "endpointUrl"))
        calls = origins(facts.get(name) for name in ("apiUrl", "wsUrl", "endpointUrl"))
        return POLICY.format(images=images, calls=calls)

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # the next build may change any file
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", self.policy())
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")  # config.json has the demo users' passwords
        super().end_headers()

    def list_directory(self, path):
        self.send_error(HTTPStatus.NOT_FOUND)


def origins(urls):
    """Returns the different origins of URLs, separated by spaces. Ignores None."""
    return " ".join(dict.fromkeys("{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in urls if url))


def main():
    directory, stack, port = sys.argv[1:]
    handler = partial(Handler, directory=directory, stack=Path(stack))
    ThreadingHTTPServer(("127.0.0.1", int(port)), handler).serve_forever()


if __name__ == "__main__":
    main()

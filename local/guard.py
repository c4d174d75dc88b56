"""Runs MiniStack behind a guard that refuses requests of foreign web pages.

    guard.py STATE

MiniStack accepts requests without a valid signature, and every web page can send requests to this machine. Without the
guard, a page could run code on this machine. STATE is the directory with the files ORIGINS and SECRET.
docs/decisions/0012-guard-for-the-local-cloud.md explains the rules.
"""

import hmac
import logging
import re
import sys
from pathlib import Path
from urllib.parse import parse_qsl

# The allowed origins, one a line. They change while the emulator runs, so the guard reads them for each request.
ORIGINS = "origins"
# The value of SECRET_HEADER in requests to MiniStack's own endpoints.
SECRET = "admin-secret"
SECRET_HEADER = "x-local-cloud-secret"
# Fixed IDs of the two APIs keep their URLs the same after a restart of the emulator.
HTTP_API_ID = "hearth-http"
WEBSOCKET_API_ID = "hearth-ws"
# sam's Docker containers know this machine as host.docker.internal.
NAMES = ("127.0.0.1", "localhost", "host.docker.internal")
ADMIN = ("/_ministack", "/_localstack")
READY = "/_ministack/ready"
ROUTES = f"/_aws/execute-api/{HTTP_API_ID}/"
SOCKET = f"/_aws/execute-api/{WEBSOCKET_API_ID}/live"
OBJECT = re.compile(r"/hearth-[^/]+/(files|thumbs|uploads)/[^/]+(/[^/]+)?")

FOREIGN_HOST = "Use 127.0.0.1 or localhost as the host name of the local cloud."
NO_SECRET = f"Send the content of the file {SECRET} in the header {SECRET_HEADER}, and not from a browser."
FOREIGN_ORIGIN = "Run `make up` with ORIGINS= and this page's origin to let the page use the local cloud."
NO_ORIGIN = "Call AWS services from a page of an allowed origin or without a browser."
MOST_LOG_LINES = 100

logger = logging.getLogger("guard")


class Guard:
    """An ASGI application that refuses requests of foreign pages and passes all others on to `app`."""

    def __init__(self, app, state):
        self.app = app
        self.state = state
        self.logged = set()

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            headers = joined(scope["headers"])
            reason = self.refusal(scope, headers)
            if reason:
                self.log(reason, scope, headers)
                await refuse(reason, scope, send)
                return
        await self.app(scope, receive, send)

    def refusal(self, scope, headers):
        """Returns what the sender of a refused request has to do; None if the request passes."""
        # A foreign page's DNS name can point to this machine (DNS rebinding). The browser then sends no foreign Origin,
        # but the foreign name as Host.
        host = re.fullmatch(r"([^:]+)(:[0-9]+)?", headers.get("host", ""))
        if not host or host[1].lower() not in NAMES:
            return FOREIGN_HOST
        origin = headers.get("origin")
        # Old browsers send no Sec-Fetch-Site, so their User-Agent is checked, too. Other Sec-Fetch headers are no sign
        # of a browser, because Node sends them.
        browser = "sec-fetch-site" in headers or headers.get("user-agent", "").startswith("Mozilla/")
        if scope["path"].startswith(ADMIN) and scope["path"] != READY:
            secret = headers.get(SECRET_HEADER, "")
            return NO_SECRET if origin is not None or browser or not self.is_secret(secret) else None
        if is_public(scope):
            return None
        if origin is not None:
            return None if origin in self.origins() else FOREIGN_ORIGIN
        return NO_ORIGIN if browser else None

    def origins(self):
        return self.read(ORIGINS).split()

    def is_secret(self, value):
        secret = self.read(SECRET)
        return bool(secret) and hmac.compare_digest(secret.encode(), value.encode())

    def read(self, name):
        try:
            return (self.state / name).read_text()
        except FileNotFoundError:
            return ""

    def log(self, reason, scope, headers):
        """Logs a refusal once for each reason, host and origin. A page can invent hosts, so at most 100 are logged."""
        key = (reason, headers.get("host"), headers.get("origin"))
        if key not in self.logged and len(self.logged) < MOST_LOG_LINES:
            self.logged.add(key)
            path = scope["path"][:200]
            logger.warning("refused a request: %s host=%r origin=%r path=%r", reason, key[1], key[2], path)


def joined(headers):
    """Returns the headers by name in lower case. Repeated headers become one, which then matches no allowed value."""
    found = {}
    for name, value in headers:
        name, value = name.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def is_public(scope):
    """Returns whether the request is one that every web page can also send to a stack on AWS: to the API's routes, for the
    WebSocket handshake, or for objects with presigned URLs. The guard lets it pass, so that tests reach the stack's own
    checks."""
    path = scope["path"]
    if scope["type"] == "websocket":
        return path == SOCKET
    if path.startswith(ROUTES):
        return "/@connections/" not in path  # `@connections` is for the functions, not for clients
    if scope["method"] not in ("GET", "HEAD", "OPTIONS") or not OBJECT.fullmatch(path):
        return False
    # With other parameters, MiniStack takes the request for a call of another service.
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return all(name.lower().startswith("x-amz-") or name == "x-id" for name, _ in query)


async def refuse(reason, scope, send):
    body = f"{reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    prefix = "http"
    if scope["type"] == "websocket":
        prefix = "websocket.http"  # https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
        headers.append((b"connection", b"close"))  # hypercorn closes the connection after a refused handshake
    await send({"type": f"{prefix}.response.start", "status": 403, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body})


def main():
    # Imported here, because emulator.py and the tests import this module only for its other names.
    from ministack import app as ministack

    state = Path(sys.argv.pop())
    ministack.app = Guard(ministack.app, state)  # MiniStack's `main` serves this application
    ministack.main()


if __name__ == "__main__":
    main()

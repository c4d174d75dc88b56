"""MiniStack, the AWS emulator, behind the guard: one process per state directory."""

import os
import platform
import secrets
import shutil
import sys

import guard
from daemon import Daemon, claim

REGION = "us-east-1"
DEFAULT_PORT = 4566


class Emulator(Daemon):
    def __init__(self, state):
        super().__init__(state, "cloud", "the local cloud")

    def start(self, port, keep):
        """Starts the emulator on `port` (0: any free port) and waits until it answers."""
        (self.state / "tmp").mkdir(parents=True, exist_ok=True)
        if not keep:
            shutil.rmtree(self.state / "data", ignore_errors=True)
        port = claim(port)
        self.write_secret()
        super().start(
            # -P: modules of this directory must not replace modules of the same name that MiniStack imports.
            [sys.executable, "-P", guard.__file__, self.state],
            f"http://127.0.0.1:{port}/_ministack/ready",
            env=self.environment(port, keep),
            port=port,
            keep=keep,
        )
        return port

    def write_secret(self):
        """Writes a new secret for MiniStack's own endpoints, which only this user can read."""
        path = self.state / guard.SECRET
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe())

    def environment(self, port, keep):
        # The functions inherit this environment. Only these variables are passed on, because an AWS profile, keys or a
        # proxy of the caller would send the functions' calls elsewhere.
        env = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "RUST_LOG") if name in os.environ}
        data = (self.state / "data").resolve()
        return env | {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "MINISTACK_REGION": REGION,
            "AUTH": "true",  # evaluate every function's policy
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000",  # the default of an AWS account
            # MiniStack polls every function process ten times a second, even an idle one. After a burst, hundreds of idle
            # processes would slow MiniStack down for 300 s, its default. It always keeps one process per function.
            "LAMBDA_WARM_TTL_SECONDS": "20",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "TMPDIR": str((self.state / "tmp").resolve()),
            "PERSIST_STATE": str(int(keep)),
            "STATE_DIR": str(data),
            "S3_PERSIST": str(int(keep)),
            "S3_DATA_DIR": str(data / "s3"),
            "PYTHONUNBUFFERED": "1",
        }

    def stop(self):
        """Stops the emulator and its functions. With KEEP=1 it saves its data first. Returns whether it was running."""
        stopped = super().stop()
        if stopped:
            shutil.rmtree(self.state / "tmp", ignore_errors=True)
        return stopped


def architecture():
    """Returns the processor architecture of this machine, in Lambda's terms."""
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

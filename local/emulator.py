"""The MiniStack process of one state directory."""

import os
import platform
import shutil
import sys

from daemon import Daemon, claim

REGION = "us-east-1"
DEFAULT_PORT = 4566


class Emulator(Daemon):
    def __init__(self, state):
        super().__init__(state, "cloud", "the local cloud")

    def start(self, port, keep):
        """Start it on `port` (0: any free one) and wait until it answers."""
        (self.state / "tmp").mkdir(parents=True, exist_ok=True)
        if not keep:
            shutil.rmtree(self.state / "data", ignore_errors=True)
        port = claim(port)
        super().start(
            [sys.executable, "-m", "ministack"],
            f"http://127.0.0.1:{port}/_ministack/ready",
            env=self.environment(port, keep),
            port=port,
            keep=keep,
        )
        return port

    def environment(self, port, keep):
        # Not the caller's whole environment: the functions inherit this one, and someone's AWS profile, keys
        # or proxy in it would lead them away from the emulator.
        env = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "RUST_LOG") if name in os.environ}
        data = (self.state / "data").resolve()
        return env | {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "MINISTACK_REGION": REGION,
            "AUTH": "true",  # evaluate every function's policy
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000",  # as on AWS, not by this machine's memory
            # It looks after every process of a function ten times a second, used or not: hundreds of them, left from a
            # rush, for its default of 300 s would keep it from anything else. One of each function stays.
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
        """Stop it, saving its data if it keeps any, and its functions; says whether there was anything to stop."""
        stopped = super().stop()
        if stopped:
            shutil.rmtree(self.state / "tmp", ignore_errors=True)
        return stopped


def architecture():
    """The processor of this machine, as Lambda calls it."""
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

"""The MiniStack process of one state directory: start it, find it again, stop it."""

import fcntl
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

REGION = "us-east-1"
DEFAULT_PORT = 4566
START_SECONDS = 60
STOP_SECONDS = 15


class Failure(Exception):
    """Something a person has to act on; its text is all that is shown."""


class Emulator:
    def __init__(self, state):
        self.state = state
        self.log = state / "cloud.log"
        # The emulator holds a lock on this file for as long as it lives. So the process id in it is ours
        # exactly when the lock is taken, even if the number has been given to another process since.
        self.pid_file = state / "cloud.pid"

    def running(self):
        """{"pid", "port", "keep"} of the running emulator, or None."""
        try:
            with open(self.pid_file) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return json.load(file)
        except FileNotFoundError:
            pass
        return None

    def start(self, port, keep):
        """Start it on `port` (0: any free one) and wait until it answers."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "tmp").mkdir(exist_ok=True)
        if not keep:
            shutil.rmtree(self.state / "data", ignore_errors=True)
        port = claim(port)
        with open(self.pid_file, "a+") as lock, open(self.log, "w") as log:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure(f"Another command is starting the local cloud of {self.state} right now.") from None
            process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=self.environment(port, keep),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # one process group with its functions, and no Ctrl-C from the terminal
                pass_fds=[lock.fileno()],
            )
            lock.truncate(0)
            json.dump({"pid": process.pid, "port": port, "keep": keep}, lock)
        self.await_answer(process, port)
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
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "TMPDIR": str((self.state / "tmp").resolve()),
            "PERSIST_STATE": str(int(keep)),
            "STATE_DIR": str(data),
            "S3_PERSIST": str(int(keep)),
            "S3_DATA_DIR": str(data / "s3"),
            "PYTHONUNBUFFERED": "1",
        }

    def await_answer(self, process, port):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise Failure(f"The local cloud ended while it started; see {self.log}.")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/ready", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise Failure(f"The local cloud did not answer within {START_SECONDS} seconds; see {self.log}.")

    def stop(self):
        """Stop it and its functions; says whether there was anything to stop."""
        found = self.running()
        if not found:
            return False
        os.kill(found["pid"], signal.SIGTERM)  # it saves its data, if it keeps any
        deadline = time.monotonic() + STOP_SECONDS
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            os.killpg(found["pid"], signal.SIGKILL)  # what is left: functions waiting for their next event
        except ProcessLookupError:
            pass
        self.pid_file.unlink()
        shutil.rmtree(self.state / "tmp", ignore_errors=True)
        return True


def claim(port):
    """`port` if it is free, or any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise Failure(f"Port {port} cannot be used ({error}); choose another one with PORT=.") from None
        return probe.getsockname()[1]


def architecture():
    """The processor of this machine, as Lambda calls it."""
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

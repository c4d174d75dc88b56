"""A process that outlives the command that started it: start it once per state directory, find it again, stop it."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress

START_SECONDS = 60
STOP_SECONDS = 15


class Failure(Exception):
    """Something a person has to act on; its text is all that is shown."""


class Daemon:
    """`title` is what messages call it, `name` the beginning of the names of its files in `state`."""

    def __init__(self, state, name, title):
        self.state = state
        self.title = title
        self.log = state / f"{name}.log"
        # The process holds a lock on this file for as long as it lives. So the process id in it is ours
        # exactly when the lock is taken, even if the number has been given to another process since.
        self.pid_file = state / f"{name}.pid"

    def running(self):
        """What `start` noted about the running process, with its "pid"; or None."""
        try:
            with open(self.pid_file) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    try:
                        return json.load(file)
                    except json.JSONDecodeError:  # the lock comes before the notes
                        raise Failure(self.being_started()) from None
        except FileNotFoundError:
            pass
        return None

    def being_started(self):
        return f"Another command is starting {self.title} of {self.state} right now."

    def start(self, command, url, env=None, **notes):
        """Start it, keep `notes` about it, and wait until `url` answers."""
        self.state.mkdir(parents=True, exist_ok=True)
        with open(self.pid_file, "a+") as lock, open(self.log, "w") as log:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure(self.being_started()) from None
            lock.truncate(0)  # what is in it is of the last one, and the lock would vouch for it
            process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # one process group with its children, and no Ctrl-C from the terminal
                pass_fds=[lock.fileno()],
            )
            json.dump({"pid": process.pid, **notes}, lock)
        self.await_answer(process, url)

    def await_answer(self, process, url):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise Failure(f"{self.title.capitalize()} ended while it started; see {self.log}.")
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise Failure(f"{self.title.capitalize()} did not answer within {START_SECONDS} seconds; see {self.log}.")

    def stop(self):
        """Stop it and its children; says whether there was anything to stop."""
        found = self.running()
        if not found:
            return False
        with suppress(ProcessLookupError):  # it may end by itself meanwhile
            os.kill(found["pid"], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(found["pid"], signal.SIGKILL)  # what is left
        self.pid_file.unlink(missing_ok=True)
        return True


def claim(port, variable="PORT"):
    """`port` if it is free, or any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise Failure(f"Port {port} cannot be used ({error}); choose another one with {variable}=.") from None
        return probe.getsockname()[1]

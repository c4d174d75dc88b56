"""Starts, finds and stops background processes. Each has its files in a state directory."""

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
    """An error that a person has to act on. Only its text is shown, without a traceback."""


class Daemon:
    """A background process. `title` names it in messages; `name` is the prefix of its files in the folder `state`."""

    def __init__(self, state, name, title):
        self.state = state
        self.title = title
        self.log = state / f"{name}.log"
        # The process holds a lock on this file while it lives. The process ID in the file is valid only while the lock
        # is held, because afterwards the system may give the number to another process.
        self.pid_file = state / f"{name}.pid"

    def running(self):
        """Returns the fields that `start` saved about the process, including its "pid"; None if it does not run."""
        try:
            with open(self.pid_file) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    try:
                        return json.load(file)
                    except json.JSONDecodeError:  # `start` takes the lock before it writes the fields
                        raise Failure(self.being_started()) from None
        except FileNotFoundError:
            pass
        return None

    def being_started(self):
        return f"Another command is starting {self.title} in {self.state}. Wait until it is done, then try again."

    def start(self, command, url, env=None, **notes):
        """Starts the process, saves its ID and `notes` in the pid file, and waits until `url` answers."""
        self.state.mkdir(parents=True, exist_ok=True)
        with open(self.pid_file, "a+") as lock, open(self.log, "w") as log:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure(self.being_started()) from None
            lock.truncate(0)  # the previous process's fields would look valid under the new lock
            process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its own process group, which Ctrl-C in the terminal does not reach
                pass_fds=[lock.fileno()],
            )
            json.dump({"pid": process.pid, **notes}, lock)
        self.await_answer(process, url)

    def await_answer(self, process, url):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise Failure(f"{self.title.capitalize()} exited during startup. See {self.log}.")
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise Failure(f"{self.title.capitalize()} did not answer within {START_SECONDS} seconds. See {self.log}.")

    def stop(self):
        """Stops the process and its children. Returns whether it was running."""
        found = self.running()
        if not found:
            return False
        with suppress(ProcessLookupError):  # it may exit in the meantime
            os.kill(found["pid"], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(found["pid"], signal.SIGKILL)  # its remaining children
        self.pid_file.unlink(missing_ok=True)
        return True


def claim(port, variable="PORT"):
    """Returns `port` if it is free; for 0, any free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise Failure(f"Port {port} cannot be used ({error}). Choose another port with {variable}=.") from None
        return probe.getsockname()[1]

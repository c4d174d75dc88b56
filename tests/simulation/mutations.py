"""Applies one mutation (a deliberate bug) after the other, and counts the histories until the simulation notices it.

    mutations.py [--check] [NAME...]

First it checks that the code still contains the texts that the mutations replace. Then it applies each mutation in a copy
of the tracked files, .local/mutations, and prints the mutation's row of the table in docs/simulation.md. With `--check`
it stops after the check.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from mutation_list import MUTATIONS

ROOT = Path(__file__).resolve().parent.parent.parent
COPY = ROOT / ".local" / "mutations"
# A mutation counts as not noticed if this many histories succeed with it.
MAX_HISTORIES = 10_000
# Part of the name of the test in tests/simulation/src/main.rs that runs the histories.
TEST = "nothing_is_lost"

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only check that the code contains the texts to replace")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the mutations to run; by default all of them")
    arguments = parser.parse_args()
    names = arguments.names or list(MUTATIONS)
    unknown = [name for name in names if name not in MUTATIONS]
    if unknown:
        sys.exit(f"error: unknown mutation: {', '.join(unknown)}. Known ones: {', '.join(MUTATIONS)}")
    mutated, misfits = check()
    for name, problem in misfits:
        print(f"error: mutation {name} does not fit the code: {problem}", file=sys.stderr)
    if misfits and (arguments.check or any(name in names for name, _ in misfits)):
        sys.exit("Update the quoted text in tests/simulation/mutation_list.py, or remove the mutation.")
    if arguments.check:
        return
    update_copy()
    if not arguments.names:
        histories, problem = run_histories()
        if problem:
            sys.exit(f"error: the simulation fails without a mutation, after {histories} histories: {problem}")
    print("| what is wrong | histories | what is noticed |\n| --- | --- | --- |", flush=True)
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} ...", file=sys.stderr)
        originals = {file: (COPY / file).read_text() for file in mutated[name]}
        write(mutated[name])
        try:
            histories, problem = run_histories()
        finally:
            write(originals)
        print(f"| {MUTATIONS[name][0]} (`{name}`) | {histories} | {problem} |", flush=True)


def check():
    """Returns the mutated files of each mutation that fits the code, and (name, problem) for each misfit."""
    mutated, misfits = {}, []
    for name, (_, replacements) in MUTATIONS.items():
        files, problems = {}, []
        for file, text, replacement in replacements:
            path = ROOT / file
            current = files.get(file) or (path.read_text() if path.is_file() else None)
            if current is None:
                problems.append((name, f"{file} does not exist"))
            elif current.count(text) != 1:
                problems.append((name, f"{file} contains this text {current.count(text)} times, not once:\n{text}"))
            else:
                files[file] = current.replace(text, replacement)
        misfits += problems
        if not problems:
            mutated[name] = files
    return mutated, misfits


def update_copy():
    """Updates the copy of the tracked files. Writes only files that differ, so that cargo rebuilds no others."""
    built = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
    if built.is_dir() and not (COPY / "target").exists():
        # Copies the built dependencies, so that cargo does not build them again. The copy cannot use the target
        # directory itself: its packages have the same names as the originals, and cargo would mix up their builds.
        (COPY / "target").mkdir(parents=True)
        subprocess.run(["cp", "-a", built, COPY / "target"], check=True)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for file in COPY.rglob("*.rs"):
        if "target" not in file.relative_to(COPY).parts and str(file.relative_to(COPY)) not in tracked:
            file.unlink()
    for file in filter(None, tracked):
        original, copied = ROOT / file, COPY / file
        if original.is_file() and not (copied.is_file() and copied.read_bytes() == original.read_bytes()):
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(original.read_bytes())


def write(files):
    for file, text in files.items():
        (COPY / file).write_text(text)


def run_histories():
    """Runs histories in the copy until one fails. Returns their number and the first problem of the failed history."""
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(COPY / "target"), "HISTORIES": str(MAX_HISTORIES), "FAILURES": "1",
    }
    for name in ("SEED", "FIRST"):
        environment.pop(name, None)
    cargo = ["cargo", "test", "--workspace", "--test", "simulation"]
    built = subprocess.run([*cargo, "--no-run"], cwd=COPY, env=environment, capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"error: the mutated code does not build:\n{built.stderr}")
    run = subprocess.run(
        [*cargo, "--", "--nocapture", TEST], cwd=COPY, env=environment, capture_output=True, text=True
    )
    if "running 0 tests" in run.stdout:
        sys.exit(f"error: no test's name contains {TEST}. Set TEST in this script to the test that runs the histories.")
    failed = re.search(r"^SEED=(\d+): ([^;\n]*)", run.stdout, re.MULTILINE)
    if failed:
        seed, problem = failed.groups()
        return f"{int(seed) + 1:,}", problem.replace("|", "\\|")
    if run.returncode:
        sys.exit(f"error: the test failed without naming a seed:\n{run.stdout}\n{run.stderr}")
    return f"not by {MAX_HISTORIES:,}", ""


if __name__ == "__main__":
    main()

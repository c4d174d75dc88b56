"""Checks that `make dev` and `make test` compile every dependency with the same features.

Otherwise `make test` would compile most dependencies a second time. The features that only tests need are listed in
tests/dev-features/Cargo.toml; this check names the lines that are missing there.
"""

import json
import os
import subprocess
import sys

TEST = ["--workspace", "--bins", "--tests"]


def units(arguments):
    """Maps each unit that cargo would build (crate, target, mode) to its list of feature sets."""
    command = ["cargo", "build", "--locked", "-Z", "unstable-options", "--unit-graph", *arguments]
    # A stable cargo accepts `-Z` options only with RUSTC_BOOTSTRAP. With --unit-graph, cargo only prints the build
    # plan; it builds nothing.
    plan = subprocess.run(command, env=os.environ | {"RUSTC_BOOTSTRAP": "1"}, stdout=subprocess.PIPE, check=True)
    found = {}
    for unit in json.loads(plan.stdout)["units"]:
        crate = unit["pkg_id"].rpartition("/")[2]
        key = (crate, unit["target"]["name"], unit["mode"])
        found.setdefault(key, []).append(frozenset(unit["features"]))
    return found


def main():
    dev, test = units(sys.argv[1:]), units(TEST)
    missing = []
    for key, variants in sorted(dev.items()):
        for features in variants:
            if features not in test.get(key, []):
                wanted = set().union(*test.get(key, [])) - features
                missing.append(f"{key[0]} ({key[1]}, {key[2]}): add the features {sorted(wanted)}")
    for line in missing:
        print(line, file=sys.stderr)
    if missing:
        print("error: `make dev` and `make test` build these differently; edit tests/dev-features/Cargo.toml.", file=sys.stderr)
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())

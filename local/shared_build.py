"""Checks that `make dev` and `make test` compile every dependency in the same way.

Otherwise `make test` would compile most dependencies a second time. The features that only tests need are listed in
tests/dev-features/Cargo.toml; this check names the lines that are missing there.
"""

import json
import os
import subprocess
import sys

TEST = ["--workspace", "--bins", "--tests"]


def units(arguments):
    """Maps each unit that cargo would build (crate, target, mode) to its variants.

    A variant is a pair: an identity, which covers the features of the unit and of all its dependencies, and the features
    of the unit and of its direct dependencies by crate.
    """
    command = ["cargo", "build", "--locked", "-Z", "unstable-options", "--unit-graph", *arguments]
    # A stable cargo accepts `-Z` options only with RUSTC_BOOTSTRAP. With --unit-graph, cargo only prints the build
    # plan; it builds nothing.
    plan = subprocess.run(command, env=os.environ | {"RUSTC_BOOTSTRAP": "1"}, stdout=subprocess.PIPE, check=True)
    plan = json.loads(plan.stdout)["units"]
    identities = {}

    def crate(unit):
        return unit["pkg_id"].rpartition("/")[2]

    def identity(index):
        if index not in identities:
            unit = plan[index]
            dependencies = frozenset(identity(dependency["index"]) for dependency in unit["dependencies"])
            own = (crate(unit), unit["target"]["name"], unit["mode"], json.dumps(unit["profile"]), frozenset(unit["features"]))
            identities[index] = hash((own, dependencies))
        return identities[index]

    found = {}
    for index, unit in enumerate(plan):
        used = [unit, *(plan[dependency["index"]] for dependency in unit["dependencies"])]
        features = {crate(each): frozenset(each["features"]) for each in used}
        found.setdefault((crate(unit), unit["target"]["name"], unit["mode"]), []).append((identity(index), features))
    return found


def main():
    dev, test = units(sys.argv[1:]), units(TEST)
    missing, differ = set(), []
    for key, variants in dev.items():
        wanted = test.get(key, [])
        for identity, features in variants:
            if wanted and all(identity != other for other, _ in wanted):
                differ.append(key)
                # The variant in `make test` that differs in the fewest crates.
                nearest = min((other for _, other in wanted), key=lambda other: sum(other.get(c) != features[c] for c in features))
                missing |= {(c, nearest[c] - features[c]) for c in features if nearest.get(c, features[c]) != features[c]}
    for name, features in sorted(missing, key=str):
        print(f"{name}: add the features {sorted(features)}", file=sys.stderr)
    if differ:
        names = ", ".join(sorted({crate for crate, _, _ in differ}))
        print(f"error: `make dev` and `make test` build these differently: {names}. Edit tests/dev-features/Cargo.toml.", file=sys.stderr)
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main())

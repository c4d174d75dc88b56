"""Generates clients from the API documents with three generators, and uses one of them against a running Hearth.

The generators are openapi-python-client, @hey-api/openapi-ts and orval. The test fails if one of them prints a warning
or does not generate every operation, if the TypeScript clients do not compile, if @asyncapi/parser finds a mistake in
the AsyncAPI document, or if the Python client fails in round_trip.py. HEARTH_STACK names the stack.json of the running
Hearth; by default it is the one of `make up`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / ".local" / "generators"
OUTPUT = TOOLS / "out"
OPENAPI = ROOT / "docs" / "openapi.yaml"
ASYNCAPI = ROOT / "docs" / "asyncapi.yaml"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
sys.path.append(str(ROOT / "local"))

import cloud  # noqa: E402
from stack import make_known  # noqa: E402

# The other member of the thread that round_trip.py creates.
MEMBER = "generated-client"


def main():
    path = ROOT / os.environ.get("HEARTH_STACK", ".local/stack.json")
    if not path.exists():
        sys.exit(f"error: no stack at {path}: run `make up`, or `make test-generators`")
    stack = json.loads(path.read_text())
    make_known(stack, MEMBER)
    operations = operation_ids(yaml.safe_load(OPENAPI.read_text()))
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    run("node", HERE / "asyncapi.mjs", ASYNCAPI)
    run("node", HERE / "generate.mjs", OPENAPI, OUTPUT, *operations)
    run("node", HERE / "node_modules" / "typescript" / "bin" / "tsc", "--project", HERE / "tsconfig.json")
    generate_python(operations)
    run(
        TOOLS / "venv" / "bin" / "python",
        HERE / "round_trip.py",
        # The environment passes the token, because every user of the machine can read the arguments of a command.
        environment={
            "HEARTH_API": stack["apiUrl"],
            "HEARTH_TOKEN": cloud.log_in(stack, "Sarah"),
            "HEARTH_MEMBER": MEMBER,
        },
    )


def operation_ids(document):
    """Returns the operationId of every operation of an OpenAPI document."""
    items = document["paths"].values()
    return [operation["operationId"] for item in items for name, operation in item.items() if name in METHODS]


def generate_python(operations):
    """Generates the Python client, and checks that it has one module per operation."""
    client = OUTPUT / "hearth_client"
    generator = TOOLS / "venv" / "bin" / "openapi-python-client"
    run(generator, "generate", "--path", OPENAPI, "--output-path", client, "--meta", "none", "--fail-on-warning")
    modules = {path.stem.replace("_", "") for path in client.glob("api/*/*.py") if path.stem != "__init__"}
    wanted = {operation.lower() for operation in operations}
    if modules != wanted:
        missing, extra = sorted(wanted - modules), sorted(modules - wanted)
        sys.exit(f"error: the Python client has no module for {missing}, and extra modules {extra}")
    print(f"openapi-python-client: {len(modules)} operations", flush=True)


def run(*command, environment=None):
    """Runs a command with the tools of this test in PATH, and ends the test if the command fails."""
    # openapi-python-client runs ruff, which is in the folder of the generator. The folder of this script's Python
    # contains the local cloud's tools, such as Node.
    folders = [TOOLS / "venv" / "bin", Path(sys.executable).parent]
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
    done = subprocess.run(list(map(str, command)), cwd=HERE, env=os.environ | {"PATH": path} | (environment or {}))
    if done.returncode != 0:
        sys.exit(f"error: {Path(command[0]).name} {Path(command[1]).name} failed; see above")


if __name__ == "__main__":
    main()

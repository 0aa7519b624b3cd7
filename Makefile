# Every verb works on a fresh machine with Python >= 3.11, git and make; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
# Every step of a drill is a process of its own: without cached bytecode each compiles Airflow anew, for ten seconds.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VAR ?= var

# What `make drill` passes on, e.g. `make drill SYMBOLS=AAPL,MSFT SEED=7 FAULTS=F01`; SYMBOLS empty: all 100.
SYMBOLS ?=
MEMBERS ?= 100
CUSTOMERS ?= 100
RATE ?=
SEED ?= 1
DAY ?= 3600
REGION ?=
WINDOW ?=
LOAD ?=
FAULTS ?=
RTO ?=
RPO ?=
AIRFLOW_PORT ?= 8080
AWS_PORT ?= 4566
DNS_PORT ?= 5354
TESTS ?= tests
SEEDS ?= 1000
F ?=
SCORE ?=
PRESETS ?=
FIELDS ?=
PICTURES ?=
CONTROL ?= 1
FIRST ?= 1

FLOW := --symbols "$(SYMBOLS)" --members $(MEMBERS) --customers $(CUSTOMERS) --seed $(SEED)
PORTS := --airflow-port $(AIRFLOW_PORT) --aws-port $(AWS_PORT) --dns-port $(DNS_PORT)
INSTANCE := $(BIN)/python -m emulator
# A world of its own for one drill begins a new exchange each time: its state lies apart from the instance's.
WORLD := $(BIN)/python -m emulator world --var $(VAR)/once --reports $(VAR)/reports $(PORTS)
OPTIONS := --seed $(SEED) $(if $(REGION),--region $(REGION)) $(if $(FAULTS),--faults $(FAULTS)) \
	$(if $(WINDOW),--window-s $(WINDOW)) $(if $(LOAD),--load-s $(LOAD)) \
	$(if $(RTO),--rto-objective-s $(RTO)) $(if $(RPO),--rpo-objective-orders $(RPO))

# The environment is rebuilt when the lock or the project's metadata changes, and only then.
STAMP := $(VENV)/stamp-$(shell cat requirements.lock pyproject.toml | git hash-object --stdin)
KERNEL := $(VENV)/kernel-$(shell cat engine/kernel.py engine/frame_kernel.py | git hash-object --stdin)
CHROMIUM := $(firstword $(wildcard /usr/bin/chromium /usr/bin/chromium-browser))

.PHONY: help
help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/' | expand -t 22
	@echo
	@echo "  make drill takes SYMBOLS MEMBERS CUSTOMERS RATE SEED REGION WINDOW LOAD FAULTS RTO RPO,"
	@echo "  e.g. make drill SYMBOLS=AAPL,MSFT SEED=7"

.PHONY: drill
drill: $(STAMP) $(KERNEL) ## Run a drill: on the instance that is up, else in a world that is booted for it and stopped
	@if $(INSTANCE) visit --var $(VAR) -- true 2>/dev/null; then \
		$(INSTANCE) visit --var $(VAR) -- $(BIN)/python -m drill run $(OPTIONS) $(if $(SYMBOLS),--symbols "$(SYMBOLS)"); \
	else \
		AEX_SYMBOLS="$(SYMBOLS)" $(BIN)/python -m drill run --check $(OPTIONS) && \
		$(WORLD) $(FLOW) --rate $(or $(RATE),10000) -- $(BIN)/python -m drill run $(OPTIONS); \
	fi

# Small and quick: five symbols in two engine tasks, a snapshot each five seconds, a build that is given up after a minute.
CATALOGUE := AEX_SYMBOLS_PER_TASK=4 AEX_CHECKPOINT_EVERY=100 AEX_SNAPSHOT_EVERY_S=5 AEX_BUILD_S=60
CATALOGUE_FLOW := --symbols AAPL,ADBE,AMZN,MSFT,NFLX --members 10 --customers 20 --rate 400 --seed $(SEED)

.PHONY: faults
faults: $(STAMP) $(KERNEL) ## Run the fault catalogue (F=F06,F11: some of it; CONTROL=0: without the drill that must pass); SCORE=1 files the score
	@$(CATALOGUE) $(INSTANCE) world --var $(VAR)/faults --reports $(VAR)/reports $(PORTS) $(CATALOGUE_FLOW) -- \
		$(BIN)/python -m drill faults --seed $(SEED) $(if $(F),--only $(F)) $(if $(SCORE),--score) $(if $(filter 0,$(CONTROL)),--no-control)

.PHONY: up
up: $(STAMP) $(KERNEL) ## Boot an instance that stays up in the background: Airflow, AWS, the exchange at RATE (1000) commands/s
	@$(INSTANCE) up --var $(VAR) $(PORTS) $(FLOW) --rate $(or $(RATE),1000) --day-s $(DAY)

.PHONY: status
status: $(STAMP) ## Show on one screen how the instance is; exit status 0 when all is well
	@$(INSTANCE) status --var $(VAR)

.PHONY: down
down: $(STAMP) ## End the instance; its history, evidence and journal stay
	@$(INSTANCE) down --var $(VAR)

.PHONY: world
world: $(STAMP) $(KERNEL) ## Boot everything and stay up until Ctrl-C (then: . var/once/run/environment)
	@$(WORLD) $(FLOW) --rate $(or $(RATE),10000)

.PHONY: stop
stop: $(STAMP) ## End the world that runs here, or what a killed one left
	@$(WORLD) --stop

.PHONY: test
test: $(STAMP) $(KERNEL) ## Run the tests (browser tests only where Chromium is installed); TESTS=tests/world picks
ifeq ($(CHROMIUM),)
	@echo "make test: no Chromium in /usr/bin, so the browser tests are left out (Debian: apt-get install chromium)" >&2
	@$(BIN)/python -m pytest $(TESTS) -m "not browser"
else
	@$(BIN)/python -m pytest $(TESTS)
endif

.PHONY: acceptance
acceptance: $(STAMP) ## On the instance that is up: three exercises and a loss, triggered from Airflow's form in Chromium, must pass in a row
	@$(INSTANCE) visit --var $(VAR) -- $(BIN)/python -m tests.drills.acceptance $(if $(PRESETS),--presets $(PRESETS)) $(if $(PICTURES),--pictures $(PICTURES)) \
		$(foreach field,$(FIELDS),--field $(field))

.PHONY: resilience
resilience: $(STAMP) $(KERNEL) ## Kill a process of the platform in each of DRILLS drills (SEED draws which and when; or PHASE=drain KILL=aws)
	@$(BIN)/python -m tests.drills.resilience --seed $(SEED) --drills $(or $(DRILLS),5) --first $(FIRST) --var $(VAR)/resilience $(PORTS) \
		$(if $(PHASE),--phase $(PHASE)) $(if $(KILL),--kill $(KILL))

.PHONY: soak
soak: $(STAMP) $(KERNEL) ## Run DRILLS (50) small drills in a row on one instance: none may leave anything, nothing may grow
	@$(BIN)/python -m tests.drills.soak --drills $(or $(DRILLS),50) --var $(VAR)/soak $(PORTS)

.PHONY: sim
sim: $(STAMP) ## Live through SEEDS histories of the exchange under a nemesis, on simulated time (SEEDS=1000 FIRST=1)
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST) --jobs $$(nproc)

.PHONY: mutations
mutations: $(STAMP) ## Draw mutations of engine, reader, validators and verdict (SEED=1); a drill's own means must notice ten
	@$(BIN)/python -m tests.mutation.drawn --seed $(SEED)

.PHONY: bench
bench: $(STAMP) $(KERNEL) peers ## Measure replay, stage by stage, against peers, and a full day (ONLY=path picks); results are kept
	@$(BIN)/python -m engine bench $(if $(ONLY),--only $(ONLY))

# A second environment, from its own lock: what the engine is measured against is never installed beside it.
.PHONY: peers
peers: $(VAR)/peers/bin/python

$(VAR)/peers/bin/python: requirements-peers.lock
	@$(PYTHON) -m venv $(VAR)/peers
	@awk '/^[a-z]/ {keep = !/^atheris/} keep' requirements-peers.lock >$(VAR)/peers/lock  # a fuzzer, not a peer
	@$@ -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VAR)/peers/lock
	@touch $@

.PHONY: lint
lint: $(STAMP) ## Check style, types, import directions and the rendered templates
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yaml
	@rendered=$$(mktemp -d); trap 'rm -rf "$$rendered"' EXIT; \
		$(BIN)/python -m templates render "$$rendered" >/dev/null; \
		$(BIN)/cfn-lint -r us-west-2 -- "$$rendered"/*.json

.PHONY: lock
lock: ## Pin the newest allowed versions in both locks (needs uv and a package index)
	@uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements.lock
	@uv pip compile --group peers --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements-peers.lock

.PHONY: clean
clean: ## Remove the environment, caches and run-time state (evidence and reports too)
	@if [ -x $(BIN)/python ]; then $(WORLD) --stop 2>/dev/null || true; $(INSTANCE) down --var $(VAR) 2>/dev/null || true; fi
	@rm -rf $(VENV) $(VAR) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: environment
environment: $(STAMP) $(KERNEL) ## Build .venv from the hashed lock

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than Python 3.11; choose another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "make: building $(VENV) from requirements.lock" >&2
	@rm -f $(VENV)/stamp-*
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then \
		uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock; \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@

# numba keeps what it compiles beside the source: done here, or it would be done by the first engine that recovers.
$(KERNEL): $(STAMP)
	@echo "make: compiling the replay engine" >&2
	@rm -f $(VENV)/kernel-*
	@$(BIN)/python -c 'from engine.replayer import fallback; fallback()'
	@touch $@

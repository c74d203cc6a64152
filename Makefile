# Spendgate's commands; they need make and Python only.
# Each environment has a stamp file, so a warm `make setup` takes no time.
SHELL := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?=
BIN := .venv/bin
UV := .local/venvs/uv/bin/uv
SAM := .local/venvs/sam/bin/sam
REGION ?= us-east-1
REGIONS := us-east-1 us-west-2 eu-central-1 eu-west-1 ap-southeast-2
TEMPLATES := template.yaml $(wildcard docs/addons/*.yaml)
TRACE ?=
REQUESTS ?=
ARCHITECTURE ?=
FUNCTION ?=
EVENT ?=
SAM_ARGS ?=
SEED ?=
EXAMPLES ?=
PYTEST_ARGS ?=
ARGS ?=
BENCH ?=
VERSION ?=
PUBLISH ?=
PORT ?=
export TRACE REQUESTS ARCHITECTURE FUNCTION EVENT SAM_ARGS SEED EXAMPLES ARGS PORT VERSION PUBLISH
# Targets use this checkout's environments only. They never use the caller's AWS account, never
# reach a local server through a proxy, and disable telemetry. They keep bytecode, which the many
# processes of the tests would compile again each.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE $(filter AWS_% POWERTOOLS_%,$(.VARIABLES))
export NO_PROXY := localhost,127.0.0.1,$(NO_PROXY),$(no_proxy)
export no_proxy := $(NO_PROXY)
export SAM_CLI_TELEMETRY := 0
export UV_NO_CONFIG := 1
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy
export PYTHONUNBUFFERED := 1
# Without a writable home directory uv works without a cache.
ifeq ($(UV_CACHE_DIR)$(XDG_CACHE_HOME)$(shell test -w "$$HOME/.cache" -o -w "$$HOME" && echo writable),)
export UV_NO_CACHE := 1
endif

# Two workers share the engines. Tests that need the local stack are one group, in one worker.
PARALLEL = -n 2
COVERAGE = --cov --cov-report=term:skip-covered
# The interpreter's own monitoring measures coverage at almost no cost.
export COVERAGE_CORE := sysmon

say = printf '\033[1m==> %s\033[0m\n'

# $(call beside,targets,command): run the command and, meanwhile, make the targets one after the
# other; then show what they printed, and fail if one of both failed.
define beside
	@mkdir -p .local; $(MAKE) $(1) > .local/beside.log 2>&1 & beside=$$!; \
	trap 'kill $$beside 2>/dev/null' INT TERM; failed=""; \
	$(2) || failed="$$failed tests"; \
	wait $$beside || failed="$$failed $(1)"; \
	cat .local/beside.log; \
	[ -z "$$failed" ] || { $(say) "Failed:$$failed"; exit 1; }
endef

.PHONY: help setup browser build console pictures up down logs dead-letters audit invoke demo fuzz docs tone wrap bench check lint audit-dependencies scan sbom release template test test-long lock clean distclean

help: ## Show this help
	@printf 'Spendgate. Targets:\n\n'
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-25s %s\n", $$1, $$2}'
	@printf '\n  TRACE=file       replay another trace with make demo\n  REQUESTS=n       replay only its first n requests\n  PYTEST_ARGS=...  more arguments for pytest with make test\n'

setup: .venv/.stamp .local/venvs/sam/.stamp .local/venvs/ministack/.stamp ## Install the tools into .venv and .local
	@:

.local/venvs/uv/.stamp: requirements/uv.txt
	@python=$$(PYTHON='$(PYTHON)' sh local/find_python.sh); \
	$(say) "Installing uv for $$python"; \
	rm -rf .local/venvs/uv; mkdir -p .local/venvs; \
	"$$python" -m venv .local/venvs/uv; \
	.local/venvs/uv/bin/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --only-binary :all: -r requirements/uv.txt
	@touch $@

# $(call install,folder,requirements,options): the environment in that folder holds exactly those
# packages. Only the one of the tests is compiled at once: it imports most of it, and must not meet
# a compiler's warning in a test. The others compile what they import.
define install
	@$(say) "Installing $(2) into $(1)"
	@$(UV) venv --quiet --allow-existing --python .local/venvs/uv/bin/python $(1)
	@$(UV) pip sync --quiet $(3) --require-hashes --python $(1)/bin/python $(2)
	@touch $@
endef

.venv/.stamp: requirements/dev.txt .local/venvs/uv/.stamp
	$(call install,.venv,requirements/dev.txt,--compile-bytecode)
	@echo ../../../../layers/core/python > $$(echo .venv/lib/python3*/site-packages)/spendgate_service.pth

.local/venvs/sam/.stamp: requirements/sam.txt .local/venvs/uv/.stamp
	$(call install,.local/venvs/sam,requirements/sam.txt)

.local/venvs/ministack/.stamp: requirements/ministack.txt .local/venvs/uv/.stamp
	$(call install,.local/venvs/ministack,requirements/ministack.txt)

.local/venvs/bench/.stamp: requirements/bench.txt .local/venvs/uv/.stamp
	$(call install,.local/venvs/bench,requirements/bench.txt)

.local/venvs/checkov/.stamp: requirements/checkov.txt .local/venvs/uv/.stamp
	$(call install,.local/venvs/checkov,requirements/checkov.txt)

.local/venvs/sbom/.stamp: requirements/sbom.txt .local/venvs/uv/.stamp
	$(call install,.local/venvs/sbom,requirements/sbom.txt)

# Only what is deployed: the packages of the layer.
.local/venvs/layer/.stamp: layers/deps/requirements.txt .local/venvs/uv/.stamp
	$(call install,.local/venvs/layer,layers/deps/requirements.txt)

.local/venvs/audit/.stamp: requirements/audit.txt .local/venvs/uv/.stamp
	$(call install,.local/venvs/audit,requirements/audit.txt)

include clients/python/client.mk

build: setup ## Build the functions and layers for AWS (ARCHITECTURE=x86_64; default arm64)
	@$(BIN)/python -m local.build

up: setup ## Start the local stack; writes .local/stack.json
	@$(BIN)/python -m local.up

down: ## Stop the local stack; its data stays
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.down; else echo "Nothing is running"; fi

logs: setup ## Show the logs of the running stack's functions (FUNCTION=reserve)
	@$(BIN)/python -m local.logs

dead-letters: setup ## List the dead letters with their reasons (ARGS="redrive --all" sends them back)
	@$(BIN)/python -m local.dead_letters

audit: setup ## Audit the local stack's table: does every counter equal its ledger? (ARGS="--json")
	@$(BIN)/python -m local.audit

invoke: setup ## Run one function in Docker against the local stack (EVENT=events/reserve-granted.json)
	@$(BIN)/python -m local.invoke

demo: setup ## Start the local stack and replay a trace of LLM requests (TRACE=file REQUESTS=n)
	@PYTHONPATH=$(CLIENT)/src $(BIN)/python -m local.demo

fuzz: setup ## Fuzz the running API with requests generated from its OpenAPI document (EXAMPLES=n SEED=n)
	@$(BIN)/python -m tests.e2e.fuzz

docs: .venv/.stamp ## Regenerate the examples, the built-in prices, docs/api.md, docs/events.schema.json, docs/cost.md and the plots
	@$(BIN)/python -m tools.builtin_prices
	@$(BIN)/python -m tests.docs.story
	@$(BIN)/python -m tools.docs
	@$(BIN)/python -m bench.cost
	@$(BIN)/python -m bench.simulation
	@PYTHONPATH=$(CLIENT)/src $(BIN)/python -m bench.leases

tone: .venv/.stamp ## Check wording and spelling, and the format of the workflows
	@$(say) "Wording (tools/tone.py), spelling (codespell), workflows (check-jsonschema)"
	@$(BIN)/python -m tools.tone
	@$(BIN)/codespell
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml docs/addons/*.yml

wrap: .venv/.stamp ## Wrap the prose of the documents at 100 columns
	@$(BIN)/python -m tools.wrap_prose

bench: .venv/.stamp .local/venvs/bench/.stamp ## Run the benchmarks (BENCH=floor runs one)
	@PYTHONPATH=$(CLIENT)/src $(BIN)/python -m bench $(BENCH)

check: .venv/.stamp .local/venvs/checkov/.stamp ## Run the quick checks: lint, wording, template, unit tests
	@$(say) "Unit and template tests (pytest); meanwhile lint, wording and the templates"
	$(call beside,lint tone scan,$(BIN)/python -m pytest -q $(PARALLEL) tests/unit tests/template $(PYTEST_ARGS))

lint: .venv/.stamp ## Check format, style, types and security (ruff, mypy, bandit)
	@$(say) "Style (ruff)"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --diff
	@$(say) "Security (bandit)"
	@$(BIN)/bandit --quiet -ll --configfile pyproject.toml --recursive layers/core/python functions local
	@$(say) "Types (mypy --strict)"
	@$(BIN)/mypy

audit-dependencies: .local/venvs/audit/.stamp ## Look up known vulnerabilities of the pinned packages (needs PyPI's advisories)
	@for name in layers/deps/requirements requirements/dev requirements/sam requirements/ministack requirements/uv; do \
	    $(say) "Auditing $$name.txt"; \
	    .local/venvs/audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$name.txt; \
	done

scan: .venv/.stamp .local/venvs/checkov/.stamp ## Check the templates, offline (cfn-lint, checkov)
	@$(say) "Templates (cfn-lint)"
	@$(BIN)/cfn-lint --regions $(REGIONS) -- $(TEMPLATES)
	@$(say) "Templates (checkov)"
	@.local/venvs/checkov/bin/checkov --framework cloudformation --skip-download --quiet --compact \
	    $(addprefix --file ,$(TEMPLATES))

sbom: .venv/.stamp .local/venvs/sbom/.stamp .local/venvs/layer/.stamp ## Write the bill of materials (CycloneDX) into dist, and check the licences
	@$(say) "Bill of materials (cyclonedx-py): what is deployed, and what develops and tests it"
	@mkdir -p dist
	@for name in layer:layer .venv:development; do \
	    folder=$${name%:*}; [ "$$folder" = .venv ] || folder=.local/venvs/$$folder; \
	    .local/venvs/sbom/bin/cyclonedx-py environment --output-reproducible --spec-version 1.6 \
	        --output-file dist/sbom-$${name#*:}.cdx.json $$folder; \
	done
	@$(say) "Licences"
	@$(BIN)/python -m tools.licences dist/sbom-layer.cdx.json dist/sbom-development.cdx.json

release: setup sbom ## Prepare a release into dist (VERSION=1.2.3); PUBLISH=1 also commits and tags it
	@$(BIN)/python -m tools.release

template: setup scan ## Check the templates (cfn-lint, checkov, sam validate --lint)
	@$(say) "Template (sam validate --lint)"
	@$(SAM) validate --lint --region $(REGION)

test: ## Run every check and every test suite, and report the coverage
	@$(MAKE) -j 4 setup browser
	@$(say) "Tests (pytest); meanwhile lint, wording, the templates and the client"
	$(call beside,lint tone template test-client,$(BIN)/python -m pytest $(PARALLEL) $(COVERAGE) $(PYTEST_ARGS))

browser:
	@sh local/install_browser.sh

console: setup ## Serve the console on two months of history, in one process (PORT=n)
	@$(BIN)/python -m tests.console

pictures: setup browser ## Take the pictures of the console in docs/pictures
	@$(BIN)/python -m tests.console.pictures

test-long: setup test-client-long ## Run the random suites at length, every fault at every call, and 50,000 interleavings
	@SPENDGATE_ENGINE=dynamodb_local SPENDGATE_ALL_FAULTS=1 SPENDGATE_LONGER=20 SPENDGATE_INTERLEAVINGS=600 SPENDGATE_EXAMPLES=500 SPENDGATE_ROUNDS=600 SPENDGATE_WHILE_SECONDS=0.5 SPENDGATE_MESSAGES=10000 SPENDGATE_YEAR_STEPS=2000 \
	    $(BIN)/python -m pytest tests/interleavings tests/model tests/property tests/scenarios tests/simulation tests/concurrency tests/faults \
	    $(PYTEST_ARGS)
	@$(say) "The same by boto3's client"
	@SPENDGATE_DYNAMO_CLIENT=boto3 SPENDGATE_ENGINE=dynamodb_local SPENDGATE_EXAMPLES=100 SPENDGATE_INVALID_ONE_IN=1 \
	    $(BIN)/python -m pytest -q tests/store tests/faults tests/concurrency tests/model tests/interleavings/test_exact_table.py tests/e2e $(PYTEST_ARGS)
	@$(say) "The store's contract on the emulator"
	@$(BIN)/python -m pytest -q tests/store --ignore tests/store/single_engine --engine ministack $(PYTEST_ARGS)

lock: .local/venvs/uv/.stamp ## Update the requirements and pin them with hashes
	@for name in layers/deps/requirements requirements/uv requirements/dev requirements/sam requirements/ministack \
	    requirements/bench requirements/checkov requirements/sbom; do \
	    $(say) "Resolving $$name.in"; \
	    $(UV) pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes \
	        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	        $$name.in -o $$name.txt; \
	done

clean: ## Stop the local stack; remove its data, the builds and the caches
	@$(MAKE) down || $(say) "The stack's state was not saved; it is removed anyway"
	@$(say) "Removing the stack's data, the builds and the caches; the tools stay"
	@find .local -mindepth 1 -maxdepth 1 ! -name venvs ! -name dynamodb-local -exec rm -rf {} + 2>/dev/null || true
	@rm -rf .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis

distclean: clean ## Remove the installed tools as well
	@rm -rf .local .venv

.PHONY: client-models test-client test-client-long lock-client frameworks-table litellm-table

# The Python client: an environment per SDK set and per integration that cannot share one, each with
# the Python that it is tested on.
CLIENT := clients/python
CLIENT_SDKS := openai3 openai2
CLIENT_ENVS := $(CLIENT_SDKS) mcp frameworks litellm
CLIENT_LONG_ENVS := litellm-proxy
CLIENT_PYTHON_openai3 := 3.13
CLIENT_PYTHON_openai2 := 3.11
CLIENT_PYTHON_mcp := 3.13
CLIENT_PYTHON_frameworks := 3.13
CLIENT_PYTHON_litellm := 3.11
CLIENT_PYTHON_litellm-proxy := 3.13
# What only the environment of the frameworks can type-check.
CLIENT_FRAMEWORKS := $(patsubst %,src/spendgate/integrations/%.py,langchain openai_agents pydantic_ai) \
    tests/integrations/frameworks/*.py
CLIENT_STAMPS := $(CLIENT_ENVS:%=.local/venvs/client-%/.stamp)
CLIENT_LONG_STAMPS := $(CLIENT_LONG_ENVS:%=.local/venvs/client-%/.stamp)

.local/venvs/client-%/.stamp: $(CLIENT)/requirements/%.txt .local/venvs/uv/.stamp
	@$(say) "Installing $< into .local/venvs/client-$*"
	@$(UV) venv --quiet --clear --python $(CLIENT_PYTHON_$*) .local/venvs/client-$* 2>/dev/null || { \
	    $(say) "Python $(CLIENT_PYTHON_$*) is not installed; testing $* with another"; \
	    $(UV) venv --quiet --clear --python .local/venvs/uv/bin/python .local/venvs/client-$*; }
	@$(UV) pip sync --quiet --require-hashes \
	    --python .local/venvs/client-$*/bin/python $<
	@touch $@

bench: .local/venvs/client-openai3/.stamp

client-models: .venv/.stamp ## Write the client's models and its synchronous code anew
	@mkdir -p .local
	@$(BIN)/python $(CLIENT)/tools/openapi_document.py > .local/openapi.json
	@$(BIN)/python $(CLIENT)/tools/generate_models.py .local/openapi.json $(CLIENT)/src/spendgate
	@$(BIN)/python $(CLIENT)/tools/unasync.py $(CLIENT)/src/spendgate
	@$(BIN)/ruff check --quiet --fix $(CLIENT)/src && $(BIN)/ruff format --quiet $(CLIENT)/src

# What runs side by side: the suites that need no SDK, the scenarios with each SDK set, and the
# integrations.
CLIENT_RUNS := core openai3 openai2 mcp frameworks litellm
CLIENT_ARGS_core311 := openai2 --ignore=tests/sdk --ignore=tests/integrations
CLIENT_ARGS_core := openai3 --ignore=tests/sdk --ignore=tests/integrations
CLIENT_ARGS_openai3 := openai3 tests/sdk
CLIENT_ARGS_openai2 := openai2 tests/sdk --ignore=tests/sdk/test_readme.py
CLIENT_ARGS_mcp := mcp tests/integrations/test_mcp.py
CLIENT_ARGS_frameworks := frameworks tests/integrations/frameworks
# LiteLLM leaves its asynchronous connections to the garbage collector.
LITELLM_WARNINGS := -W ignore::ResourceWarning -W ignore::pytest.PytestUnraisableExceptionWarning
CLIENT_ARGS_litellm := litellm $(LITELLM_WARNINGS) tests/integrations/test_litellm.py

# $(call client-runs,names): run those, show what each printed, fail if one failed.
define client-runs
	@mkdir -p .local; cd $(CLIENT); pids=""; failed=0; \
	$(foreach name,$(1),set -- $(CLIENT_ARGS_$(name)); environment=$$1; shift; \
	    ../../.local/venvs/client-$$environment/bin/python -m pytest -q "$$@" \
	    > ../../.local/test-client-$(name).log 2>&1 & pids="$$pids $$!";) \
	for pid in $$pids; do wait $$pid || failed=1; done; \
	for name in $(1); do echo "-- $$name"; cat ../../.local/test-client-$$name.log; done; \
	exit $$failed
endef

test-client: .venv/.stamp $(CLIENT_STAMPS) ## Check and test the Python client, each SDK set beside the other
	@$(say) "Client: types (mypy --strict)"
	@cd $(CLIENT) && ../../.local/venvs/client-openai3/bin/mypy
	@cd $(CLIENT) && ../../.local/venvs/client-frameworks/bin/mypy --cache-dir .mypy_cache/frameworks $(CLIENT_FRAMEWORKS)
	@$(say) "Client: tests ($(CLIENT_RUNS))"
	$(call client-runs,$(CLIENT_RUNS))

test-client-long: .venv/.stamp $(CLIENT_STAMPS) $(CLIENT_LONG_STAMPS) ## Make 1,000 random calls per SDK set, and break each rule of the client once
	@$(say) "Client: the suites that need no SDK, with Python 3.11"
	$(call client-runs,core311)
	@$(say) "Client: every scenario and call with openai 2, on DynamoDB Local"
	@export WHOLE_TABLE=1 SPENDGATE_ENGINE=dynamodb_local; cd $(CLIENT) && \
	    ../../.local/venvs/client-openai2/bin/python -m pytest -q tests/sdk --ignore=tests/sdk/test_readme.py
	@$(say) "Client: every scenario with every framework"
	@export WHOLE_TABLE=1; cd $(CLIENT) && \
	    ../../.local/venvs/client-frameworks/bin/python -m pytest -q tests/integrations/frameworks/test_scenarios.py
	@$(say) "Client: LiteLLM's SDK with every driver, then its proxy with four workers"
	@export WHOLE_TABLE=1; $(MAKE) litellm-table
	@$(say) "Client: the programs of the pages, against the local stack"
	@$(MAKE) up
	@export SPENDGATE_TEST_STACK=$(CURDIR)/.local/stack.json; cd $(CLIENT); \
	$(foreach name,mcp frameworks litellm,../../.local/venvs/client-$(name)/bin/python -m pytest -q \
	    $(wordlist 2,9,$(CLIENT_ARGS_$(name))) -k page;)
	@$(say) "Client: random calls"
	@export SPENDGATE_CLIENT_CALLS=1000; for name in $(CLIENT_SDKS); do \
	    (cd $(CLIENT) && ../../.local/venvs/client-$$name/bin/python -m pytest -q tests/sdk/test_random.py); \
	done
	@$(say) "Client: broken rules"
	@cd $(CLIENT) && ../../.local/venvs/client-openai3/bin/python tools/mutants.py

frameworks-table: .venv/.stamp .local/venvs/client-frameworks/.stamp ## Print the scenario table of the frameworks
	@cd $(CLIENT) && PYTHONPATH=src ../../.local/venvs/client-frameworks/bin/python -m tests.integrations.frameworks.report

LITELLM_ROWS := .local/litellm-rows.jsonl
litellm-table: .venv/.stamp .local/venvs/client-litellm/.stamp .local/venvs/client-litellm-proxy/.stamp ## Test LiteLLM's SDK and proxy, and print the scenario table
	@rm -f $(LITELLM_ROWS)
	@export SPENDGATE_ROWS=$(CURDIR)/$(LITELLM_ROWS); cd $(CLIENT); for name in litellm litellm-proxy; do \
	    ../../.local/venvs/client-$$name/bin/python -m pytest -q $(LITELLM_WARNINGS) \
	        tests/integrations/test_$$(echo $$name | tr - _).py; \
	done
	@cd $(CLIENT) && PYTHONPATH=src ../../.local/venvs/client-litellm/bin/python -m tests.support.rows ../../$(LITELLM_ROWS)

lock-client: .local/venvs/uv/.stamp ## Resolve the client's requirements anew and pin them with hashes
	@for name in $(CLIENT_ENVS) $(CLIENT_LONG_ENVS); do \
	    $(say) "Resolving $(CLIENT)/requirements/$$name.in"; \
	    $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	        $(CLIENT)/requirements/$$name.in -o $(CLIENT)/requirements/$$name.txt; \
	done

.PHONY: client-models test-client lock-client

# The Python client: an environment per SDK set, each with the Python that it is tested on.
CLIENT := clients/python
CLIENT_ENVS := openai3 openai2
CLIENT_PYTHON_openai3 := 3.13
CLIENT_PYTHON_openai2 := 3.11
CLIENT_STAMPS := $(CLIENT_ENVS:%=.local/venvs/client-%/.stamp)

.local/venvs/client-%/.stamp: $(CLIENT)/requirements/%.txt .local/venvs/uv/.stamp
	@$(say) "Installing $< into .local/venvs/client-$*"
	@$(UV) venv --quiet --clear --python $(CLIENT_PYTHON_$*) .local/venvs/client-$*
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes \
	    --python .local/venvs/client-$*/bin/python $<
	@touch $@

client-models: .venv/.stamp ## Write the client's models and its synchronous code anew
	@mkdir -p .local
	@$(BIN)/python $(CLIENT)/tools/openapi_document.py > .local/openapi.json
	@$(BIN)/python $(CLIENT)/tools/generate_models.py .local/openapi.json $(CLIENT)/src/spendgate
	@$(BIN)/python $(CLIENT)/tools/unasync.py $(CLIENT)/src/spendgate
	@$(BIN)/ruff check --quiet --fix $(CLIENT)/src && $(BIN)/ruff format --quiet $(CLIENT)/src

test-client: .venv/.stamp $(CLIENT_STAMPS) ## Check and test the Python client, each SDK set beside the other
	@$(say) "Client: types, then tests with $(CLIENT_ENVS)"
	@cd $(CLIENT) && ../../.local/venvs/client-openai3/bin/mypy
	@cd $(CLIENT) && for name in $(CLIENT_ENVS); do \
	    ../../.local/venvs/client-$$name/bin/python -m pytest $(PYTEST_ARGS) \
	        > ../../.local/test-client-$$name.log 2>&1 & pids="$${pids:-} $$!"; \
	done; \
	for pid in $$pids; do wait $$pid || failed=1; done; \
	for name in $(CLIENT_ENVS); do echo "-- $$name"; cat ../../.local/test-client-$$name.log; done; \
	exit $${failed:-0}

lock-client: .local/venvs/uv/.stamp ## Resolve the client's requirements anew and pin them with hashes
	@for name in $(CLIENT_ENVS); do \
	    $(say) "Resolving $(CLIENT)/requirements/$$name.in"; \
	    $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	        $(CLIENT)/requirements/$$name.in -o $(CLIENT)/requirements/$$name.txt; \
	done

# What people do here: serve, test, check, bench. Each target makes what it needs.

PYTHON ?= python3
VENV   := .venv
UV     := $(VENV)/bin/uv
SERVE  := $(VENV)/.serve
DEV    := $(VENV)/.dev

.DEFAULT_GOAL := help
.PHONY: help serve test check format bench lock clean

help:  ## Show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

serve: $(SERVE)  ## Start the server, as `cloche serve` does (ARGS="--port 8081")
	@exec $(VENV)/bin/cloche serve $(ARGS)

test: $(DEV)  ## Install what the tests need, services included, and run them on every Python here
	@scripts/install-services
	@scripts/install-clients
	@scripts/test $(ARGS)

check: $(DEV)  ## Formatting, lint, types, import contracts
	@$(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

format: $(DEV)  ## Put the code into the house's shape
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

bench: $(DEV)  ## Measure against nginx and the peers, in one run
	@benchmarks/install
	@$(VENV)/bin/python -m benchmarks $(ARGS)

lock: $(DEV)  ## Work the locked requirements out anew
	@scripts/lock

clean:  ## Remove what the other targets made (not cloche-data)
	rm -rf $(VENV) .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cloche needs Python 3.11 or later; name one with make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

$(SERVE): $(UV) requirements/serve.txt pyproject.toml
	@$(UV) pip install --quiet --compile-bytecode --python $(VENV) --require-hashes -r requirements/serve.txt
	@$(UV) pip install --quiet --compile-bytecode --python $(VENV) --no-deps --editable .
	@touch $@

$(DEV): $(SERVE) requirements/dev.txt
	@$(UV) pip install --quiet --compile-bytecode --python $(VENV) --require-hashes -r requirements/dev.txt
	@touch $@

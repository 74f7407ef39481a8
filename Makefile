# The two commands of the README, and what continuous integration runs. All of it sets itself up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# compiled when the package is installed; with the development environment, edited ones are compiled on use
KERNELS := $(shell find src/lmloop/kernels -name '*.py' -o -name signatures.json)

.PHONY: help quickstart test jit slow check format lint layers types docs setup clean

help:  ## say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

quickstart: $(VENV)/.installed  ## set up, and run the main job: from the text of your own Python to a small model
	$(BIN)/lmloop run quickstart

test: $(VENV)/.dev  ## set up, and run the tests
	$(BIN)/python -m pytest -n auto

jit: $(VENV)/.dev  ## run the tests of kernels with what numba compiles on use, and nothing that was compiled ahead
	LMLOOP_KERNELS=jit $(BIN)/python -m pytest -n auto tests/kernels

slow: $(VENV)/.dev  ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: format lint layers types test  ## all that must hold before a change lands (the docs are checked by tests)

format: $(VENV)/.dev  ## is every file formatted?
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev  ## what the linter says
	$(BIN)/ruff check .

layers: $(VENV)/.dev  ## do imports only point downwards?
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev  ## what the type checker says
	$(BIN)/mypy

docs: $(VENV)/.dev  ## write the generated parts of docs/reference again
	$(BIN)/python -m lmloop.faces.reference --write

setup: $(VENV)/.dev  ## only set up the development environment

clean:  ## remove the environment and all caches
	rm -rf src/lmloop/kernels/compiled* $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lmloop needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml constraints.txt $(KERNELS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable '.[train]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed

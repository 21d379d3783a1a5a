# `make demo` and `make test` work on a fresh Debian machine with python3: they set
# themselves up in .venv, with no network but the package index (and, for the tests, Debian's).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check bench servers clean

demo: $(VENV)/demo.done
	$(BIN)/linli demo $(DEMO)

test: $(VENV)/dev.done servers check
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

bench: $(VENV)/bench.done servers
	$(BIN)/python -m tests.bench $(BENCH)

servers:
	sh tests/install-servers.sh

$(BIN)/python:
	sh tests/make-venv.sh $(PYTHON) $(VENV)

$(VENV)/demo.done: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[all]'
	touch $@

$(VENV)/dev.done: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/demo.done

$(VENV)/bench.done: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	touch $@ $(VENV)/dev.done $(VENV)/demo.done

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# make demo   crop the example photos into out/        make test   lint, types and tests
# Both need nothing but make and Python 3.11 or newer, make their own .venv and can be repeated at will.
# Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet

.PHONY: demo test lint types tests clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed-core
	@echo "Cropping the example photos into out/ ..."
	$(BIN)/cadrage crop examples/photos/*.jpg -n 3 -o out --overwrite --preview out/preview.png --report text
	@echo "Done: the crops are in out/, drawn and ranked in out/preview.png."

test: lint types tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(VENV)/.installed-dev
	$(BIN)/mypy

tests: $(VENV)/.installed-dev
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

clean:
	rm -rf out dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps remember what was installed, so that pip runs again only when the requirements changed.
$(VENV)/.installed-core: pyproject.toml | $(BIN)/python
	@echo "Installing the light core into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the tests need into $(VENV) (a framework among it; this takes a while) ..."
	@$(PIP) --constraint constraints.txt --editable '.[dev,train]'
	@touch $@ $(VENV)/.installed-core

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Cadrage needs Python 3.11 or newer; name one, e.g. make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

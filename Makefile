# Every target creates .venv when it is missing and installs the pinned environment into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 12))'
# one process a core; a process that runs out of tests takes over those of another
PARALLEL := -n logical --dist worksteal
# what compiles most models runs in processes of its own: compiled code is never given back
APART := tests/contract tests/families

.PHONY: install demo test test-all fast lint bench clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) $(NEW_ENOUGH) 2>/dev/null || { \
	  echo "bayesma needs Python 3.12 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing)." \
	       "Install Python 3.12, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@if [ -x $(BIN)/python ]; then $(BIN)/python $(NEW_ENOUGH) || rm -rf $(VENV); fi
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(INSTALLED)

demo: install
	$(BIN)/bayesma run zhou2020 --out out/zhou2020

test: install
	$(BIN)/python -m pytest $(PARALLEL) -m "not long" $(APART)
	$(BIN)/python -m pytest $(PARALLEL) -m "not long" $(APART:%=--ignore %)

# everything: what `make test` runs, then what is long for its own sake
test-all: test
	$(BIN)/python -m pytest $(PARALLEL) -m long

fast: install
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not long"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m pytest --override-ini addopts="" tests/benchmarks --benchmark-only \
	  --benchmark-columns=min,median,max,rounds --benchmark-json=$(VENV)/benchmarks.json
	$(BIN)/python tests/benchmarks/tabulate.py $(VENV)/benchmarks.json README.md

clean:
	rm -rf $(VENV) build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

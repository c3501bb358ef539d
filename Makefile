# Two commands: `make demo` (see it work) and `make test` (see that it is right). Needs Python 3.11 to 3.14, make and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SERVE ?= 1

# An environment knows the place it was made in; a moved clone makes a new one.
ifneq ($(shell cat $(VENV)/.base 2>/dev/null),$(CURDIR))
$(shell rm -f $(VENV)/.base $(VENV)/.dev $(VENV)/.demo)
endif

.PHONY: demo test reliability lint lock clean

demo: $(VENV)/.demo
	$(BIN)/lianxin demo $(if $(filter 0,$(SERVE)),--no-serve)

test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

# The long forms of what docs/reliability.md shows: some hours.
reliability: $(VENV)/.dev
	$(BIN)/python -m pytest -q -m load tests/serving

lint: $(VENV)/.dev
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

# Installs are by hash from the lock and are done again only when it changes. The development set holds the demo's.
$(VENV)/.demo: requirements/demo.txt pyproject.toml
	@test -e $(VENV)/.dev || { set -e; $(MAKE) --no-print-directory $(VENV)/.base; echo "installing (about a minute)"; \
	  $(BIN)/python -m pip install --quiet --quiet --require-hashes -r requirements/demo.txt; \
	  $(BIN)/python -m pip install --quiet --quiet --no-deps --no-build-isolation --editable .; }
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml
	@$(MAKE) --no-print-directory $(VENV)/.base
	@echo "installing (about a minute)"
	@$(BIN)/python -m pip install --quiet --quiet --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.base:
	@$(PYTHON) -c 'import sys; sys.exit("Lianxin needs Python 3.11 to 3.14, found " + sys.version.split()[0] + "; name one with make PYTHON=python3.12") if not (3, 11) <= sys.version_info[:2] < (3, 15) else 0'
	$(PYTHON) -m venv --clear $(VENV)
	@printf '%s\n' '$(CURDIR)' > $@

lock:
	requirements/lock.sh

clean:
	rm -rf $(VENV) work build *.egg-info

# Every target sets the project up first when it has to: a virtual environment in .venv holding exactly what
# requirements.lock names, and this project installed editable. `make help` lists the targets.

PYTHON ?=
# Test files run side by side on so many processes: one more than the cores of a small machine, since some wait.
WORKERS ?= 3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PEERS  := .venv-peers
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11

# Nobody's telemetry: the code says so too, this covers the tools we call.
export DAGSTER_DISABLE_TELEMETRY := yes
export MLFLOW_DISABLE_TELEMETRY := true
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
# The interpreter is the one found below, never a downloaded one.
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: engine meridian help setup demo refresh ingest publish ui docs test test-fast lint format lock bench clean clean-data

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## create or refresh .venv (the other targets do it by themselves)

demo: $(READY)  ## run the whole graph on the sample world; print the ROI table and the budget
	@test -z "$(DRY)" || { echo "DRY=1 goes with ingest and refresh"; exit 2; }
	@$(BIN)/python -m orchestration.demo

refresh: $(READY)  ## load what has landed and refresh one model: make refresh MODEL=name (WEEKS=12: and the weeks before, in brief, or WHOLE=1; DRY=1: only say what it would do)
	@test -n "$(MODEL)" || { echo "Name one: make refresh MODEL=name, with name from:"; \
	  ls "$${MMM_MODELS_DIR:-models}" | sed -n 's/^\(.*\)[.]yaml$$/  \1/p'; exit 2; }
	@$(BIN)/python -m orchestration.refresh $(MODEL) $(if $(AS_OF),--as-of $(AS_OF)) $(if $(WEEKS),--weeks $(WEEKS)) $(if $(WHOLE),--whole) $(if $(DRY),--dry-run)

ingest: $(READY)  ## load what has landed and build the marts, without a fit (DRY=1: only say what it would do)
	@$(BIN)/python -m orchestration.ingest $(if $(DRY),--dry-run)

publish: $(READY)  ## build the reporting marts and publish them (ACCEPT="names" of models or marts that may go)
	@test -z "$(DRY)" || { echo "DRY=1 goes with ingest and refresh"; exit 2; }
	@$(BIN)/python -m orchestration.publish $(if $(ACCEPT),--accept $(ACCEPT))

ui: $(READY)  ## open Dagster, with MLflow beside it
	@$(BIN)/python -m orchestration.ui

docs: $(READY)  ## serve the documentation: guide, assets, marts, expectations
	@$(BIN)/python -m orchestration.docs

test: $(READY)  ## run every test
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-fast: $(READY)  ## run the tests that take seconds
	@$(BIN)/pytest -m "not slow"

# SQL takes half a minute of its own: it is looked at beside the rest, and told after it.
lint: $(READY)  ## check style, types, imports and SQL
	@sql="sqlfluff lint --disable-progress-bar dbt_project"; told=$$(mktemp); failed=; \
	$(BIN)/$$sql >"$$told" 2>&1 & in_sql=$$!; \
	trap 'kill $$in_sql 2>/dev/null; rm -f "$$told"' EXIT; trap 'exit 130' INT TERM; \
	for check in "ruff check" "ruff format --check" mypy "lint-imports --no-cache"; do \
	  $(BIN)/$$check || failed="$$failed\n  $$check"; \
	done; \
	wait $$in_sql || failed="$$failed\n  $$sql"; \
	cat "$$told"; \
	test -z "$$failed" || { printf "Not clean:$$failed\n" >&2; exit 1; }

format: $(READY)  ## put imports, layout and SQL in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --disable-progress-bar dbt_project

engine: $(READY)  ## set up an engine that has an environment of its own: make engine E=meridian
	@test -n "$(E)" || { echo "Name one: make engine E=meridian"; exit 2; }
	@$(BIN)/mmm engine $(E)

# The peers are installed for the benchmarks that compare with them, each in an environment of its own: that of Meridian
# is the engine's.
PEERS_READY := meridian $(PEERS)/pymc_marketing/.ready
NEED_PEERS  := national geo accuracy real calibration

bench: $(READY) $(if $(filter $(NEED_PEERS),$(B)),$(PEERS_READY))  ## run a benchmark: make bench B=national
	@test -n "$(B)" || { echo "Name one: make bench B=NAME, with NAME from:"; \
	  ls benchmarks | grep '^[a-z].*[.]py$$' | sed 's/^/  /; s/[.]py$$//'; exit 2; }
	@$(BIN)/python -m benchmarks.$(B) $(ARGS)

lock: $(READY)  ## compile the lock files anew (UPGRADE=1 takes newer releases)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --extra platform --extra pymc --extra dev pyproject.toml -o requirements.lock
	@$(COMPILE) --constraint requirements.lock --extra platform pyproject.toml -o requirements-runtime.lock
	@$(COMPILE) --constraint requirements.lock requirements-bootstrap.in -o requirements-bootstrap.lock
	@for part in mmm_core/inference/engines/meridian/requirements benchmarks/peers/pymc_marketing; do \
	  $(COMPILE) $(if $(UPGRADE),--upgrade) $$part.in -o $$part.lock || exit 1; \
	done

meridian: $(READY)
	@$(BIN)/mmm engine meridian

$(PEERS)/%/.ready: benchmarks/peers/%.lock | $(READY)
	@echo "Bringing $(@D) in line with $< (0.8 to 3 GB the first time) ..."
	@test -x $(@D)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(@D)
	@$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(@D)/bin/python $<
	@touch $@

clean:  ## remove caches and build leftovers (keeps .venv and .data)
	@rm -rf .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info logs dbt_project/target dbt_project/logs
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

clean-data:  ## remove .data: warehouse, posteriors, MLflow and Dagster history
	@rm -rf .data

$(READY): requirements-bootstrap.lock requirements.lock pyproject.toml
	@set -e; \
	python=; for p in $(PYTHON) $(if $(PYTHON),,python3 python3.13 python3.12 python3.11); do \
	  if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then python=$$p; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "carryover needs Python 3.11, 3.12 or 3.13; $(or $(PYTHON),python3) here is: $$($(or $(PYTHON),python3) --version 2>&1 || true)" >&2; \
	  echo "Install one of them, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; \
	fi; \
	if ! $(BIN)/python -c 'import pip' 2>/dev/null; then \
	  echo "Creating $(VENV) with $$($$python --version) ..."; \
	  rm -rf $(VENV); \
	  $$python -m venv $(VENV) >$(VENV).log 2>&1 || { \
	    cat $(VENV).log >&2; rm -rf $(VENV) $(VENV).log; \
	    echo "$$python could not create a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
	  rm -f $(VENV).log; \
	fi; \
	echo "Bringing $(VENV) in line with requirements.lock (1.5 GB and a few minutes the first time) ..."; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock; \
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements.lock; \
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .; \
	touch $(READY)

# All that a newcomer types; CI runs the same targets. Works with GNU make 3.81 and newer.
# `make run`, `make test` and `make check` each set up .venv by themselves; a second call sets up nothing.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
SETUP := pyproject.toml constraints.txt .ci/set-up $(wildcard plugins/*/pyproject.toml)
PLUGINS := $(notdir $(wildcard plugins/*/hub_*))
TESTS_OF_PLUGINS := $(wildcard plugins/*/tests)

# The interpreter to set up with; found by itself when empty.
PYTHON ?=
export PYTHON

.DEFAULT_GOAL := help

.PHONY: help
help: ## List all targets, one line each
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

# Set-up. One stamp for each set of extras, inside the environment that it describes.

$(VENV)/.ready-run: $(SETUP)
	@sh .ci/set-up demo
	@touch "$@"

$(VENV)/.ready-test: $(SETUP)
	@sh .ci/set-up demo,docs,airflow,test
	@touch "$@" $(VENV)/.ready-run

$(VENV)/.ready-check: $(SETUP)
	@sh .ci/set-up demo,docs,airflow,test,lint
	@touch "$@" $(VENV)/.ready-test $(VENV)/.ready-run

# Running

.PHONY: run
run: $(VENV)/.ready-run ## Run the hub against a small simulated county (ONCE=1: one pass, then exit; ARGS="--seed 7")
	@exec $(BIN)/hub demo $(if $(filter-out 0 no,$(ONCE)),--once) $(ARGS)

.PHONY: airflow
airflow: $(VENV)/.ready-test ## Run the DAGs in an Airflow on this machine until Ctrl-C (HUB_CONFIG=..., AIRFLOW_PORT=8080)
	@exec $(BIN)/python .ci/airflow

# Proving

.PHONY: test
test: $(VENV)/.ready-test ## Run all tests (ARGS="-k words"); says how many need a Debian package that is missing
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: check
check: $(VENV)/.ready-check lint types floors docs-check docker-check ## Run every check that is not a test
	@echo "check: all is well"

.PHONY: lint
lint: $(VENV)/.ready-check ## Check style and form (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(VENV)/.ready-check ## Check types (mypy)
	$(BIN)/mypy $(addprefix -p ,hub hub_dags $(PLUGINS))
	$(BIN)/mypy tests $(TESTS_OF_PLUGINS)

.PHONY: floors
floors: $(VENV)/.ready-check ## Check that code imports only downward (import-linter)
	$(BIN)/lint-imports

.PHONY: docs-check
docs-check: $(VENV)/.ready-check ## Check that generated tables and schemas are up to date
	@grep -rlF --include='*.md' '[[[cog' README*.md docs plugins | tr '\n' '\0' | xargs -0 -r $(BIN)/cog -I . --check
	@if [ -e hub/schemas.py ] || [ -e hub/schemas ]; then $(BIN)/python -m hub.schemas --check; fi

.PHONY: docker-check
docker-check: $(VENV)/.ready-check ## Check the Dockerfile (hadolint) and the compose files (compose schema)
	@for file in docker/Dockerfile*; do [ ! -e "$$file" ] || $(BIN)/hadolint "$$file" || exit 1; done
	@for file in docker/compose*.yaml; do \
	    [ ! -e "$$file" ] || $(BIN)/check-jsonschema --builtin-schema vendor.compose-spec "$$file" || exit 1; done

.PHONY: format
format: $(VENV)/.ready-check ## Bring the code into form (ruff)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/.ready-test ## Measure the hub beside its peers; prints ratios (ARGS="--help")
	@$(BIN)/python bench/collect.py $(ARGS)

# Generating

.PHONY: schemas
schemas: $(VENV)/.ready-run ## Write schemas/ anew from the models
	@$(BIN)/python -m hub.schemas

.PHONY: docs
docs: $(VENV)/.ready-test ## Write the generated tables in the docs anew (cog)
	@grep -rlF --include='*.md' '[[[cog' README*.md docs plugins | tr '\n' '\0' | xargs -0 -r $(BIN)/cog -I . -r

.PHONY: pins
pins: ## Write constraints.txt anew: the newest versions that fit, for Python 3.11 and newer
	@sh .ci/pins

.PHONY: clean
clean: ## Remove what set-up, checks and builds leave behind; the demo's data stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

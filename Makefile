# Everything that is done with this checkout. `make help` lists the targets.
# All paths are relative to this file, so that the folder may have any name.

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.SUFFIXES:

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --require-virtualenv
TOOLS := PYTHONPATH=operator:tools:.
CRD := crds/roleshift.dev_rolemigrations.yaml
API_PAGE := docs/reference/api.md
PAGES := $(addprefix docs/reference/,checks.md commands.md metrics.md phases.md reasons.md)
ARGS ?=
SIZE ?= full
# How many workers `auto` means: tests/conftest.py. `make test ARGS=-n0` runs one test after another.
SIDE_BY_SIDE := -n auto --dist worksteal

##@ For everybody

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-19s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: install controlplane ## Three acts on real parts: a migration, its rollback, and one that breaks and comes back.
	@$(TOOLS) $(PY) -m demo $(ARGS)

.PHONY: install
install: $(INSTALLED) ## Create the virtual environment in .venv, with everything pinned.

.PHONY: controlplane
controlplane: install ## Build kube-apiserver, etcd and kubectl once (skipped when KUBEBUILDER_ASSETS has them).
	@$(TOOLS) $(PY) -m localenv.build

.PHONY: clean
clean: ## Remove what the other targets made, the built control plane too.
	rm -rf $(VENV) .cache build operator/roleshift.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Tests

.PHONY: test
test: install controlplane ## Run the whole suite on real API and PostgreSQL servers, side by side.
	@$(PY) -m pytest $(SIDE_BY_SIDE) -m "not long and not observability" $(ARGS)

.PHONY: test-unit
test-unit: install ## Run the tests that need no server.
	@$(PY) -m pytest $(SIDE_BY_SIDE) tests/unit $(ARGS)

.PHONY: test-faults
test-faults: install controlplane ## Run the tests that kill and cut things, the long ones too.
	@$(PY) -m pytest $(SIDE_BY_SIDE) tests/faults $(ARGS)

.PHONY: test-observability
test-observability: install controlplane ## Run the tests that need Prometheus and its tools.
	@$(PY) -m pytest -m observability $(ARGS) || { code=$$?; [ $$code -eq 5 ] && echo "no such tests yet"; }

.PHONY: bench
bench: install controlplane ## Measure, and compare with a plain UPDATE; SIZE=small ends in two minutes.
	@$(TOOLS) $(PY) -m benchmarks --size "$(SIZE)" $(ARGS)

##@ Development

.PHONY: lint
lint: lint-style lint-types lint-layers generated-check ## Check style, types, layers, and that generated files are fresh.

.PHONY: lint-style
lint-style: install
	@$(PY) -m ruff check --output-format concise .
	@$(PY) -m ruff format --check .

.PHONY: lint-types
lint-types: install
	@$(PY) -m mypy

.PHONY: lint-layers
lint-layers: install
	@$(VENV)/bin/lint-imports --no-logo

.PHONY: format
format: install ## Put the code into the house's format.
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

.PHONY: crds
crds: install ## Write the CRD and the reference pages anew from the code.
	@$(MAKE) generate FOLDER=.

.PHONY: generated-check
generated-check: install
	@rm -rf .cache/generated && $(MAKE) generate FOLDER=.cache/generated
	@for file in $(CRD) $(API_PAGE) $(PAGES); do \
		diff -u "$$file" ".cache/generated/$$file" || { echo "$$file is stale: run 'make crds'"; exit 1; }; \
	done && echo "Generated files are fresh."

.PHONY: generate
generate:
	@mkdir -p "$(FOLDER)/$(dir $(CRD))" "$(FOLDER)/$(dir $(API_PAGE))"
	@$(PY) -m roleshift.api.crd > "$(FOLDER)/$(CRD).new"
	@$(PY) -m roleshift.api.reference > "$(FOLDER)/$(API_PAGE).new"
	@for file in $(CRD) $(API_PAGE); do mv "$(FOLDER)/$$file.new" "$(FOLDER)/$$file"; done
	@$(TOOLS) $(PY) -m reference "$(FOLDER)/docs/reference"

.PHONY: requirements
requirements: ## Pin the newest versions anew from requirements/*.in (needs uv).
	@requirements/compile --upgrade

$(INSTALLED): pyproject.toml requirements/dev.txt
	@[ -n "$(PYTHON)" ] || { echo "Roleshift needs Python 3.11 or newer, and finds none on the PATH." >&2; exit 1; }
	@echo "virtual environment: installing into $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --requirement requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

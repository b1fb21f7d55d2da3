# The tasks of a developer; `make` without a target lists them.
PYTHON ?= python3
BIN := .venv/bin
# pip installs into the new environment from outside, because Debian's python3 without python3-venv cannot install pip in one.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet
DIST := dist
# where docs/alerts.md is published: the links of the Prometheus rules lead there
RUNBOOKS := https://runbooks.example.org/alerts.md
.DEFAULT_GOAL := help
.PHONY: help install demo lint check test bench dashboards released picture lock release clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: .venv/installed ## Create .venv and install usage-exporter in it

.venv/installed: pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'usage-exporter needs Python 3.11 or newer: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'Installing usage-exporter into .venv (downloads about 300 MB, takes a minute) ...'
	@$(PYTHON) -m venv --without-pip .venv
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --editable .
	@touch $@
	@echo 'Installed: .venv/bin/usage-exporter'

.venv/developing: .venv/installed requirements-dev.txt
	@echo 'Installing the development tools ...'
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

demo: .venv/installed ## Generate 30 days of traffic of a portal, print its report, write it as demo.html
	@$(BIN)/usage-exporter demo
	@$(BIN)/usage-exporter report --domain demo.example.org --format html -o demo.html
	@echo 'Wrote demo.html, the same report as a page: open it in a browser'

lint: .venv/developing
	@echo 'ruff: style and common mistakes'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo 'mypy: types'
	@$(BIN)/mypy

check: lint ## Check style and types, run the quick tests: about a minute
	@echo 'pytest: quick tests'
	@$(BIN)/pytest -m 'not slow'

test: lint ## Check style and types, run all tests: less than ten minutes
	@echo 'pytest: all tests'
	@$(BIN)/pytest

bench: .venv/developing ## Measure the speed, and compare with GoAccess if it is installed
	@$(BIN)/python bench/run.py

dashboards: .venv/developing ## Generate the Grafana pages and alerts
	@$(BIN)/python -m grafana.build

released: .venv/developing ## Save a small database of a new schema for the upgrade tests
	@$(BIN)/python tests/released.py

picture: .venv/developing ## Draw the README's pictures again from the demo
	@$(BIN)/python docs/picture.py

lock: .venv/developing ## Pin the newest versions of the dependencies
	@$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --extra fast pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --extra fast --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt

release: .venv/developing ## Build wheel, sdist, pinned requirements, SBOM and Prometheus rules in dist/
	@rm -rf $(DIST)
	@$(BIN)/python -m build --quiet --no-isolation --outdir $(DIST)
	@cp requirements.txt $(DIST)
	@# it warns that a list of pins does not say which dependency needs which
	@$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
	  --output-file $(DIST)/usage-exporter.cdx.json requirements.txt
	@sed 's|https://runbooks.example.org/alerts.md|$(RUNBOOKS)|' docs/prometheus-rules.yaml >$(DIST)/usage-exporter-rules.yaml
	@cd $(DIST) && sha256sum * >SHA256SUMS
	@ls $(DIST)

clean: ## Remove .venv and the caches of the tools
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist grafana/types/node_modules

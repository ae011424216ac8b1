# Every target does its own set-up: a fresh clone needs Python 3.11 or 3.12, git and make.
# Only what is missing or out of date is done again.

VENV ?= .venv
PYTHON ?=
# Test processes: each takes up to 4 GB with TensorFlow and a browser.
JOBS ?= 2
export VENV PYTHON

# Absolute: tests run in folders of their own, where they look at every file.
export COVERAGE_FILE := $(CURDIR)/build/coverage/.coverage

# TensorFlow's start-up lines, and a search for a GPU that would change the numbers.
export TF_CPP_MIN_LOG_LEVEL := 3
export CUDA_VISIBLE_DEVICES := -1
# What is measured or tested is done, not taken from the cache of conversions.
export EDGE_DEPLOY_CACHE :=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

RUN := $(VENV)/bin/python -m
INSTALLED := $(VENV)/.installed
VENDOR := web_demo/vendor/LICENSES.txt
VENDOR_SOURCES := $(wildcard $(addprefix web_demo/,package.json package-lock.json .npmrc build.mjs kernels.mjs inside-wasm.txt \
  src/*.js src/*.json src/*/*.js src/*/*.json))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help quickstart check test coverage test-next bench zoo journeys faults fuzz kills soak audit lock docs reference screenshots wheel setup vendor browser clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

quickstart: setup ## train the examples, convert, verify, build the page: build/
	@$(VENV)/bin/edge-deploy quickstart -o build
	@echo "Here edge-deploy is $(VENV)/bin/edge-deploy"

check: $(INSTALLED) vendor ## style, types, imports, documentation, fast tests
	@$(RUN) ruff check --quiet .
	@$(RUN) ruff format --diff --quiet .
	@$(RUN) mypy --no-error-summary
	@said=$$($(VENV)/bin/lint-imports --no-cache --no-logo 2>&1) || { echo "$$said"; exit 1; }
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet --strict
	@$(RUN) pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not slow"

TEST := $(RUN) pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder
test: setup ## all tests
	@tools/setup.sh libraries
	@$(TEST) --durations=40 --durations-min=10

coverage: setup ## all tests again, and how much of the package they reach
	@tools/setup.sh libraries
	@mkdir -p build/coverage
	@$(TEST) --cov --cov-report= --cov-fail-under=91

# The core: reading, converting, running and comparing, the commands, and the wheel as installed.
NEXT_SLOW := tests/formats tests/frontends tests/optimize tests/api/test_convert.py \
  tests/cli/test_windows.py tests/test_install.py
NEXT := core data artifact codegen formats frontends verification optimize api cli
test-next: setup ## the core of the tests, on Python 3.13 with TensorFlow 2.21
	@tools/setup.sh next
	@$(VENV)-next/bin/python -m pytest -q -n $(JOBS) --dist loadfile -m "not slow" $(NEXT:%=tests/%)
	@$(VENV)-next/bin/python -m pytest -q -n $(JOBS) --dist loadfile -m slow $(NEXT_SLOW)

bench: setup ## measure speed and size against other tools
	@for script in tests/benchmarks/bench_*.py; do $(VENV)/bin/python "$$script" || exit 1; done

zoo: setup ## compare every network of keras.applications, and every layer on all backends
	@$(RUN) tests.benchmarks.zoo
	@EDGE_DEPLOY_ZOO=1 $(RUN) pytest -q tests/formats/test_every_layer.py \
	  tests/formats/tfjs/test_rewrites.py

journeys: setup ## ask the page 200 inputs of each of twelve project folders, on wasm and webgl
	@EDGE_DEPLOY_JOURNEYS=1 $(RUN) pytest -q tests/projects/test_tables.py tests/projects/test_texts.py

fuzz: setup ## ask about 10,000 damaged models, archives, artifacts, data and command lines
	@$(VENV)/bin/python -m tests.fuzz

kills: setup ## kill commands at 60 moments each, and many commands on one folder
	@$(VENV)/bin/python -m tests.fuzz.kills
	@$(VENV)/bin/python -m tests.fuzz.concurrency

soak: setup ## 10,000 samples in the page on each backend, 200 fresh visitors, 100,000 requests to serve
	@$(VENV)/bin/python -m tests.fuzz.soak
	@EDGE_DEPLOY_VISITORS=200 $(RUN) pytest -q tests/page/test_releases.py -k visitors

audit: $(INSTALLED) ## look for known vulnerabilities in everything that is installed or shipped
	@$(VENV)/bin/python tools/audit.py

lock: $(INSTALLED) ## write requirements.txt, the hashes of what constraints.txt names
	@$(VENV)/bin/python tools/write_requirements.py

faults: setup ## put faults into converted files, and count those that verify catches
	@$(RUN) tests.benchmarks.bench_faults

docs: $(INSTALLED) ## build the documentation: build/docs/
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet --strict

reference: $(INSTALLED) ## write the pages of docs/ that the program itself knows
	@$(VENV)/bin/python tools/write_reference.py
	@$(VENV)/bin/python tools/draw_imports.py

screenshots: quickstart ## take the pictures of docs/images/ anew
	@$(VENV)/bin/python tools/take_screenshots.py

wheel: $(INSTALLED) vendor ## the package to install elsewhere: dist/
	@$(RUN) build --wheel >/dev/null
	@ls dist/*.whl

setup: $(INSTALLED) vendor browser ## the virtual environment, the page's runtimes, a browser

vendor: $(VENDOR)

browser: $(INSTALLED)
	@tools/setup.sh browser

clean: ## remove what was built (.venv, artifacts/ and examples/ stay)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache web_demo/vendor web_demo/node_modules
	find edge_deploy tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@tools/setup.sh venv

$(INSTALLED): pyproject.toml requirements.txt | $(VENV)/bin/python
	@tools/setup.sh install
	@touch $@

$(VENDOR): $(VENDOR_SOURCES) | $(INSTALLED)
	@tools/setup.sh vendor
	@touch $@

# Each target sets up what it needs: .venv, and bubblewrap for the box. docs/CONTRIBUTING.md tells the rest.

BIN := .venv/bin
# Testing is computation but for a sixth of the time, in which limits are waited for: three workers fill two cores.
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types check docs wheel clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/'

setup: ## Make .venv, install what is missing
	@.ci/setup

demo: setup ## Grade a class of thirty in a scratch folder
	@$(BIN)/autograder demo

# A file's tests stay together (loadfile): what they share, a box or a graded class, is made once.
# (Groups of pytest-xdist 3.8 do nothing under pytest 9.2, silently.) The longest files come first, by
# tests/conftest.py; left to itself xdist takes those with most tests.
test: setup ## Run all tests
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations 5

lint: setup ## Style, by ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: setup ## Types, by mypy
	@$(BIN)/mypy

check: lint types ## Style and types

docs: setup ## The pages as a site, in build/site
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -d build/doctrees docs build/site

wheel: setup ## Build the wheel, and go an instructor's way with it outside of the checkout
	@.ci/wheel

clean: ## Remove .venv and caches, never a course's records
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist ./*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

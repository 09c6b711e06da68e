# `make help` lists the targets. Each makes `.venv` first where it is missing
# or older than the lock file; `PYTHON=python3.12` chooses another Python.
PYTHON ?= python3
VENV := .venv/bin
# One process a processor; `tests/conftest.py` says what stays together.
PYTEST := $(VENV)/python -m pytest --numprocesses auto --maxprocesses 4 \
	--dist loadscope --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: help setup demo test testall quick lint format lock image clean

help: ## list the targets
	@grep -E '^[a-z0-9]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## make .venv from the lock file
	@$(PYTHON) tools/bootstrap.py

demo: setup ## simulate a Chinese mall, run the whole pipeline, show recommendations
	@$(VENV)/daogou encoder build
	@$(VENV)/daogou run --preset demo
	@$(VENV)/daogou search "无线鼠标" --preset demo

test: setup ## the tests, the end-to-end run included
	@$(PYTEST)

testall: setup ## those that take minutes too: devices, workers, Kubeflow, peers
	@DAOGOU_SLOW=1 DAOGOU_KUBEFLOW=1 $(PYTEST)

quick: setup ## the tests that need no pipeline run
	@$(PYTEST) -m "not e2e"

lint: setup ## style, types, and the direction of imports
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports --no-logo

format: setup ## format the code
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

lock: setup ## resolve the lock files anew from setup.py
	@$(PYTHON) tools/lock.py

image: ## build the container image of the pipeline
	docker build -t daogou .

clean: ## remove the environment and everything that runs made
	rm -rf .venv runs build dist *.egg-info

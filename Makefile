# `make demo` and `make test` install all they need into .venv.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash

.PHONY: help demo train-demo test test-networks test-exports test-slow check format types docs bench wheel clean build/dev
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[rtx,models,dev]'
	@touch $@

demo: .venv/installed ## real PyTorch exports, from ONNX to TensorRT engines, without a GPU
	$(BIN)/python fixtures/demo.py

train-demo: .venv/installed ## train a classifier and a segmenter on drawn shapes (minutes)
	$(BIN)/python fixtures/train_demo.py

test: .venv/installed ## the tests, without the slow ones
	$(BIN)/pytest -q -n 2

test-networks: .venv/installed ## convert every network of the registry (some minutes)
	$(BIN)/pytest -q -n 2 -m slow tests/models/test_conversion.py

test-exports: .venv/installed ## export every network in every form, against PyTorch (some minutes)
	$(BIN)/pytest -q -n 2 -m slow tests/models/test_export.py

test-slow: .venv/installed ## all tests that take minutes
	$(BIN)/pytest -q -m slow

check: .venv/installed build/dev ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed ## rewrite the sources in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed ## regenerate the pages in docs/ that come from the code
	$(BIN)/python docs/generate.py

bench: .venv/installed ## measure speed and memory beside the peers (half an hour; BENCH=--quick: minutes)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python tests/benchmarks/folding.py $(BENCH)

# mypy does not see through setuptools' import hook: give it a tree of links with the import names.
build/dev:
	@rm -rf $@ && mkdir -p $@/trtconv && ln -s $(CURDIR)/convert/* $@/trtconv/ \
	  && ln -s $(CURDIR)/passes $(CURDIR)/models $@/trtconv/

wheel: .venv/installed ## build the wheel into dist/
	$(BIN)/python -m build --wheel

clean: ## remove everything generated
	rm -rf .venv build dist *.egg-info

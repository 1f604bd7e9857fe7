# Every chore is one line here, and .ci/run calls the same lines.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: install demo page test lint docs bench clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[dev]'
	touch $@

demo: install
	$(BIN)/lookalike demo

PAGE = src/lookalike/show/page/index.html
page: $(PAGE)

$(PAGE): $(filter-out page/node_modules,$(wildcard page/*)) $(wildcard page/src/* page/src/*/*) | install
	$(BIN)/python page/build.py

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install
	$(PIP) -e '.[docs]'
	$(BIN)/sphinx-build -W -q -b html docs build/docs

FOLDER ?= ../shared/data/clothing
bench: install
	$(BIN)/python benchmarks/build/build.py $(FOLDER)

clean:
	rm -rf $(VENV) build dist page/node_modules src/lookalike/show/page

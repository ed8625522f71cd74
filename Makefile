# make demo   set everything up and show the whole product on a simulated shop
# make test   the quick, complete suite: lint, types, layers, tests, a wheel built and imported
# make check  the slow suites: kill, fault, fuzz and browser runs
# make snippet  build /regard.js anew from web/snippet (needs Node and npm)
# make web      build the console's files anew from web/console (needs Node and npm)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test check lint types layers wheel snippet web format clean

demo: $(STAMP)
	$(BIN)/regard demo demo

test: lint types layers
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile
	$(MAKE) wheel

check: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

web:
	cd web && npm ci --silent --ignore-scripts && npm run --silent types && npm run --silent build

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

wheel: $(STAMP)
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel >/dev/null
	$(BIN)/python -m pip install --quiet --no-deps --no-compile --target build/wheel/site build/wheel/regard-*.whl
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -c "import regard, regard.cli; assert 'build/wheel/site' in regard.__file__.replace(chr(92), '/'), regard.__file__; print('wheel', regard.__version__, 'imports')"

snippet:
	npm --prefix web/snippet ci
	npm --prefix web/snippet run check
	npm --prefix web/snippet test
	npm --prefix web/snippet run build -- --outfile=../../src/regard/serving/static/regard.js

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'Regard needs Python 3.11 or newer; run make PYTHON=python3.12'"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[train,dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist

# make run: carry out the whole assignment.  make test: the whole test suite.  Both make .venv first.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
# one OpenMP thread a process: see docs/performance.md
export OMP_NUM_THREADS = 1

.PHONY: run test lint clean

run: $(VENV)/.installed
	$(BIN)/python main.py

# the house first and alone, as it times --help; then two processes, a test file in one of them: fixtures that train a whole run are shared within a file
test: $(VENV)/.installed
	$(BIN)/python -m pytest tests/base/test_house.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/base/test_house.py

# what CI adds to the tests
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

$(VENV)/.installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-video.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

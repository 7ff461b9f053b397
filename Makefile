# make demo: the whole road on the shipped data.  make test: every test.  Both set up .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Everything that is downloaded or remembered lands inside .venv.
export KGREC_CACHE  := $(CURDIR)/$(VENV)/cache
export PYSTOW_HOME  := $(KGREC_CACHE)/pykeen
export MAVEN_ARGS   := -Dmaven.repo.local=$(KGREC_CACHE)/maven
export MPLCONFIGDIR := $(KGREC_CACHE)/matplotlib
export HF_HUB_OFFLINE ?= 1

.PHONY: setup demo test check clean
setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "kgrec needs Python 3.11 or later: make PYTHON=python3.11")'
	@echo "setting up $(VENV) (PyTorch is large: a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,minilm,dgl,neo4j,dev]'
	@mkdir -p $(KGREC_CACHE)
	@touch $@

demo: setup
	$(BIN)/kgrec run recipes/movielens.toml
	$(BIN)/kgrec recommend recipes/movielens.toml --user 42 -k 5 --explain
	@echo; echo "report: runs/movielens/report/report.html"

# Two processes with a thread each; a file's tests stay together.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# `make reproduce` and `make test` need Python >= 3.11, git and a package index; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
JOBS ?= 3
# DVC's stages call `python -m regard`: this environment's Python comes first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Compiling every imported module anew costs each stage several seconds.
unexport PYTHONDONTWRITEBYTECODE
# What a user's own Python sessions begin with is no part of the environment; text is UTF-8, whatever the locale.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS
export PYTHONUTF8 := 1

.PHONY: reproduce full reference test lint types docs lock clean

# `dvc repro` runs stages one after the other, each on one core; studies know nothing of each other, so JOBS of them run
# beside each other first, each a chain of its own, and the last `dvc repro` runs what gathers them.
# DVC writes dvc.lock in place: what a kill left of it is mended first, and whole versions are kept aside.
define studies
python -m regard lock restore
mkdir -p build
python -m regard targets > build/targets
dvc repro code settings
xargs -P $(JOBS) -L 1 sh -c 'dvc --wait-for-lock repro --single-item "$$@" && python -m regard lock keep' dvc < build/targets
dvc repro
python -m regard lock keep
endef

reproduce: $(VENV)/installed
	$(studies)

# The same with the profile `full`, which stays in params.yaml (set `profile: quick` there again).
full: $(VENV)/installed
	python -c 'from regard.core import atomic, project; file = project.root() / "params.yaml"; atomic.write_text(file, file.read_text("utf-8").replace("profile: quick ", "profile: full ", 1))'
	$(studies)

# The results of this run become what the paper shows and `regard verify` compares with: for those who write the paper.
reference: $(VENV)/installed
	python -m regard lock restore
	dvc repro figures
	python -m regard reference
	dvc repro

test: lint types
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Style of the code, and its layout; `ruff format src tests docs` mends the layout.
lint: $(VENV)/installed
	ruff check src tests docs
	ruff format --check src tests docs

types: $(VENV)/installed
	mypy

# Static pages in build/docs, with the executed notebooks of results/ where there are some.
docs: $(VENV)/installed
	python docs/build_pages.py

$(VENV)/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python -r requirements.lock
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --no-deps -e .
	test -e .git || $(VENV)/bin/dvc config --local core.no_scm true  # a downloaded zip; a repository around it is another one
	touch $@

lock:
	uv pip compile pyproject.toml --group test --group docs --universal --python-version 3.11 --generate-hashes --quiet -o requirements.lock

clean:
	rm -rf build results $(VENV)

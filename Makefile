# The commands of a contributor. Each target first makes what it needs: the virtual environment .venv, from pyproject.toml.
#
#   make test ARGS="-k jvp -x"     hands ARGS to pytest (to the benchmark, under `make bench`)
#   make conformance SUITE=path    where data-apis/array-api-tests is checked out; ARGS="--examples 20" for fewer than 100
#   make test WORKERS=4            test processes; as many as there are processors if not said
#   make PYTHON=python3.13 test    the Python that .venv is made with

VENV := .venv
PY := $(VENV)/bin/python
WORKERS ?= auto
ARGS ?=

# The first Python on the path that is new enough, looked up only when .venv is made.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)

# Two makes at once install one after the other; where there is no flock, take care of that yourself.
LOCK := $(shell command -v flock >/dev/null 2>&1 && echo flock $(VENV).lock)

.DEFAULT_GOAL := help
.PHONY: help test test-all test-native endurance conformance lint format demo bench bench-operators bench-compiled bench-workloads clean
.NOTPARALLEL:

help:
	@echo 'make test       run the tests, less the exhaustive table'
	@echo 'make test-all   run every test there is'
	@echo 'make test-native   run the tests of compiled programs, with memory checked, and as for lesser processors'
	@echo 'make endurance  see that 100,000 compilations and calls leave nothing behind: some twenty minutes'
	@echo 'make conformance SUITE=path   run the tests of the array API standard, checked out there'
	@echo 'make lint       check style, types and the direction of imports'
	@echo 'make format     put the style right'
	@echo 'make demo       run the examples on real data'
	@echo 'make bench      compare speed with other libraries (installs torch, jax and autograd)'
	@echo 'make bench-operators   the same, operator by operator'
	@echo 'make bench-compiled    compiled programs, beside jax.jit and torch'
	@echo 'make bench-workloads   twelve scientific programs and their derivatives, beside jax and torch'
	@echo 'make clean      remove all that the other targets made'

# One process per processor, so one thread each for the linear algebra inside.
test test-all test-native endurance: export OMP_NUM_THREADS = 1
test test-all test-native endurance: export OPENBLAS_NUM_THREADS = 1
test test-all test-native endurance: export MKL_NUM_THREADS = 1

test: $(VENV)/.test
	$(PY) -m pytest -n $(WORKERS) --dist worksteal -m "not exhaustive" $(ARGS)

test-all: $(VENV)/.test
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# What compiled programs are tested by, once more: with each read and write checked, then by code for lesser processors.
# Of random programs only what compares engines, and no exhaustive tables: the rest runs nothing that another processor would change.
COMPARED := 'tests/test_random_programs.py::test_random_programs[engines_agree]'
NATIVE := $(addprefix tests/test_,native*.py workloads.py control_flow.py eager_loops.py indexing.py) $(COMPARED)
PRIMITIVES := $(addprefix tests/test_,native.py native_blocks.py native_numbers.py native_structured.py workloads.py) $(COMPARED)
PROGRAMS := -m pytest -n $(WORKERS) --dist worksteal -m "not exhaustive"

test-native: $(VENV)/.test
	NABLA_CHECK=accesses $(PY) $(PROGRAMS) $(NATIVE) $(ARGS)
	NABLA_TARGET=scalar $(PY) $(PROGRAMS) $(PRIMITIVES) $(ARGS)
	! grep -qw avx2 /proc/cpuinfo || NABLA_TARGET=avx2 $(PY) $(PROGRAMS) $(PRIMITIVES) $(ARGS)

endurance: $(VENV)/.test
	$(PY) tests/endurance.py $(ARGS)

conformance: $(VENV)/.conformance
	$(if $(SUITE),,$(error Say where data-apis/array-api-tests is checked out: make conformance SUITE=path))
	$(PY) tests/conformance.py $(SUITE) $(ARGS)

lint: $(VENV)/.lint
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.lint
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

demo: $(VENV)/.demo
	$(PY) examples/run_all.py $(ARGS)

bench: $(VENV)/.bench
	$(PY) benchmarks/eager.py $(ARGS)

bench-operators: $(VENV)/.bench
	$(PY) benchmarks/operators.py $(ARGS)

bench-compiled: $(VENV)/.bench
	$(PY) benchmarks/compiled.py $(ARGS)

bench-workloads: $(VENV)/.bench
	$(PY) benchmarks/run_workloads.py $(ARGS)

clean:
	rm -rf $(VENV) $(VENV).lock build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	rm -rf examples/output benchmarks/output
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# .venv/.NAME says that the extras NAME of pyproject.toml are installed, as it stands now. A .venv whose Python is gone or
# too old is made anew.
$(VENV)/.%: pyproject.toml
	$(if $(PYTHON),,$(error Nabla needs Python 3.11 or newer and found none: install one, or name it with PYTHON=...))
	@echo "Installing Nabla and what 'make $*' needs into $(VENV); the first time this takes a minute"
	@$(LOCK) sh -ec ' \
		$(PY) -c "import pip, sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || $(PYTHON) -m venv --clear $(VENV); \
		$(PY) -m pip install --quiet --editable ".[$*]"; \
		touch $@'

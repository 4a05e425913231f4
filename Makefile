# Everything that is done to this project, by name. Needs git, make and Python 3.11 or newer (with
# venv and pip), and nothing installed beforehand: each target makes what it lacks.
# POSIX make; each version of Python has a virtual environment of its own, .venv-3.13 for instance.
.POSIX:

PYTHON ?= python3
TAG != $(PYTHON) tools/tag.py
VENV = .venv-$(TAG)
BIN = $(VENV)/bin
RUN = $(BIN)/python
PIP = $(RUN) -m pip --disable-pip-version-check
ARGS =
SCENARIO = threads_cpu
# Processes that run the tests. They wait more than they compute: somewhat more than there are cores.
WORKERS = 3
PARALLEL = -n $(WORKERS) --dist worksteal

.PHONY: compiled help demo test check pytest coverage format test-all stress bench peers accuracy cost census watching tracing side-by-side screenshots schema docs dist hooks clean

help:
	@echo "make demo         watch scenarios/threads_cpu.py in the terminal UI; SCENARIO=leak_cache"
	@echo "make test         everything that must pass: check and pytest"
	@echo "make check        ruff, codespell, mypy, the import contracts"
	@echo "make pytest       the tests alone; ARGS='-k threads -x' goes to pytest; WORKERS=0: one process"
	@echo "make coverage     the tests with the coverage of what runs in their own process"
	@echo "make format       let ruff format and sort"
	@echo "make test-all     make test with every supported CPython found here"
	@echo "make stress       the tests 20 times"
	@echo "make bench        overhead beside a bare run; ARGS='--peers' for other tools too"
	@echo "make peers        the same programs under py-spy and CPython 3.15's profiler; ARGS='--rounds 1'"
	@echo "make accuracy     readings against known programs; ARGS='--python EXE --runs 20 --beside 2'"
	@echo "make cost         what refwatch itself uses"
	@echo "make census       how long a census stops a program of millions of objects"
	@echo "make watching     what thousands of watched objects and classes cost"
	@echo "make tracing      what exact mode costs beside tracemalloc itself"
	@echo "make side-by-side the same work by threads and by processes; ARGS='--rounds 60000'"
	@echo "make screenshots  docs/screenshots, from a recording made now"
	@echo "make schema       the JSON Schema of the snapshot"
	@echo "make docs         the documentation as a site, build/site; warnings are errors"
	@echo "make dist         wheel and sdist, built and checked"
	@echo "make hooks        have git run the checks before each commit"
	@echo "make clean        remove virtual environments and caches"
	@echo
	@echo "PYTHON=python3.13 chooses the interpreter ($(PYTHON) is $(TAG))"

demo: compiled
	$(BIN)/refwatch scenarios/$(SCENARIO).py --seconds 20

test: check pytest

check: $(VENV)/checkers
	@status=0; \
	for command in "ruff check" "ruff format --check" codespell mypy lint-imports; do \
	  tool=$(BIN)/$${command%% *}; \
	  echo "== $$command"; \
	  if [ -x "$$tool" ]; then $(BIN)/$$command || status=1; \
	  else echo "MISSING: $${tool##*/} cannot be installed on Python $(TAG); nothing checked"; fi; \
	done; \
	exit $$status

# Tests marked `alone` compare readings with the clock and want the machine for themselves: they
# run one by one, after all others. pytest's 5 says that ARGS chose none; one of the two may say it.
pytest: $(VENV)/tests compiled
	@beside=0; alone=0; \
	$(RUN) -m pytest -m "not slow and not alone" $(PARALLEL) $(ARGS) || beside=$$?; \
	test $$beside -eq 2 || $(RUN) -m pytest -m "alone and not slow" $(ARGS) || alone=$$?; \
	case $$beside$$alone in 00|05|50) ;; *) exit 1;; esac

# The daemon, the target and hidden copies are processes of their own and not counted: measuring
# there would change what the tests look at.
coverage: $(VENV)/tests $(VENV)/coverage compiled
	$(RUN) -m pytest -m "not slow and not alone and not timed" $(PARALLEL) --cov --cov-report=term \
	  --cov-report=xml:build/coverage.xml $(ARGS)

format: $(VENV)/checkers
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test-all:
	@status=0; found=$$($(PYTHON) tools/pythons.py); \
	echo "CPythons found:"; echo "$$found"; \
	for python in $$found; do \
	  echo "== make test PYTHON=$$python"; \
	  if $(MAKE) test PYTHON="$$python"; then result=passed; else result=FAILED; status=1; fi; \
	  summary="$$summary$$result  $$python\n"; \
	done; \
	printf "== summary\n$$summary"; \
	exit $$status

stress:
	@for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
	  echo "== run $$number of 20"; \
	  $(MAKE) pytest || exit 1; \
	done

bench: compiled
	$(RUN) benchmarks/overhead.py $(ARGS)

peers: compiled $(VENV)/peers
	$(RUN) benchmarks/peers.py $(ARGS)

accuracy: compiled
	$(RUN) benchmarks/accuracy.py $(ARGS)

cost: compiled
	$(RUN) benchmarks/cost.py $(ARGS)

census: $(VENV)/tests compiled
	$(RUN) benchmarks/census.py $(ARGS)

watching: compiled
	$(RUN) benchmarks/watching.py $(ARGS)

tracing: compiled
	$(RUN) benchmarks/tracing.py $(ARGS)

side-by-side: compiled
	$(RUN) benchmarks/side_by_side.py $(ARGS)

screenshots: compiled
	$(RUN) tools/screenshots.py $(ARGS)

schema: $(VENV)/installed
	$(RUN) -m refwatch.export.schema

docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

dist: $(VENV)/package
	rm -rf dist build/wheel
	$(RUN) -m build
	$(BIN)/twine check --strict dist/*
	$(RUN) -m venv build/wheel
	build/wheel/bin/python -m pip --disable-pip-version-check install -q dist/*.whl
	build/wheel/bin/refwatch --headless -c 'print("the wheel works")'

hooks: $(VENV)/checkers $(VENV)/hooks
	$(BIN)/pre-commit install

clean:
	rm -rf .venv-* dist build .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find src tests scenarios benchmarks tools -name __pycache__ -exec rm -rf {} +

# What is run in other processes, again and again, is compiled once, also where Python is told to
# write no bytecode (PYTHONDONTWRITEBYTECODE). An installed package is compiled by pip.
compiled: $(VENV)/installed
	@$(RUN) -m compileall -q src

$(VENV)/installed: pyproject.toml
	@test "$(TAG)" || { echo "$(PYTHON) is no Python 3.11 or newer: choose one by PYTHON=" >&2; exit 1; }
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -e .
	@touch $@

$(VENV)/tests: $(VENV)/installed tools/dev_requirements.py
	$(RUN) tools/dev_requirements.py tests > $(VENV)/tests.txt
	$(PIP) install -q -r $(VENV)/tests.txt
	@touch $@

# One by one: where a checker has no build for a Python this new, the others still do their work.
$(VENV)/checkers: $(VENV)/tests
	@for checker in $$($(RUN) tools/dev_requirements.py checkers); do \
	  echo "$(PIP) install -q $$checker"; \
	  $(PIP) install -q "$$checker" || $(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 15))' \
	    || exit 1; \
	done
	@touch $@

# What is compared with is no requirement of the project. Without numpy its program does without.
$(VENV)/peers: $(VENV)/installed tools/dev_requirements.py
	$(RUN) tools/dev_requirements.py peers > $@.txt
	$(PIP) install -q -r $@.txt
	$(PIP) install -q --only-binary=:all: numpy || echo "no numpy for Python $(TAG)"
	@touch $@

$(VENV)/coverage $(VENV)/docs $(VENV)/hooks $(VENV)/package: $(VENV)/installed tools/dev_requirements.py
	$(RUN) tools/dev_requirements.py $(@F) > $@.txt
	$(PIP) install -q -r $@.txt
	@touch $@

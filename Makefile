# The verbs. `make run` and `make test` do all set-up by themselves.
.PHONY: setup run test check bench lock
.DEFAULT_GOAL := run

PY := .venv/bin/python
STAMP := .venv/.installed

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml clients/python/pyproject.toml tools/setup.sh
	sh tools/setup.sh
	@touch $(STAMP)

run: setup
	.venv/bin/sermo serve

# So many processes, each with a PostgreSQL of its own. Whole files in their order: the long ones come early.
WORKERS ?= 2
test: setup
	$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	sh tools/js_check.sh

bench: setup
	$(PY) -m benchmarks

# Needs uv. Pins every dependency with its hashes and names no index address. The second is what the image installs.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
lock:
	$(COMPILE) --extra dev -o requirements.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock -o requirements-run.lock pyproject.toml

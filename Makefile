# Two commands set everything up on a fresh machine with Python 3.11+: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from-lock
# What the checks with others' tools need is installed apart, each from a lock of its own.
OIDC_STAMP := tests/oidc/node_modules/.installed-from-lock
TYPESCRIPT_STAMP := web/clients/typescript/node_modules/.installed-from-lock
STREAMS_STAMP := bench/node_subscriptions/node_modules/.installed-from-lock
PYTHON_STAMP := web/clients/python/.venv/.installed-from-lock
CONFORMANCE_STAMP := web/conformance/node_modules/.installed-from-lock
SCHEMATHESIS_STAMP := web/conformance/schemathesis/.venv/.installed-from-lock

.PHONY: setup demo test lint clients explain seed-twice lock graphiql conformance clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("bank360 needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

demo: setup
	$(BIN)/bank360 demo

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test: lint clients
	$(BIN)/pytest

NODE_IS_NEW_ENOUGH := const [a, b] = process.versions.node.split("."); \
	process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)

# Installs what the tests run of others' tools: typed clients, an issuer, and a subscriber. Without
# Node.js the tests of the TypeScript client, of that issuer and subscriber are skipped.
clients: $(PYTHON_STAMP)
	@if node -e '$(NODE_IS_NEW_ENOUGH)' 2>/dev/null && command -v npm >/dev/null; \
	then $(MAKE) -s $(OIDC_STAMP) $(TYPESCRIPT_STAMP) $(STREAMS_STAMP); \
	else echo 'Node.js 20.19 or newer with npm is not on the path: neither the TypeScript client nor' \
		'tokens of oidc-provider nor torn subscriptions are tested'; fi

%/node_modules/.installed-from-lock: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	touch $@

%/.venv/.installed-from-lock: %/requirements.lock
	$(PYTHON) -m venv $*/.venv
	$*/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# The plans of every list and canonical query on a bank of 100,000 customers: half an hour and 20 GB.
# BANK360_EXPLAIN_URL and BANK360_EXPLAIN_DATA_DIR name a bank that is seeded already, and its keys.
explain: CUSTOMERS ?= 100000
explain: setup
	BANK360_EXPLAIN_CUSTOMERS=$(CUSTOMERS) $(BIN)/pytest -n0 --no-cov tests/db/test_plans.py

# Two runs of the seed give the same bank.
seed-twice: CUSTOMERS ?= 10000
seed-twice: setup
	PYTHONPATH=tests $(BIN)/python bench/seed_twice.py --customers $(CUSTOMERS)

COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links

# For developers: needs `uv` on the path.
lock:
	$(COMPILE) --extra dev -o requirements.lock pyproject.toml
	for folder in web/clients/python web/conformance/schemathesis; do \
		$(COMPILE) -o $$folder/requirements.lock $$folder/requirements.in || exit; done

# For developers: needs Node.js 20.19+ and npm 11; rebuilds app/static/graphiql.
graphiql:
	cd web/graphiql && npm ci && npm run build

# For developers: needs Node.js 20.19+ and npm; checks a small bank of its own with tools that others
# wrote. `make conformance TOOLS="relay urql"` runs some of them.
conformance: setup $(TYPESCRIPT_STAMP) $(PYTHON_STAMP) $(CONFORMANCE_STAMP) $(SCHEMATHESIS_STAMP)
	node web/conformance/run.mjs $(TOOLS)

clean:
	rm -rf web/*/node_modules web/*/*/node_modules web/*/*/.venv
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

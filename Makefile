# The two commands are `make run` and `make test`; both set up what they need.
#   make run [PORT=8001]     everything on this machine, at http://127.0.0.1:8000/
#   make test                linters, types, layers, migrations, deployment checks, tests

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
NODE_STAMP := node_modules/.installed

# Embedded PostgreSQL of its own for the tests, so that they never meet a running demo.
test lint types tests migrations deploy-check: export UNSTUCK_VAR ?= var/test

.PHONY: setup run test lint javascript check-javascript types tests migrations deploy-check format messages requirements bench clean
.DEFAULT_GOAL := run

setup: $(STAMP)
	@:

# The stamp is written last: an interrupted setup starts over, on the packages that are already there.
$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version)'
	@echo "Installing the requirements into .venv (a minute or two, once)"
	@umask 022; $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@umask 022; $(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: setup
	@exec $(BIN)/python -m progress_project.local.launch

test: setup lint migrations deploy-check
	@$(MAKE) --no-print-directory --jobs types tests  # beside each other: the tests' processes wait now and then

lint: setup javascript
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

# The pages' scripts run in browsers as they are; Node only checks them. It is optional here, and required on CI.
HAS_NODE := command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'
javascript:
	@if $(HAS_NODE); then $(MAKE) --no-print-directory check-javascript; \
	elif [ "$$CI" = true ]; then echo "Node 18 or later with npm is needed on CI to check the JavaScript" >&2; exit 1; \
	else echo "JavaScript is not checked: Node 18 or later with npm is not installed"; fi

check-javascript: $(NODE_STAMP)
	npm run --silent types
	npm run --silent lint

$(NODE_STAMP): package.json package-lock.json
	npm ci --silent
	@touch $@

types: setup
	$(BIN)/mypy

migrations: setup
	$(BIN)/python manage.py makemigrations --check --dry-run

deploy-check: export SECRET_KEY = only-for-this-check-and-long-enough-to-satisfy-it-0123456789
deploy-check: export SALT_KEY = only-for-this-check
deploy-check: export ALLOWED_HOSTS = unstuck.example.com
deploy-check: export DEBUG = false
deploy-check: export DATABASE_URL = postgres://never-connected-to/unstuck
deploy-check: export CELERY_BROKER_URL = redis://never-connected-to
deploy-check: setup
	$(BIN)/python manage.py check --deploy --fail-level WARNING

tests: setup
	$(BIN)/python -m pytest -n 4 --dist worksteal  # many of them wait for processes

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	@if $(HAS_NODE); then $(MAKE) --no-print-directory $(NODE_STAMP) && npm run --silent format; fi

# These two need gettext; the compiled catalogues are committed.
messages: setup
	$(BIN)/python manage.py makemessages --locale he --ignore '.venv/*' --ignore 'var/*' --ignore 'node_modules/*' --no-obsolete
	$(BIN)/python manage.py compilemessages --locale he --ignore '.venv/*' --ignore 'node_modules/*'
	$(BIN)/python manage.py write_card_messages

# One pinned set for Python 3.11 to 3.14, without the addresses of the machine that made it.
requirements: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.txt requirements.in
	$(BIN)/uv pip compile --universal --python-version 3.11 --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements-dev.txt requirements-dev.in

bench: setup
	$(BIN)/python -m pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks all

# Everything that the other commands make again. The demo's data goes too: stop `make run` first.
clean:
	rm -rf .venv node_modules var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

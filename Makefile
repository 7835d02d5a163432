# The commands of the project; `make help` lists them. Everything is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install -c constraints.txt
PYTEST := $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder
DESCRIBED := setup.cfg pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo run test test-all coverage lint fmt words picture bench build agent-binary release \
	up down restart logs ps clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.for-use ## Fill a database from simulated vendors and open the dashboard on it
	$(BIN)/inventory-hub demo $(ARGS)

run: $(VENV)/.for-use ## Start the worker and the dashboard with the settings in .env
	$(BIN)/inventory-hub migrate
	@$(BIN)/inventory-hub worker & worker=$$!; \
	$(BIN)/inventory-hub serve & web=$$!; \
	trap 'kill $$worker $$web 2>/dev/null' INT TERM; \
	wait $$web; code=$$?; kill $$worker 2>/dev/null; wait; exit $$code

test: $(VENV)/.for-tests ## Install what the tests need, and run them
	SAMPLES=small $(PYTEST) $(ARGS)

test-all: $(VENV)/.for-tests ## The same with full sample sizes: takes hours, not minutes
	@.ci/packages all
	@$(PIP) --no-build-isolation -e '.[test-all]'
	SAMPLES=full $(PYTEST) -o faulthandler_timeout=14400 $(ARGS)

coverage: $(VENV)/.for-tests ## Which lines the tests run
	SAMPLES=small $(PYTEST) --cov --cov-report=term $(ARGS)

lint: $(VENV)/.for-development ## Walls, style, types, the secret scan and known weaknesses of dependencies
	$(BIN)/lint-imports --no-logo
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python .ci/secret_scan.py
	$(BIN)/python .ci/advisories.py

fmt: $(VENV)/.for-development ## Put the code into the house's form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

words: $(VENV)/.for-use ## Collect the dashboard's words for translators
	$(BIN)/pybabel --quiet extract -F dashboard/translations/babel.cfg -k mark \
		-k UserError -k WeakPassword -k TokenError -k NotLetIn --no-location --sort-output --omit-header \
		-o dashboard/translations/messages.pot dashboard $(addprefix db/,decisions.py users.py passwords.py sessions.py tokens.py outside.py)

picture: $(VENV)/.for-development ## Draw docs/architecture.svg from the imports of the code
	$(BIN)/python docs/draw_architecture.py

bench: $(VENV)/.for-tests ## Measure speed and size, as ratios
	$(BIN)/python -m bench $(ARGS)

build: $(VENV)/.for-development ## Make the wheel and the source archive, in dist/
	$(BIN)/python -m build --no-isolation

agent-binary: $(VENV)/.for-binary ## Build the agent as a single file for this system, in dist/
	$(BIN)/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build/agent \
		deploy/agent/inventory-agent.spec
	dist/inventory-agent --version

release: $(VENV)/.for-development $(VENV)/.for-binary ## Build all files of a release, in dist/: wheel, source, agent, image context, SBOM, checksums
	$(BIN)/python .ci/release.py build $(ARGS)

up: ## Build the image and start it with docker compose: PostgreSQL, dashboard, worker
	deploy/docker/deploy.sh $(ARGS)

down: ## Stop what `make up` started; data stays
	docker compose down $(ARGS)

restart: ## Restart its dashboard and its worker
	docker compose restart web worker

logs: ## Follow its logs
	docker compose logs --follow $(ARGS)

ps: ## List its containers and whether they are healthy
	docker compose ps $(ARGS)

clean: ## Remove .venv and everything built; data stays
	rm -rf $(VENV) build dist *.egg-info .coverage* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A file each for what .venv holds, so that it is done again only when the description changed.

$(VENV)/.for-use: $(DESCRIBED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Building .venv: Python packages, exactly as in constraints.txt ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) setuptools
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.for-tests: $(VENV)/.for-use .ci/packages
	@.ci/packages
	@echo "Adding what the tests need: pytest, hypothesis, PostgreSQL, playwright ..."
	@$(PIP) --no-build-isolation -e '.[test]'
	@touch $@

$(VENV)/.for-development: $(VENV)/.for-use
	@echo "Adding ruff, mypy, import-linter, pip-audit and build ..."
	@$(PIP) --no-build-isolation -e '.[test,dev]'
	@touch $@

$(VENV)/.for-binary: $(VENV)/.for-use
	@echo "Adding PyInstaller ..."
	@$(PIP) --no-build-isolation -e '.[binary]'
	@touch $@

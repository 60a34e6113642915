# Every target makes the virtual environment first, where it is missing or its requirements have changed.
# Needs make and Python 3.11 or newer; another interpreter: make PYTHON=/path/to/python3.12 …

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))) python3)
RUN = .venv/bin/python
ONCE ?=
ARGS ?=
SEEDS ?=
ONLY ?=
SCALE ?=

.DEFAULT_GOAL = help
.PHONY: help environment demo test check format secrets bench chaos

help:
	@echo 'make demo      start the demo: 54 files on an SFTP and an FTPS server, then the portal (ONCE=1: stop after the files)'
	@echo 'make test      every test, on SQLite and on PostgreSQL (a part of them: ARGS="tests/transfers -q")'
	@echo 'make check     lint, format, types, migrations, deployment checks'
	@echo 'make secrets   print fresh values of SECRET_KEY and FIELD_ENCRYPTION_KEYS'
	@echo 'make bench     measure against peers (ONLY=name, SCALE=small)'
	@echo 'make chaos     faults of every sort for 30 simulated days (SEEDS=20: so many seeds; SEED=n: that one again)'

environment:
	@command -v $(PYTHON) >/dev/null || { echo 'make: There is no $(PYTHON) here. Install Python 3.11 or newer.' >&2; exit 1; }
	@$(PYTHON) deploy/environment.py

# exec: a signal reaches the demo itself, with no shell between.
demo: environment
	@ONCE='$(ONCE)' exec $(RUN) -m deploy.demo

test: environment
	@exec $(RUN) -m tests.run $(ARGS)

# What production sets, with fresh secrets; nothing is connected to.
DEPLOYMENT = DEBUG=0 DEMO=0 ALLOWED_HOSTS=exports.example.com DATABASE_URL=postgresql://portal@db.example.com/portal \
	CELERY_BROKER_URL=redis://broker.example.com/0 LOG_LEVEL=WARNING

# The types are those of the settings too, which want a data folder and secrets: debug mode makes both.
check: environment
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; export DATA_DIR="$$folder"; \
		echo '$(RUN) -m mypy'; DEBUG=1 $(RUN) -m mypy; \
		echo '$(RUN) manage.py makemigrations --check'; DEBUG=1 $(RUN) manage.py makemigrations --check --dry-run; \
		echo '$(RUN) manage.py check --deploy'; \
		env $(DEPLOYMENT) $$($(RUN) -m deploy.secrets) $(RUN) manage.py check --deploy --fail-level WARNING

format: environment
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

secrets: environment
	@$(RUN) -m deploy.secrets

bench: environment
	@ONLY='$(ONLY)' SCALE='$(SCALE)' exec $(RUN) -m bench.run $(ARGS)

chaos: environment
	@SEEDS='$(SEEDS)' exec $(RUN) -m tests.chaos $(ARGS)

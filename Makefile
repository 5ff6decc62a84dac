# `make help` lists the targets. Everything is built in .venv: the hub side there,
# the session side in .venv/session, as an operator has them on different machines.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PORT ?= 8000
LESESAL_HOME ?= var
export PORT LESESAL_HOME
# Sessions of other Unix users must be able to enter the interpreter's folder, so the
# distribution's own python3 goes before one in somebody's home.
PYTHON ?= $(firstword $(shell for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p"; done))
BIN := .venv/bin
SESSION := .venv/session
STOCK := .venv/stock
NGSHARE := .venv/ngshare
TORCH := .venv/torch
UPSTREAM := .venv/upstream
UV := $(BIN)/uv
# uv compiles bytecode only when told to; without it every session compiles all it imports.
INSTALL := $(UV) pip install --quiet --compile-bytecode
STAMPS := .venv/.stamps

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sort | sed -E 's/:.*##/\t/' | expand -t 14

.PHONY: setup
setup: $(STAMPS)/hub $(STAMPS)/session ## build .venv: hub side, session side, .venv/bin/lesesal

.PHONY: run
run: setup ## serve the demo classroom on http://127.0.0.1:$(PORT)
	@exec $(BIN)/lesesal run

.PHONY: slurm
slurm: $(STAMPS)/dev setup debian ## the same on a real one-machine Slurm (root)
	@exec $(BIN)/python tests/slurm_classroom.py

# One of them has all that needs Slurm, and mostly waits.
WORKERS ?= 3
.PHONY: test
test: setup $(STAMPS)/dev debian ## run the tests, also on a real Slurm and in a real browser
	-@$(MAKE) --no-print-directory $(STAMPS)/torch
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS)

.PHONY: proof
proof: setup $(STAMPS)/dev debian ## run the long proofs: killed hubs, failing clusters, refusals
	-@$(MAKE) --no-print-directory $(STAMPS)/upstream
	-@$(MAKE) --no-print-directory $(STAMPS)/torch
	$(BIN)/python -m pytest -m slow -n 2

.PHONY: bench-watch
bench-watch: setup $(STAMPS)/dev debian ## count what the hub asks Slurm, with 1 to 200 sessions (root)
	$(BIN)/python tests/bench/watch.py

.PHONY: bench-hub
bench-hub: setup $(STAMPS)/dev debian ## let 300 people press Start within ten seconds, and watch the hub
	$(BIN)/python tests/bench/hub.py

.PHONY: bench-start
bench-start: setup $(STAMPS)/dev $(STAMPS)/stock debian ## time a class's start, ours against stock (root)
	$(BIN)/python tests/bench/start.py

.PHONY: bench-exchange
bench-exchange: setup $(STAMPS)/dev $(STAMPS)/ngshare ## let 200 students hand in, ours against nbgrader and ngshare
	$(BIN)/python tests/bench/exchange.py

.PHONY: bench-grade
bench-grade: setup $(STAMPS)/dev ## grade 100 students' work, ours against nbgrader
	-@$(MAKE) --no-print-directory $(STAMPS)/torch
	$(BIN)/python tests/bench/grade.py

.PHONY: bench-kernel
bench-kernel: setup $(STAMPS)/dev ## start kernels, ours against stock: their first answer, their memory
	-@$(MAKE) --no-print-directory $(STAMPS)/torch
	$(BIN)/python tests/bench/kernel.py

KILLS ?= 100
.PHONY: kill
kill: setup $(STAMPS)/dev debian ## kill -9 classroom and database a hundred times while people hand in
	LESESAL_KILLS=$(KILLS) $(BIN)/python -m pytest tests/killing/test_killed.py -s

SUBMISSIONS ?= 1000
.PHONY: kill-grading
kill-grading: setup $(STAMPS)/dev debian ## kill -9 engine, workers, slurmctld while a thousand are graded
	LESESAL_SUBMISSIONS=$(SUBMISSIONS) LESESAL_KILLS=10000 LESESAL_KILL_SECONDS=12 \
		$(BIN)/python -m pytest tests/killing/test_killed_grading.py -s

CLASS ?= 200
.PHONY: equality
equality: setup $(STAMPS)/dev ## compare the gradebook of a class with the one that nbgrader writes
	LESESAL_CLASS=$(CLASS) $(BIN)/python -m pytest tests/courses/grading/test_equality.py -m slow

.PHONY: fresh
fresh: ## prove `make run` in an empty Debian (root; needs debootstrap; minutes)
	@TARGET=$(TARGET) tests/fresh-machine

.PHONY: screenshots
screenshots: setup $(STAMPS)/dev debian ## take the pictures of README and docs anew
	LESESAL_SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/browser/test_classroom.py \
		tests/browser/test_waiting.py -k "local or waiting"
	LESESAL_SCREENSHOTS=docs/images $(BIN)/python -m pytest -q -m slow \
		tests/courses/classroom/test_walk.py -k pictures
	LESESAL_SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/browser/test_hour.py
	LESESAL_SCREENSHOTS=docs/images $(BIN)/python -m pytest -q -m slow \
		tests/browser/test_batch_panel.py -k queue

.PHONY: messages
messages: $(STAMPS)/dev ## bring new texts into the catalogues of the translations
	@PYTHONPATH=tests $(BIN)/python tests/messages.py

.PHONY: lint
lint: setup $(STAMPS)/dev ## ruff, mypy, import contracts, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=extensions $(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet spawners courses extensions

.PHONY: format
format: $(STAMPS)/dev ## let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: debian
debian: ## install the Debian packages that `make test` needs, where that is allowed
	@tests/debian-packages

.PHONY: upgrade
upgrade: $(STAMPS)/uv ## pin the newest releases of all dependencies, with hashes
	$(MAKE) pins UPGRADE=--upgrade

.PHONY: pins
pins: $(STAMPS)/uv ## pin what pyproject.toml asks for, keeping what is pinned
	$(UV) pip compile $(UPGRADE) $(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(UV) pip compile $(UPGRADE) $(COMPILE) pyproject.toml --extra build -o requirements/hub.txt
	$(UV) pip compile $(UPGRADE) $(COMPILE) pyproject.toml --extra build --extra dev \
		-c requirements/hub.txt -o requirements/dev.txt
	$(UV) pip compile $(UPGRADE) $(COMPILE) extensions/pyproject.toml --extra build \
		-o requirements/session.txt
	$(UV) pip compile $(UPGRADE) $(COMPILE) requirements/stock.in \
		-c requirements/session.txt -c requirements/hub.txt -o requirements/stock.txt
	$(UV) pip compile $(UPGRADE) $(COMPILE) requirements/ngshare.in -o requirements/ngshare.txt
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.PHONY: clean
clean: ## remove .venv (not the classroom's state)
	rm -rf .venv

$(STAMPS)/uv: requirements/bootstrap.txt
	@test -n "$(PYTHON)" || { echo "Lesesal needs Python 3.11 or newer: install python3."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tests/debian-packages --venv
	@echo "Setting up .venv (a few minutes the first time) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@# From here on scripts find their interpreter beside them: the folder may be copied.
	@$(UV) venv --quiet --allow-existing --relocatable --python $(PYTHON) .venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/hub-env: $(STAMPS)/uv requirements/hub.txt
	@echo "Hub side ..."
	@$(INSTALL) --python $(BIN)/python --require-hashes -r requirements/hub.txt
	@touch $@

$(STAMPS)/hub: $(STAMPS)/hub-env pyproject.toml
	@$(INSTALL) --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/session-env: $(STAMPS)/uv requirements/session.txt
	@echo "Session side ..."
	@$(UV) venv --quiet --allow-existing --relocatable --python $(PYTHON) $(SESSION)
	@$(INSTALL) --python $(SESSION)/bin/python --require-hashes -r requirements/session.txt
	@touch $@

$(STAMPS)/session: $(STAMPS)/session-env $(shell find extensions -type f -not -name '*.pyc')
	@$(INSTALL) --python $(SESSION)/bin/python --no-deps --no-build-isolation \
		--reinstall-package lesesal-notebook ./extensions
	@touch $@

$(STAMPS)/stock: $(STAMPS)/uv requirements/stock.txt
	@echo "What the benchmarks compare with ..."
	@$(UV) venv --quiet --allow-existing --relocatable --python $(PYTHON) $(STOCK)
	@$(INSTALL) --python $(STOCK)/bin/python --require-hashes -r requirements/stock.txt
	@touch $@

$(STAMPS)/ngshare: $(STAMPS)/uv requirements/ngshare.txt
	@echo "ngshare, which the benchmark of hand-ins compares with ..."
	@$(UV) venv --quiet --allow-existing --relocatable --python $(PYTHON) $(NGSHARE)
	@$(INSTALL) --python $(NGSHARE)/bin/python --require-hashes -r requirements/ngshare.txt
	@touch $@

$(STAMPS)/torch: $(STAMPS)/session requirements/torch.in
	@echo "torch, for the course on language models and the benchmarks ..."
	@$(UV) venv --quiet --allow-existing --relocatable --python $(PYTHON) $(TORCH)
	@$(INSTALL) --python $(TORCH)/bin/python --require-hashes -r requirements/session.txt
	@$(INSTALL) --python $(TORCH)/bin/python --no-deps --no-build-isolation \
		--reinstall-package lesesal-notebook ./extensions
	@$(BIN)/python -m pip --python $(TORCH)/bin/python install --quiet \
		--disable-pip-version-check -r requirements/torch.in
	@touch $@

# Its tests are in its source distribution only; pinned by the same hash.
$(STAMPS)/upstream: $(STAMPS)/dev requirements/session.txt
	@echo "ipykernel's own tests ..."
	@rm -rf $(UPSTREAM) && mkdir -p $(UPSTREAM)
	@sed -n '/^ipykernel==/,/[^\]$$/p' requirements/session.txt > $(UPSTREAM)/requirement.txt
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary ipykernel \
		--no-build-isolation --require-hashes -r $(UPSTREAM)/requirement.txt -d $(UPSTREAM)
	@tar -xzf $(UPSTREAM)/ipykernel-*.tar.gz -C $(UPSTREAM) --strip-components 1 --wildcards '*/tests'
	@touch $@

$(STAMPS)/dev: $(STAMPS)/hub requirements/dev.txt
	@echo "Tools for tests and lint ..."
	@$(INSTALL) --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

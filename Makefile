# mydigitalstructure.aws: `make lab` runs the platform on the embedded AWS, `make test` tests everything.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ifndef PYTHON
PYTHON := $(firstword $(foreach v,3.11 3.12 3.13 3.14,$(shell python$(v) -c 'import venv; print("python$(v)")' 2>/dev/null)) python3)
endif
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# ansible-core after 2.19 wants Python 3.12, so there is one set of requirements for 3.11 and one for what is newer
REQUIREMENTS = requirements/python$(if $(filter 3.11,$(1)),3.11,3.13).txt
# the second leg of the tests, when that interpreter is there: on the path, or one that pyenv keeps
PYTHON313 ?= $(firstword $(shell python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null || "$$(PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | grep -m1 '^3\.13') pyenv which python3.13 2>/dev/null)" -c 'import sys; print(sys.executable)' 2>/dev/null))

VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
# where ansible finds this checkout as mydigitalstructure.aws; amazon.aws and community.aws lie in the venv
COLLECTIONS := $(CURDIR)/.build/collections
COLLECTION := $(COLLECTIONS)/ansible_collections/mydigitalstructure/aws
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export ANSIBLE_CONFIG := $(CURDIR)/tests/ansible.cfg
export PATH := $(BIN):$(PATH)
# compiled once, whatever the environment says of it, but not into the checkout
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/pycache
READY := $(VENV)/.ready
NODE := .build/node/.ready

.PHONY: help setup packages requirements lab lab-stop test test-313 lint sanity unit molecule bench docs build clean

help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: packages $(READY) $(NODE) ## Install what the other targets need (they do it themselves)

packages:
	@missing=""; for package in $$(sed -n 's/^\([a-z0-9.+-]*\) .*/\1/p' bindep.txt); do \
	  command -v "$$package" >/dev/null || dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; echo "Installing Debian packages:$$missing"; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

$(READY): $(call REQUIREMENTS,$(VERSION)) | packages
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: Python 3.11 or newer is needed; this is %d.%d (PYTHON=...)" % sys.version_info[:2])'
	@echo "Installing Python packages into $(VENV) (Python $(VERSION))"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement $<
	@mkdir -p $(dir $(COLLECTION)) && ln -sfn $(CURDIR) $(COLLECTION)
	@touch $@

$(NODE): requirements/node/package-lock.json | packages
	@echo "Installing npm packages into .build/node"
	@mkdir -p .build/node && cp requirements/node/package.json requirements/node/package-lock.json .build/node
	@npm ci --prefix .build/node --silent --no-audit --no-fund
	@touch $@

requirements: $(READY) ## Pin the Python and npm packages again, with hashes
	@npm update --prefix requirements/node --package-lock-only --omit-lockfile-registry-resolved --silent --no-audit --no-fund
	@for version in 3.11 3.13; do \
	  uv pip compile --quiet --upgrade --python-version $$version --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --no-annotate requirements/dev.in --output-file requirements/python$$version.txt; \
	  sed -i "1i # Made by 'make requirements' from requirements/dev.in for Python $$version; not edited by hand." \
	    requirements/python$$version.txt; done

lab: setup ## Start the embedded AWS, provision the platform on it, show the fleet
	@python -m tests.lab start
	@eval "$$(python -m tests.lab env)"; \
	ansible-playbook -i inventories/lab mydigitalstructure.aws.site; \
	ansible-inventory -i inventories/lab --graph

lab-stop: ## Stop the embedded AWS
	@$(BIN)/python -m tests.lab stop

test: setup ## Everything that decides whether a change is good
	# the linters keep one core busy, the scenarios the other; what each prints is shown when it has ended
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint molecule
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory test-313

lint: setup ## ansible-lint, yamllint, ruff, antsibull-docs, changelog, ansible-test sanity
	ruff check .
	ruff format --check .
	yamllint --strict .
	antsibull-changelog lint
	# amazon.aws is copied for its fragments; as part of this checkout git would say that it has no files
	GIT_CEILING_DIRECTORIES=$(CURDIR) antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .
	ansible-lint --profile production --offline --strict
	@$(MAKE) --no-print-directory sanity

sanity: setup ## ansible-test sanity on a copy that lies where ansible-test wants it
	@bash tests/sanity

unit: setup ## Unit tests, modules against the lab, playbooks, the lab itself
	python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(TESTS)

molecule: setup ## The scenarios, two at a time
	@bash tests/scenarios $(SCENARIOS)

# .ci/run has an hour: the emulated AWS, long stories (marked once) and the other scenarios are run with one version only
test-313: setup ## Unit tests and scenarios with the newest ansible-core on Python 3.13, when there is one
	@if [ -n "$(PYTHON313)" ] && [ "$(VERSION)" != 3.13 ]; then \
	  $(MAKE) --no-print-directory VENV=.venv3.13 PYTHON=$(PYTHON313) unit molecule \
	    TESTS='tests/playbooks tests/modules tests/unit -m "not once"' SCENARIOS=default; \
	else echo "No second Python 3.13 was found: that leg of the tests was not run"; fi

bench: setup ## Compare with the stock way on the same lab; prints tables
	python -m tests.benchmarks

docs: setup ## Build the documentation into .build/docs; a warning fails
	@bash docs/build

build: setup ## The collection's tarball in .build
	ansible-galaxy collection build --force --output-path .build

clean: lab-stop ## Remove what make made
	rm -rf .venv .venv3.13 .build .cache .ansible .pytest_cache .ruff_cache .hypothesis

# The workshop's commands. `make lab` and `make test` do all the set-up they need.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
CPUWATCH := $(BIN)/cpuwatch
# Into .venv, whatever a file of pip's settings says.
PIP := $(BIN)/python -I -m pip install --quiet --disable-pip-version-check \
  --no-user --target=
# uv installs in seconds what pip installs in a minute; pinned, from the same index.
UV := uv==0.9.5

# What somebody has set for another Python, pip or uv changes nothing here, but for where
# packages come from and by which way: mirrors, certificates, proxies, caches.
KEPT := $(addprefix PIP_,INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX CONFIG_FILE TRUSTED_HOST CERT \
    CLIENT_CERT PROXY TIMEOUT DEFAULT_TIMEOUT RETRIES KEYRING_PROVIDER CACHE_DIR NO_CACHE_DIR \
    USE_FEATURE USE_DEPRECATED) \
  $(addprefix UV_,INDEX% DEFAULT_INDEX EXTRA_INDEX_URL FIND_LINKS CONFIG_FILE INSECURE_HOST NATIVE_TLS \
    SYSTEM_CERTS HTTP_% REQUEST_TIMEOUT OFFLINE KEYRING_PROVIDER CACHE_DIR NO_CACHE LINK_MODE \
    CONCURRENT_%) \
  PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX PYTHONUNBUFFERED
THEIRS := $(filter-out $(KEPT),$(filter PYTHON% PIP_% UV_% VIRTUAL_ENV \
  PYTEST_PLUGINS PYTEST_DISABLE_PLUGIN_AUTOLOAD BASH_ENV,$(.VARIABLES)))
unexport $(THEIRS)

# A .venv works where it was made, with the Python that it was made from. Its services are found
# by the checkout's place. So a checkout that was moved or renamed, and a Python that has gone,
# are noticed before anything else.
ifeq ($(shell [ -e .venv/made-at ] && \
  { [ "$$(cat .venv/made-at)" != "$$(pwd -P)" ] || ! .venv/bin/python -I -c ""; } 2>/dev/null && \
  echo yes),yes)
$(shell { echo "This checkout was at $$(cat .venv/made-at), or its Python has gone: .venv is made anew."; \
  .venv/bin/python -I -c 'import runpy, sys; sys.path.insert(0, "lib"); \
    runpy.run_module("cpuwatch.stack.moved", run_name="__main__")' "$$(cat .venv/made-at)" || true; \
  rm -rf .venv; } >&2)
endif

# The first of these names that runs this, as `found`. preflight.py asks the same names the same.
find = found=; for one in python3 python3.12 python3.11 python3.10 python; do \
    if "$$one" -I -c '$(1)' >/dev/null 2>&1; then found="$$one"; break; fi; done
VERSION_FITS := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
FITS := import venv, ensurepip; $(VERSION_FITS)
RUNS_PREFLIGHT := import sys; sys.exit(sys.version_info < (3, 6))

HOW_PYTHON = echo "Install Python 3.12: on macOS from python.org, elsewhere by 'uv python install 3.12'," \
  "or use conda. docs/platforms.md says how."

.PHONY: help preflight lab demo slides bundle containers test test-unit chaos bench lint clean audit lock jars-lock class-lists notebooks

help:  ## Show the commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

# One that fits; else any that the preflight runs on, to say what is missing.
preflight:  ## Say whether this machine can take part, before anything is installed
	@$(call find,$(FITS)); \
	if [ -z "$$found" ]; then $(call find,$(RUNS_PREFLIGHT)); fi; \
	if [ -z "$$found" ]; then { echo "There is no Python from 3.6 on here."; $(HOW_PYTHON); exit 1; } >&2; fi; \
	"$$found" -I lib/cpuwatch/preflight.py

lab: .venv/installed  ## Open the workshop in JupyterLab (ARGS="--no-browser --port 8899", BUNDLE=… without a network)
	@$(CPUWATCH) lab $(ARGS)

demo: .venv/installed  ## Run the whole story once and show who was in trouble
	@$(CPUWATCH) demo

slides: .venv/installed  ## Make slides of the notebooks, which need no network: out/slides/index.html
	@$(BIN)/python tools/slides.py $(ARGS)

bundle: .venv/installed  ## Gather all that is installed into one archive, for rooms without a network
	@PIP_CONSTRAINT=build-constraints.txt $(BIN)/python -I tools/bundle.py gather out

containers: .venv/installed  ## Run the services as containers instead (needs Docker)
	@docker compose version >/dev/null 2>&1 || { \
	  echo "This needs Docker with its Compose plugin; 'make demo' needs neither." >&2; exit 1; }
	@$(BIN)/python -I -m cpuwatch.stack.containers
	@docker compose up --detach --wait

# So many lanes side by side, each with a stack of its own; a file stays in its lane. Where one
# dies all end, and say at which test: a new one in its place would wait for ever.
LANES ?= 2
in_lanes = --numprocesses $(1) --dist loadfile --max-worker-restart 0

test: .venv/installed-dev  ## Run every test (LANES=1 one after the other)
	@$(BIN)/pytest $(call in_lanes,$(LANES)) --no-loadscope-reorder

test-unit: .venv/installed-dev  ## Run the tests that need no services, in under a minute
	@$(BIN)/pytest tests/unit $(call in_lanes,3) -p no:nbval

chaos: .venv/installed-dev  ## Kill and freeze parts of the live pipeline for an hour or more (ARGS="5" fewer)
	@$(BIN)/python tools/chaos.py $(ARGS)

bench: .venv/installed-dev  ## Measure how fast it is, against a plain loop (ARGS="1 10" millions of readings)
	@$(BIN)/python tools/bench.py $(ARGS)

lint: .venv/installed-dev  ## Check style and types
	@$(BIN)/ruff format --check lib tests tools examples && $(BIN)/ruff check lib tests tools examples && $(BIN)/mypy

clean:  ## Stop the stack, forget its data, remove what was installed
	@if [ -x $(BIN)/cpuwatch ]; then $(CPUWATCH) down --wipe; fi
	@rm -rf .venv out flink-connectors lib/cpuwatch.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- Set-up -------------------------------------------------------------------------------

# The machine's python3 if it is 3.10 to 3.12, otherwise one that is.
.venv/bin/python:
	@$(call find,$(FITS)); \
	if [ -z "$$found" ]; then { \
	  $(call find,$(VERSION_FITS)); \
	  if [ -n "$$found" ]; then \
	    version="$$("$$found" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	    echo "Python $$version is here without its venv module: on Debian or Ubuntu" \
	      "'apt install python$$version-venv'."; \
	  else \
	    echo "This workshop needs Python 3.10, 3.11 or 3.12, and found none."; \
	    $(HOW_PYTHON); \
	  fi; \
	  exit 1; } >&2; \
	fi; \
	rm -rf .venv; "$$found" -I -m venv .venv || { \
	  echo "Python cannot be set up in $$(pwd): see the line above. Is that on a network drive, a stick or" \
	    "a full disk? Put the workshop on a disk of this machine, and run the same command there." >&2; \
	  rm -rf .venv; exit 1; }

# Where there is no network: BUNDLE=… names what 'make bundle' made where there is one.
ifdef BUNDLE
define install
	@$(BIN)/python -I tools/bundle.py install "$(BUNDLE)"
	$(finish)
endef
else
# Installed from the lock, every file checked against its hash. uv does not know of
# a mirror that stands in pip's configuration alone: then pip does the same, slower.
define install
	@echo "Installing what $(1) lists; the first time this downloads some 600 MB."
	@$(PIP) '$(UV)' \
	  && $(BIN)/uv pip install --python $(BIN)/python --require-hashes -r $(1) \
	    --build-constraints build-constraints.txt \
	  || PIP_CONSTRAINT=build-constraints.txt $(PIP) --require-hashes -r $(1) \
	  || { echo "It could not be installed: see the lines above, and run the same command again." >&2; \
	  echo "Is there no network? 'make lab BUNDLE=…' needs none: docs/instructors.md says how." >&2; \
	  echo "Is a certificate not valid? Then look at this machine's clock: it says $$(date)." >&2; \
	  exit 1; }
	$(finish)
endef
endif

define finish
@$(PIP) \
	  --no-index --no-deps --no-build-isolation --editable .
	@$(BIN)/python -I -m cpuwatch.labinstall
	@pwd -P > .venv/made-at
	@touch $@
endef

.venv/installed: .venv/bin/python requirements.lock pyproject.toml bin/cpuwatch
	$(call install,requirements.lock)

.venv/installed-dev: .venv/installed requirements-dev.lock
	$(call install,requirements-dev.lock)

# --- For maintainers ----------------------------------------------------------------------

notebooks: .venv/installed-dev  ## Run the notebooks and save their outputs anew
	@$(BIN)/python tools/refresh_notebooks.py

lock: .venv/bin/python  ## Make the locks anew from pyproject.toml
	@$(PIP) '$(UV)'
	@for lock in "requirements.lock" "requirements-dev.lock --extra dev -c requirements.lock"; do \
	  UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal \
	    --python-version 3.10 --generate-hashes --no-emit-index-url --no-annotate \
	    pyproject.toml -o $$lock; \
	done

# Pinned versions do not change, what is known of them does. Strict: one that the advisory
# database does not know is a finding, too.
audit: .venv/installed-dev  ## Ask the advisory database about each dependency
	@$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --strict --disable-pip \
	  --require-hashes -r requirements-dev.lock

class-lists: .venv/installed-dev  ## Make data/classes anew, after a new version of Kafka, Flink or Java
	@$(BIN)/python tools/class_lists.py

jars-lock: .venv/installed  ## Make data/jars.lock anew from WANTED in stack/jars.py
	@$(BIN)/python -I -m cpuwatch.stack.jars

# make demo: the whole platform here. make test: everything that must hold. Each sets up what it needs.
# PYTHON=python3.12 chooses the interpreter (3.11 or newer).

.PHONY: help demo setup test lint bench fuzz sbom audit secrets lock clean
.DEFAULT_GOAL := help

BIN := .venv/bin
DEMO := .venv/.installed-demo
DEV := .venv/.installed-dev
BENCH := .venv/.installed-bench
INPUTS := pyproject.toml requirements.lock tools/venv.sh

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

demo: $(DEMO) ## run the platform with 20 simulated homes (options: ARGS="--homes 50")
	$(BIN)/shouwang demo $(ARGS)

setup: $(DEV) ## the environment of developers, in .venv

test: $(DEV) ## install what the tests need where that is possible, then check and test everything
	tools/test.sh $(ARGS)

lint: $(DEV) ## format, lint, types, imports between folders
	tools/lint.sh

bench: $(BENCH) ## measure in 20 minutes; writes bench/results.json (options: ARGS=quick, or names)
	$(BIN)/python -m bench $(ARGS)

fuzz: $(DEV) ## fuzz every parser by coverage, 20 s each (options: ARGS="60 SenML")
	$(BIN)/python -m pip install -q --disable-pip-version-check --constraint requirements.lock --editable '.[fuzz]' || true
	$(BIN)/python tools/fuzz.py $(ARGS)

sbom: $(DEV) ## bill of materials (CycloneDX) of what a district installs, to build/sbom.json
	tools/sbom.sh

audit: $(DEV) ## look up known vulnerabilities of the dependencies; says how many could be looked up
	tools/audit.sh

secrets: $(DEV) ## look for secrets in the tree and in the whole history
	$(BIN)/python tools/secrets_scan.py
	$(BIN)/python tools/secrets_scan.py --history

lock: ## choose the newest allowed versions of all dependencies anew
	tools/lock.sh

clean: ## remove the environment and all caches (the demo's data in .shouwang stays)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO): $(INPUTS)
	tools/venv.sh demo

$(DEV): $(INPUTS)
	tools/venv.sh dev

$(BENCH): $(INPUTS)
	tools/venv.sh bench

# `make` alone lists what there is. A line's text after ## is its help.
.DEFAULT_GOAL := help
.PHONY: help run dev test chaos clients format shots bench lock vendor environment
BIN := .venv/bin

help: ## list these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: environment ## start the whole product: http://127.0.0.1:8000/ (PORT, ATRIUM_DATA)
	@exec $(BIN)/atrium up

dev: environment ## the same with debugging, starting again when a file is saved
	@ATRIUM_MODE=development exec $(BIN)/atrium up --reload

test: ## the whole check: style, types, floors, migrations, tests
	@exec bash deploy/check $(TESTS)

chaos: environment ## kill gateways and stop the database under load, then count every call and cent (some minutes)
	@$(BIN)/python -m tests.chaos $(CHAOS)

clients: environment ## fetch the clients that people use and run their examples (CLIENTS, a folder that keeps them)
	@$(BIN)/python -m tests.clients $(CLIENTS)

format: environment ## put the source into its form and mend what can be mended by itself
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

shots: environment ## screenshots of every page (light, dark, phone) into .shots/
	@sh deploy/browser
	@$(BIN)/python -m tests.browser.shots

bench: environment ## the benchmarks, each beside its reference
	@$(BIN)/python -m benchmarks

lock: environment ## resolve pyproject.toml into requirements.lock, with hashes and without addresses
	@uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.12 -o requirements.lock --quiet

vendor: environment ## fetch the pinned stylesheets, scripts and icons again into static/vendor/
	@$(BIN)/atrium vendor

environment:
	@sh deploy/environment

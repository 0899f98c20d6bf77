# make demo | make test | make check: each sets itself up from nothing but Python 3.11-3.13 and make.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock requirements-build.lock pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(VENV)
	@touch $@

.PHONY: setup
setup: $(READY) ## Make the virtual environment with every locked dependency

.PHONY: demo
demo: $(READY) ## Train, release, promote and roll back real models on this machine (ARGS="--port 9090 --keep")
	@$(BIN)/serinus demo $(ARGS)

.PHONY: test
test: $(READY) ## Run every test that needs only this machine, but for the long ones
	@$(BIN)/pytest -n 3 --dist loadgroup -m "not long"

.PHONY: test-long
test-long: $(READY) ## Interrupt and kill runtime, steps and registry again and again, in every phase and at random moments
	@$(BIN)/pytest -n 2 --dist loadgroup -m long tests/local tests/collector tests/components tests/pipelines

CLUSTER := $(BIN)/python -m tests.cluster.control_plane

.PHONY: test-cluster
test-cluster: $(READY) ## Run every test that needs a Kubernetes API server, on one of its own (first build: about 25 minutes)
	@$(CLUSTER) build
	@$(BIN)/pytest tests/cluster

.PHONY: demo-cluster
demo-cluster: $(READY) ## Release and roll back models in a test cluster, with kubectl, no Docker (first build: 20 minutes; ARGS=--keep)
	@$(BIN)/python -m tests.cluster.demo $(ARGS)

.PHONY: cluster
cluster: $(READY) ## Start a test cluster to look at: real control plane and KServe, no Docker (ARGS="--name mine --knative")
	@$(CLUSTER) up $(ARGS)

.PHONY: cluster-down
cluster-down: $(READY) ## Stop it (ARGS="--name mine")
	@$(CLUSTER) down $(ARGS)

.PHONY: kind
kind: ## Make a kind cluster with KServe, the chart and the example (needs Docker; ARGS=--dry-run lists the steps)
	@scripts/kind.sh $(ARGS)

IMAGES := $(notdir $(patsubst %/,%,$(wildcard images/*/)))

.PHONY: images
images: ## Build the images with docker, podman or buildah (IMAGES="data model" BUILDER=podman BASE=... ARGS=--no-cache)
	@scripts/images.sh $(IMAGES)

.PHONY: images-test
images-test: $(READY) ## Run each image as in a pod: steps, the predictor and the operator at work, without root or a writable root
	@$(BIN)/pytest tests/containers

.PHONY: sbom
sbom: $(READY) ## Write what is in each image to dist/sbom, as CycloneDX
	@$(BIN)/python -m scripts.sbom $(IMAGES)

.PHONY: check
check: $(READY) ## Format, lint, types, layers, generated files
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@$(BIN)/pytest -q tests/golden > $(VENV)/golden.log || { cat $(VENV)/golden.log; exit 1; }
	@echo "check: all good"

.PHONY: format
format: $(READY) ## Rewrite the code in the house format
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

.PHONY: bench
bench: $(READY) ## Run every benchmark of tests/benchmarks (over an hour, 40 minutes of it that of the cluster)
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

.PHONY: lock
lock: ## Resolve the dependencies anew (needs uv)
	@uv pip compile pyproject.toml --extra dev $(LOCK_OPTIONS) -o requirements.lock
	@uv pip compile --group pyproject.toml:build $(LOCK_OPTIONS) -o requirements-build.lock
	@for image in $(IMAGES); do uv pip compile pyproject.toml --extra $$image -c requirements.lock $(LOCK_OPTIONS) -o images/$$image/requirements.lock || exit 1; done
LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: clean
clean: ## Remove everything that was made here, except the state of your own deployments
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

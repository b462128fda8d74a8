# Two commands matter: `make demo` and `make test`. Both install what they need; see README.md.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: requirements.txt scripts/setup
	@scripts/setup $(VENV)

setup: $(VENV)/.ready ## the virtual environment, from hash-locked requirements

BROKER := rabbitmq
TLS :=
CLUSTER :=
APP :=
demo: setup ## turn a bare host into a broker and test it with messages; BROKER=activemq for ActiveMQ, TLS=1 for TLS only, CLUSTER=3 for three, APP=relay for messages that become HTTP requests
	@scripts/demo "$(BROKER)" "$(TLS)" "$(CLUSTER)" "$(APP)"

inventory: ## create an inventory with new secrets: NAME=prod; BROKER=activemq for ActiveMQ
	@scripts/new_inventory.py "$${NAME:-}" "$${BROKER:-rabbitmq}"

DAYS := 3650
ca: setup ## a small CA for an inventory's hosts, as variables to encrypt: NAME=prod; DAYS=3650; BROKER=activemq
	@$(BIN)/python scripts/new_ca.py "$${NAME:-}" "$(DAYS)" "$${BROKER:-rabbitmq}"

check: setup ## lint, types, unit tests and generated pages: under two minutes, no hosts
	@scripts/check

ONLY :=
test: setup ## the checks, then real brokers on real hosts; ONLY=part runs one of check, images, rabbitmq, versions, topology, probes, monitoring, activemq, collection, tls, cluster, relay, clients, doctor, enterprise-linux
	@scripts/test $(ONLY)

drills: setup ## long tests of what `make test` covers more cheaply; ONLY=part runs one of images, kills, rabbitmq, topology, activemq, collection, tls, cluster, relay, clients, doctor, monitoring, enterprise-linux, tls-scenario, cluster-scenario, enterprise-linux-scenario, networks, default
	@scripts/test --drills $(ONLY)

soak: setup ## what operations, failures and renewals of certificates cost the clients of a cluster, measured; formations in a row; ONLY=part runs one of images, under-load, certificates, formations
	@scripts/test --soak $(ONLY)

SEED := 1
SAMPLE := 40
mutants: setup ## do the unit tests notice: small changes to the code, 9 of 10 to be caught (3 minutes); SEED=2, SAMPLE=40, ONLY=topology/diff.py
	@scripts/mutants.py --seed "$(SEED)" --sample "$(SAMPLE)" --only "$(ONLY)"

bench: setup ## compare with doing the same by hand; prints ratios
	@$(BIN)/python tests/bench/bench.py

relay: setup ## the message relay as one file, for the role message_relay: roles/message_relay/files/brokerkit-relay.pyz
	@$(BIN)/python scripts/relay_archive.py

smoke-timer: setup ## the prober as one file, for the role smoke_timer: roles/smoke_timer/files/brokerkit-smoke.pyz
	@$(BIN)/python scripts/smoke_archive.py

dist: setup ## the collection brokerkit.brokers as an archive: dist/brokerkit-brokers-VERSION.tar.gz
	@$(BIN)/python scripts/dist.py

docs: setup ## regenerate the tables of variables, and what the doctor knows in docs/troubleshooting.md
	@$(BIN)/python scripts/variables.py --write
	@$(BIN)/python scripts/knowledge.py --write

lock: setup ## resolve requirements.in into requirements.txt again
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --no-header --python-version 3.11 --no-emit-index-url --no-emit-find-links --output-file requirements.txt requirements.in
	@for core in oldest newest; do $(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --no-header --python-version 3.13 --python-platform linux --no-emit-index-url --no-emit-find-links --output-file tests/hosts/collection/ansible-core-$$core.txt tests/hosts/collection/ansible-core-$$core.in; done
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --no-header --python-version 3.11 --no-emit-index-url --no-emit-find-links --output-file tests/hosts/clients/libraries.txt tests/hosts/clients/libraries.in

clean: ## remove everything that the test bed created on this machine
	@scripts/testbed clean

.PHONY: help setup demo inventory ca check test drills soak mutants bench relay smoke-timer dist docs lock clean

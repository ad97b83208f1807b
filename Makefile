# xnorforge: from a binary neural network to an accelerator that is proven equal to it in simulation.
#
#   make build BOARD=pynq-z2        the whole pipeline for the default network
#   make help                       targets, variables, and the networks, methods and boards found on disk
#
# The stages, what each reads and when it runs again are declared in src/xnorforge/pipeline/; this file only calls.
# Values reach the program through the environment, in quotes: no name is ever read as a command.

NET      ?= mnist-cnn#      network of sw/shipped; with TASK, its name without that prefix
TASK     ?=#                mnist, cifar10, folder, pedestrian, segment, track or detect: TASK=cifar10 NET=cnv is NET=cifar10-cnv
DATA     ?=#                with TASK=folder: your pictures, a folder that holds one per class
METHOD   ?= ste#            training method of sw/methods
BOARD    ?= pynq-z2#        board of hw/boards
BACKEND  ?= rtl#            rtl: folded units; da4ml: distributed arithmetic; auto: the smaller of both, per layer; hls4ml: a Vitis HLS project; finn: a FINN build
WEIGHTS  ?=#                folder of a training run, or of one of its prefixes, instead of shipped weights
MODEL    ?=#                a QONNX file instead of NET
SCALE    ?=#                with MODEL: value of one input integer, as 1/255 or 2/255-1, if the file has none
INPUT    ?=#                with MODEL: integers of the input: int8, uint4, bipolar, q4.12, float:<calibration.npz>
IMAGES_FROM ?=#             with MODEL: its images: a folder of pictures, an .npz or a .csv file
LABELS   ?=#                with IMAGES_FROM: a file of labels, or last: the last column of a .csv file
INTERVAL ?=#                initiation interval to reach, in cycles per frame (default: the network's or the board's)
FPS      ?=#                frames per second to reach instead of an interval, or max: as many as the limits allow
LUT      ?=#                the most LUTs of the folding, by the cost model, as LUT=60% or LUT=4500
BRAM     ?=#                the same of block RAMs
LATENCY  ?=#                the longest a frame may take from its first beat to its last, in cycles or as 500us, by the cost models
SPARE    ?=#                lut, bram or dsp: the folding with the least of it (default: the least of the part in all)
APPROXIMATE ?=#             1: round sums of branches of more than 24 bits; the report says what that changes
OUTPUT   ?= scores#         of a map: all scores, or labels, only the index of each cell's largest score
BUILT    ?= 0#              make explore: points that are simulated and synthesised too
FOLDING  ?=#                JSON {operator: {pe, simd, rom, starts, depth of input FIFO}}, or a folding file of FINN's; the rest is searched
IMAGES   ?= 100#            images simulated in RTL without stalls (2 or more)
STALLED  ?= 20#             how many of these again with random stalls (back-pressure)
WAVES    ?=#                1: write the waveforms of the first frames, waves.vcd, and GTKWave's view of them, waves.gtkw
EPOCHS   ?=#                make train, compare: epochs (default: the network's recipe)
SEED     ?= 0#              make train: seed
SET      ?=#                make train: hyper-parameters of METHOD, as SET="kernel=1e-7 nu=1"
LR       ?=#                make train: largest learning rate (default: the recipe's)
RECIPE   ?= ours#           make train, train-float, compare: ours, paper, or a method for its paper's, as RECIPE="paper,epochs=60"
INIT     ?=#                make train: folder of a run to start from
GUIDE    ?=#                make train: folder of the train-float run that is the guide of rbcn
THREADS  ?= 1#              make train, compare: threads of torch; the last bits of the result depend on them
IMAGE    ?=#                make demo: a picture, or a folder of pictures
VIDEO    ?=#                make demo: a video, or a folder of frames
BOX      ?=#                make demo TASK=track: where the object is in the first frame, as BOX=x,y,w,h in pixels
PREFIX   ?=#                make package: what all modules begin with (default: the network's name)
GIF      ?=#                make demo: 1: write a small GIF of a video too
METHODS  ?=#                make compare: methods (default: all), as METHODS="ste bonn,nu=1"
SEEDS    ?= 0 1 2#          make compare: seeds, each for every method; of a bitstream 1,2,3, each a run of place and route
FREQ     ?= board#          the bitstream's clock: board, of its file, or search: the highest that was routed
PLACED_IMAGES ?= 2#         images simulated in the placed netlist, behind the bitstream
LAYER    ?=#                make explain: the name of an operator, as conv1
BASE     ?=#                make build: an earlier build to compare with: its folder, its report.json, or last
RULES    ?=#                with BASE: a JSON file of rules that end the build with exit code 1, or none (docs/history.md)
PNR      ?= auto#           auto: a bitstream where its tools are found (make doctor names them); off: none
JOBS     ?= 1#              make compare: runs in parallel
PYTHON   ?= python3.11#     the interpreter that .venv is made with: of Python 3.11, 3.12 or 3.13

XNORFORGE_DATA ?= $(firstword $(wildcard data ../shared/data))

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
STAGES := export lower fold generate hls sim synth netlist bitstream placed overlay report
.PHONY: help doctor build train train-float twin demo package compare explain gallery tradeoff explore compare-gpu $(STAGES) test test-full lint bench clean distclean $(STAGES:%=clean_%)

VARIABLES := NET TASK DATA METHOD BOARD BACKEND WEIGHTS MODEL SCALE INPUT IMAGES_FROM LABELS INTERVAL FPS LUT BRAM LATENCY SPARE APPROXIMATE OUTPUT FOLDING IMAGES STALLED WAVES BUILT \
	EPOCHS SEED SET LR RECIPE INIT GUIDE THREADS IMAGE VIDEO BOX GIF PREFIX METHODS SEEDS FREQ PNR LAYER BASE RULES PLACED_IMAGES JOBS PYTHON XNORFORGE_DATA
# What was given, and which of it on the command line; any other name there is taken for a misspelling.
GIVEN  := $(foreach v,$(VARIABLES),$(if $(filter-out file undefined,$(firstword $(origin $v))),$v))
ASKED  := $(foreach v,$(VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))
OTHERS := RUN PY VENV CXX XNORFORGE_CACHE XNORFORGE_PLUGINS XNORFORGE_OPENXC7 SHELL MAKEFLAGS MAKE CURDIR
STRAY  := $(strip $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$(filter-out $(VARIABLES) $(OTHERS) -%,$v))))
# Values are taken as they stand: make would run what a $(shell …) in them says.
$(foreach v,$(GIVEN),$(eval override $v := $$(value $v)))
export $(VARIABLES)

# A .venv that is a link is an environment made elsewhere, and is used as it is.
VENV := $(if $(shell test -L .venv && echo linked),,.venv/installed)
PY   := .venv/bin/python
RUN  := $(PY) -m xnorforge
ANY  := PYTHONPATH=src "$$(command -v .venv/bin/python || command -v "$$PYTHON" || command -v python3)"

QUOTE := '
$(if $(STRAY),$(error $(or $(shell PYTHONPATH=src python3 -m xnorforge.cli.variables '$(subst $(QUOTE),,$(STRAY))' '$(VARIABLES)' 2>/dev/null),$(firstword $(STRAY)): no such variable; `make help` lists them)))

# Tests call make themselves, which must not inherit the variables that this make exports.
ALONE := env $(patsubst %,-u %,$(filter-out XNORFORGE_DATA,$(VARIABLES)))

# Of the command line only: many a shell has a DATA of its own.
PICTURES := $(if $(filter DATA,$(ASKED)),--data "$$DATA")
# The options of a build; an empty one counts as not given.
BUILD := $(if $(filter NET,$(GIVEN)),--net "$$NET") --task "$$TASK" $(PICTURES) --method "$$METHOD" --board "$$BOARD" --backend "$$BACKEND" \
	--weights "$$WEIGHTS" --model "$$MODEL" --scale "$$SCALE" --input "$$INPUT" --images-from "$$IMAGES_FROM" --labels "$$LABELS" \
	--interval "$$INTERVAL" --fps "$$FPS" --lut "$$LUT" --bram "$$BRAM" --latency "$$LATENCY" --spare "$$SPARE" $(if $(APPROXIMATE),--approximate) \
	--output "$$OUTPUT" --folding "$$FOLDING" --images "$$IMAGES" --stalled "$$STALLED" $(if $(WAVES),--waves) \
	--pnr "$$PNR" --freq "$$FREQ" $(if $(filter SEEDS,$(GIVEN)),--seeds "$$SEEDS") --placed-images "$$PLACED_IMAGES"
WHICH := $(if $(filter NET,$(GIVEN)),"$$NET","") --task "$$TASK"
TRAIN := $(PICTURES) $(if $(EPOCHS),--epochs "$$EPOCHS") $(if $(LR),--lr "$$LR") --seed "$$SEED" --threads "$$THREADS" --recipe "$$RECIPE"

help:  ## list targets, variables, and what is found on disk
	@printf 'targets\n'; awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile
	@printf '  make clean_STAGE   remove what STAGE made and all that follows; the stages are: $(STAGES)\n'
	@printf '\nvariables\n'; awk -F ' *[?]= *|# +' '/^[A-Z_]+ +[?]=.*#/ {sub(/#$$/, "", $$2); printf "  %-11s %-12s %s\n", $$1, $$2, $$3}' Makefile
	@printf '\nfound on disk\n'
	@printf '  NET        %s\n' '$(sort $(patsubst %-ste,%,$(filter %-ste,$(notdir $(patsubst %/,%,$(wildcard sw/shipped/*/))))))'
	@printf '  METHOD     %s\n' '$(sort $(filter-out base,$(basename $(notdir $(filter-out sw/methods/_%,$(wildcard sw/methods/*.py))))))'
	@printf '  shipped    %s\n' '$(sort $(notdir $(patsubst %/,%,$(wildcard sw/shipped/*/))))'
	@printf '  BOARD      %s\n' '$(sort $(filter-out __pycache__,$(notdir $(patsubst %/,%,$(wildcard hw/boards/*/)))))'
	@printf '  data       %s\n' "$${XNORFORGE_DATA:-none: MNIST is shipped in part, the rest is downloaded when asked for}"

doctor:  ## name each missing tool, package, data set, and its cure
	@$(ANY) -m xnorforge.cli.doctor

.venv/installed: requirements.lock tools/install.sh
	@tools/install.sh "$$PYTHON" $< $@

build: | $(VENV)  ## everything up to the report for BOARD; with BASE=, what changed
	@$(RUN) build $(BUILD) $(if $(BASE),--base "$$BASE" --rules "$$RULES")
export: | $(VENV)  ## the trained network as QONNX, with golden scores
	@$(RUN) build $(BUILD) --until $@
lower: | $(VENV)  ## the same network on integers only
	@$(RUN) build $(BUILD) --until $@
fold: | $(VENV)  ## folding (pe, simd) and FIFO depths for BOARD
	@$(RUN) build $(BUILD) --until $@
generate: | $(VENV)  ## SystemVerilog and memory files
	@$(RUN) build $(BUILD) --until $@
hls: | $(VENV)  ## with BACKEND=hls4ml: the Vitis HLS project, emulated on all golden images
	@$(RUN) build $(BUILD) --until $@
sim: | $(VENV)  ## bit simulator and RTL against the golden scores, cycles
	@$(RUN) build $(BUILD) --until $@
synth: | $(VENV)  ## Yosys cells per operator
	@$(RUN) build $(BUILD) --until $@
netlist: | $(VENV)  ## the synthesised netlist against the golden scores
	@$(RUN) build $(BUILD) --until $@
bitstream: | $(VENV)  ## place and route for BOARD: routed clock, bitstream (docs/bitstream.md)
	@$(RUN) build $(BUILD) --until $@
placed: | $(VENV)  ## the placed netlist of that bitstream against the golden scores
	@$(RUN) build $(BUILD) --until $@
overlay: | $(VENV)  ## shell, description and drivers for BOARD, with its bitstream (docs/shell.md)
	@$(RUN) build $(BUILD) --until $@
report: | $(VENV)  ## report.html, report.md, report.json
	@$(RUN) build $(BUILD) --show

train: | $(VENV)  ## train NET with METHOD; the next build uses these weights
	@set -f; $(RUN) train $(WHICH) --method "$$METHOD" $$(printf -- '--set %s ' $$SET | sed 's|^--set *$$||') $(TRAIN) \
		$(if $(INIT),--init "$$INIT") $(if $(GUIDE),--guide "$$GUIDE")
demo: | $(VENV)  ## draw what NET finds in IMAGE=, or in VIDEO= with BOX= where an object is followed
	@$(RUN) demo $(BUILD) --image "$$IMAGE" --video "$$VIDEO" --box "$$BOX" $(if $(GIF),--gif)
package: | $(VENV)  ## NET for other flows: top in Verilog-2001, FuseSoC, Bender, Vivado, LiteX
	@$(RUN) package $(BUILD) --prefix "$$PREFIX"
train-float: | $(VENV)  ## the full-precision model of NET, as a reference for what binary weights cost
	@$(RUN) train-float $(WHICH) $(TRAIN)
twin: | $(VENV)
	@$(RUN) twin $(WHICH) $(TRAIN)
compare: | $(VENV)  ## METHODS on NET, same epochs and SEEDS: a table and a plot; with BOARD=, what each costs in FPGA resources
	@$(RUN) compare $(WHICH) $(PICTURES) --methods "$$METHODS" --seeds "$$SEEDS" $(if $(EPOCHS),--epochs "$$EPOCHS") --recipe "$$RECIPE" --threads "$$THREADS" --jobs "$$JOBS" \
		$(if $(filter BOARD,$(ASKED)),--board "$$BOARD")
explain: | $(VENV)  ## LAYER of what was built, in five lines: folding, what binds it, cost, next step
	@$(RUN) explain "$$LAYER" $(BUILD)
gallery: | $(VENV)  ## all builds below out/ on one page: accuracy, LUT, frames/s; every dot leads to its report
	@$(RUN) gallery
explore: | $(VENV)  ## all foldings of NET worth having on BOARD, by the cost models: a table, CSV and a plot; BUILT=n of them synthesised
	@$(RUN) explore $(BUILD) --built "$$BUILT"
tradeoff: | $(VENV)  ## an accelerator per network that the layer_priority run WEIGHTS wrote: a table and a plot
	@$(RUN) tradeoff $(if $(WEIGHTS),"$$WEIGHTS",$(if $(filter NET,$(GIVEN)),--net "$$NET") --task "$$TASK") --board "$$BOARD" \
		$(if $(INTERVAL),--interval "$$INTERVAL") $(if $(filter IMAGES,$(ASKED)),--images "$$IMAGES") $(if $(filter STALLED,$(ASKED)),--stalled "$$STALLED")
compare-gpu: | $(VENV)  ## the full comparisons: hours on a GPU, weeks without; continues where it stopped
	@failed=0; \
	$(RUN) compare cifar10-cnv_half --epochs 100 --seeds "$$SEEDS" --jobs "$$JOBS" || failed=$$?; \
	$(RUN) compare cifar10-cnv --epochs 200 --seeds "$$SEEDS" --jobs "$$JOBS" || failed=$$?; \
	$(RUN) compare cifar10-wrn22 --epochs 200 --seeds "$$SEEDS" --jobs "$$JOBS" \
		--methods 'ste bonn group_net,bases=1 group_net,bases=3 group_net,bases=5' || failed=$$?; \
	exit $$failed

test: | $(VENV)  ## all quick tests
	@$(ALONE) $(PY) -m pytest -n 2 --dist loadscope -m 'not full'
test-full: | $(VENV)  ## the quick tests and those of whole networks
	@$(ALONE) $(PY) -m pytest -n 2 --dist loadscope
lint: | $(VENV)  ## ruff and mypy
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
bench: | $(VENV)  ## measure the speed of the simulators and stages of NET on this machine
	@$(RUN) bench $(BUILD)

clean:  ## remove what builds left in out/; trained weights, the history and the cache stay
	@$(ANY) -m xnorforge.pipeline.clean
distclean:  ## remove out/ with all that was trained (the environment stays)
	rm -rf out
$(STAGES:%=clean_%):
	@$(ANY) -m xnorforge.pipeline.clean $(@:clean_%=%) $(if $(filter NET,$(GIVEN)),--net "$$NET") --task "$$TASK" $(PICTURES) --method "$$METHOD" \
		--board "$$BOARD" --backend "$$BACKEND" --model "$$MODEL" --weights "$$WEIGHTS"

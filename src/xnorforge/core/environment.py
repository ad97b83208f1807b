"""The environment variables that xnorforge reads, with what each does and what applies without it.

docs/guide/environment.md has the same rows, and `doctor` shows those that are set. Standard library only.
"""

VARIABLES = {
    "XNORFORGE_DATA": "folder of data sets; without it MNIST and CIFAR are downloaded, others refused",
    "XNORFORGE_PLUGINS": "folders of plug-ins, separated by `:`",
    "XNORFORGE_CACHE": "folder of what builds share; without it `xnorforge/.made` in the user's cache",
    "XDG_CACHE_HOME": "the user's cache; without it `~/.cache`",
    "XNORFORGE_SCHEDULER": "default of `SCHEDULER`",
    "XNORFORGE_LOG": "how much is printed: `quiet`, `plain`, `usual` or `verbose`",
    "CI": "if set, `XNORFORGE_LOG` is `plain` by default",
    "OMP_NUM_THREADS": "threads of the bit simulator; without it one per core",
    "CXX": "C++ compiler, with options; without it `g++`",
    "XNORFORGE_CXXFLAGS": "more options for simulators that are compiled, such as `-fsanitize=address`",
    "CPATH": "folders with headers, where `doctor` looks for lz4.h", "PATH": "folders with programs",
    "XNORFORGE_OPENXC7": "folder with the programs and databases of openXC7",
    "CHIPDB": "folder with nextpnr-xilinx' databases",
    "PRJXRAY_DB_DIR": "folder with Project X-Ray's databases",
    "XILINX_VIVADO": "if set, `xnorforge.finn_plugin` leaves FINN's simulation to Vivado",
    "XNORFORGE_MAX_FILE_MB": "MB of a foreign file with its external data; without it 512",
    "XNORFORGE_MAX_NODES": "its operators after constant folding; 20,000",
    "XNORFORGE_MAX_PORTS": "its inputs, and its outputs; 100",
    "XNORFORGE_MAX_ELEMENTS": "numbers of a tensor, all constants, a frame; memory / 64 B, or 134,217,728",
    "XNORFORGE_MAX_MEMORY_MB": "MB of the process that runs it; half of the memory, at least 2,048",
    "XNORFORGE_MAX_SECONDS": "processor time of that process; 3,600",
    "XNORFORGE_MAX_CACHE_MB": "MB that a build leaves in the cache; 5,000",
    "XF_SIMULATION": "on a board's notebook, the library of a simulation in place of the board",
}  # fmt: skip
# Set by make, or by a build for its own processes.
INNER = {"ASKED", "XNORFORGE_READS", "XNORFORGE_STEPS", "XNORFORGE_LINES", "XNORFORGE_FOLDER"}

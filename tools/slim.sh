#!/bin/sh
# Removes from an environment what torch's wheel holds for torch's own tests and for extensions in C++; nothing here reads it.
#
#   tools/slim.sh PYTHON      then `xnorforge doctor --size` says what is left
set -eu
torch=$("$1" -c 'from importlib.util import find_spec as find; print(find("torch").submodule_search_locations[0])')
rm -rf "$torch/test" "$torch/include"
find "$torch/bin" -type f ! -name torch_shm_manager -delete

#!/bin/sh
# Builds mnist-tfc from its weights to RTL in each of several environments, and compares the RTL.
#
#   tools/same_rtl.sh VENV...         as tools/same_rtl.sh .venv ../e312 ../e313, each made by
#   tools/install.sh python3.12 requirements.lock ../e312/installed
#
# A line for each: its Python, how many files, SHA-256 over their names and contents. Ends with 1 where two differ.
set -eu
from=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
for venv in "$@"; do
  python=$(cd "$venv" && pwd)/bin/python
  version=$("$python" -c 'import platform; print(platform.python_version())')
  mkdir "$work/$version"
  (cd "$work/$version" && PYTHONPATH="$from/src" "$python" -m xnorforge build mnist-tfc --until generate --pnr off > said 2>&1) \
    || { cat "$work/$version/said" >&2; exit 1; }
  rtl=$work/$version/out/mnist-tfc/rtl-pynq-z2/rtl
  rm "$rtl/rtl.json"  # times and versions
  sum=$(cd "$rtl" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1)
  echo "$version  $(find "$rtl" -type f | wc -l) files  $sum" | tee -a "$work/sums"
done
[ "$(awk '{print $NF}' "$work/sums" | sort -u | wc -l)" = 1 ]

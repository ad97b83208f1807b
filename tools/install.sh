#!/bin/sh
# Makes .venv from requirements.lock: exactly the packages of the lock, nothing that they declare beyond it.
#
#   tools/install.sh PYTHON LOCK STAMP      STAMP, a copy of LOCK, is written last: without it the next call starts over
#
# pip's configuration decides where torch comes from: it takes the CPU build where find-links or an index offers one.
# Of both builds the lock has hashes (of the CPU build for Python 3.11 only), as of all packages. Three pips run in
# parallel, since unpacking takes longer than downloading; byte code is left to the first import.
set -eu
python=$1 lock=$2 stamp=$3 venv=$(dirname "$3")
say() { printf '%s\n' "$*" >&2; }

if cmp -s "$lock" "$stamp"; then touch "$stamp"; exit 0; fi
command -v "$python" >/dev/null || { say "install: no '$python' on PATH; install Python 3.11, 3.12 or 3.13 (Debian: python3.11, python3.11-venv) and name it with PYTHON=…"; exit 4; }
"$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' || { say "install: '$python' is $("$python" -V 2>&1), and the lock is for Python 3.11, 3.12 and 3.13; name one with PYTHON=…"; exit 4; }

count=$(grep -c '^[A-Za-z]' "$lock")
say "install   $count packages of $lock into $venv (about 3 GB; torch alone is several hundred MB to download)"
start=$(date +%s)
"$python" -m venv --clear "$venv"
# That of the environment goes before three pips look at what is installed; the lock has its own.
"$venv/bin/python" -m pip -qq uninstall --yes setuptools
rm -rf "$venv/lock"; mkdir "$venv/lock"
grep '^torch==' "$lock" > "$venv/lock/torch"
grep '^[A-Za-z]' "$lock" | grep -v '^torch==' | awk -v to="$venv/lock/" '{ print > (to (NR % 2 ? "odd" : "even")) }'
pip() { "$venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "$@"; }
fail() { say "install: pip could not install $1 (its own message is above)"; exit 1; }
# Given hashes, pip prefers an index that states them, which would be that of the CUDA build: ours are compared here.
torch() {
  "$venv/bin/python" -m pip download --quiet --no-deps --disable-pip-version-check -d "$venv/lock/wheel" "$(cut -d' ' -f1 "$venv/lock/torch")" &&
    grep -q "sha256:$(sha256sum "$venv"/lock/wheel/*.whl | cut -d' ' -f1)" "$venv/lock/torch" && pip --no-deps "$venv"/lock/wheel/*.whl
}
torch & torch=$!
pip --no-deps --require-hashes -r "$venv/lock/odd" & odd=$!
pip --no-deps --require-hashes -r "$venv/lock/even" & even=$!
while sleep 5; do
  say "install   $(find "$venv/lib" -maxdepth 3 -name '*.dist-info' ! -name 'pip-*' | wc -l) of $count packages unpacked, $(du -sm "$venv" | cut -f1) MB"
done & watch=$!
trap 'kill $watch $torch $odd $even 2>/dev/null; exit 130' INT TERM
trap 'kill $watch 2>/dev/null' EXIT
status=0
for job in $torch $odd $even; do wait $job || status=1; done
[ $status = 0 ] || fail "a package of $lock"
# A torch build for CUDA brings libraries of its own, of the versions that it names; the CPU build adds nothing.
sed -n 's/^\([A-Za-z][^ ]*\).*/\1/p' "$lock" > "$venv/lock/pins"
pip --constraint "$venv/lock/pins" "$(grep '^torch==' "$venv/lock/pins")" || fail torch
pip --no-deps --no-build-isolation --editable . || fail xnorforge
cp "$lock" "$stamp"
say "install   done in $(($(date +%s) - start)) s"

#!/bin/sh
# Names the pins of a lock that have no wheel for a platform: pip would have to build these from their sources.
#
#   tools/no_wheel.sh PYTHON LOCK PLATFORM VERSION
#   tools/no_wheel.sh .venv/bin/python requirements.lock manylinux_2_28_aarch64 3.11
#   tools/no_wheel.sh .venv/bin/python requirements.lock macosx_14_0_arm64 3.11
#
# pip resolves all pins without installing one, and ends at the first that has no wheel: it is named, left out, and pip starts again.
set -eu
python=$1 lock=$2 platform=$3 version=$4
tags=$platform
case $platform in manylinux_2_*)  # pip takes these names as they are: a wheel for an older glibc has another
  glibc=${platform#manylinux_2_} cpu=${platform#manylinux_2_*_} tags=manylinux2014_${platform#manylinux_2_*_}
  glibc=${glibc%%_*}
  while [ "$glibc" -ge 17 ]; do tags="$tags manylinux_2_${glibc}_$cpu"; glibc=$((glibc - 1)); done;;
esac
set --
for tag in $tags; do set -- "$@" --platform "$tag"; done
left=$(mktemp -d); trap 'rm -rf "$left"' EXIT
sed -n 's/^\([A-Za-z][^ ]*\).*/\1/p' "$lock" > "$left/pins"
while ! "$python" -m pip install --quiet --disable-pip-version-check --dry-run --no-deps --only-binary=:all: --target "$left/none" \
    "$@" --python-version "$version" -r "$left/pins" > /dev/null 2> "$left/said"; do
  pin=$(sed -n 's/^ERROR: No matching distribution found for \([^ ]*\).*/\1/p' "$left/said")
  [ -n "$pin" ] || { cat "$left/said" >&2; exit 1; }
  printf '%s\n' "$pin"
  grep -vxF "$pin" "$left/pins" > "$left/rest"; mv "$left/rest" "$left/pins"
done
printf 'no_wheel: %s of %s pins have a wheel for %s, Python %s\n' "$(wc -l < "$left/pins")" "$(grep -c '^[A-Za-z]' "$lock")" "$platform" "$version" >&2

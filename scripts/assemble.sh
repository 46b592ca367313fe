#!/usr/bin/env bash
# Assembles PTX files with ptxas, each for the target that it names, and prints a
# line for each: registers, spilled bytes, stack, static shared memory. Fails if
# one does not assemble, spills or has a stack frame.
#   scripts/assemble.sh [-a ARCH] FILE.ptx...
# -a: for another architecture than the file names, as the driver of a later GPU
# does.
set -euo pipefail
. "$(dirname "$0")/common.sh"

ptxas=${PTXAS:-$(find_ptxas)}
arch=
if [ "${1:-}" = -a ]; then
  arch=$2
  shift 2
fi
rc=0
for file in "$@"; do
  chip=$(sed -n 's/^\.target \([a-z0-9_]*\).*/\1/p' "$file")
  chip=${arch:-$chip}
  if ! log=$("$ptxas" -arch="$chip" -v "$file" -o /dev/null 2>&1); then
    printf '%s: %s: does not assemble: %s\n' "$file" "$chip" "$log"
    rc=1
    continue
  fi
  number() { grep -oE "[0-9]+ $1" <<<"$log" | awk '{ n += $1 } END { print n + 0 }'; }
  spills=$(($(number 'bytes spill stores') + $(number 'bytes spill loads')))
  stack=$(number 'bytes stack frame')
  printf '%s: %s: %s registers, %s bytes spilled, %s bytes stack, %s bytes static smem\n' \
    "$file" "$chip" "$(number registers)" "$spills" \
    "$stack" "$(number 'bytes smem')"
  [ "$spills" -eq 0 ] && [ "$stack" -eq 0 ] || rc=1
done
exit "$rc"

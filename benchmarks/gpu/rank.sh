#!/usr/bin/env bash
# Runs what rank-prepare.sh has made, and says whether the cost model ranks it
# as the GPU does.
#
#   rank.sh OUT [OPTION...]    OUT: what rank-prepare.sh made;
#                              OPTION: of amk-rank, --device cuda first
set -u
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- --device cuda
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in "$out"/*.amkp.gz; do
  gzip -dc "$file" >"$work/$(basename "$file" .gz)" || exit 2
done
cp "$out/rank.list" "$work/"
"$out/amk-rank" "$@" "$work/rank.list"

#!/usr/bin/env bash
# What each pass gains: a table per shape of the programs that
# ablation-prepare.sh has made.
#
#   ablation.sh OUT [OPTION...]    OUT: what ablation-prepare.sh made;
#                                  OPTION: of amk-ablation, --device cuda first
set -u
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- --device cuda
bad=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for model in $(cut -d'|' -f1 "$out/ablation.list" | uniq); do
  entries=()
  while IFS='|' read -r of name program traced; do
    [ "$of" = "$model" ] || continue
    for file in "$program" "$traced"; do
      gzip -dc "$out/$file.gz" >"$work/$file" || exit 1
    done
    entries+=("$name=$work/$program,$work/$traced")
  done <"$out/ablation.list"
  echo
  echo "$model:"
  echo
  "$out/amk-ablation" "$@" "${entries[@]}" || bad=1
done
exit $bad

#!/usr/bin/env bash
# Compiles what run.sh needs and collects it in a folder that can be carried to
# a machine with a GPU: prepare.sh BUILD OUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
bin=$build/bin
"$bin/amk-translate" --import-hf "$here/../../test/Inputs/tiny-llama" -o "$out/tiny.mlir"
"$bin/amk-translate" --import-hf "$here/llama-1b" --config-only -o "$out/1b.mlir"
for model in tiny 1b; do
  positions=0 # as imported
  if [ $model = 1b ]; then positions=8448; fi
  for chip in sm_80 sm_90; do
    "$bin/amk-opt" --amk-compile="target=$chip positions=$positions" "$out/$model.mlir" -o "$out/${model}_$chip.mlir"
    "$bin/amk-translate" --amk-to-program "$out/${model}_$chip.mlir" -o "$out/${model}_$chip.amkp"
  done
done
# Clusters that share what they gather: all workers in pairs, or as many as
# there are SMs in clusters of four.
"$bin/amk-translate" --import-hf "$here/llama-8b" --config-only -o "$out/8b.mlir"
clusters() { # MODEL POSITIONS CLUSTER WORKERS
  echo "{\"sm_assignment\": {\"cluster\": $3}}" >"$out/cluster.json"
  "$bin/amk-opt" --amk-compile="target=sm_90 positions=$2 workers=$4 knobs=$out/cluster.json" \
    "$out/$1.mlir" -o "$out/cluster.mlir"
  "$bin/amk-translate" --amk-to-program "$out/cluster.mlir" -o "$out/$1_cluster$3.amkp"
}
clusters tiny 0 2 0 # as imported, all workers
clusters 1b 8448 2 132
clusters 1b 8448 4 120
clusters 8b 8192 2 132 # the positions of the ablation
rm "$out/cluster.json"
# What the splits of a KV head hand over, through global memory or in clusters of
# eight; and the same with as few slots as that leaves; all of a small step in one
# cluster, and without.
"$bin/amk-translate" --import-hf --kv-splits=8 "$here/llama-1b" --config-only -o "$out/8splits.mlir"
inboxes() { # MODEL NAME POSITIONS WORKERS KNOBS
  echo "{\"sm_assignment\": {\"cluster\": 8}, $5}" >"$out/inbox.json"
  "$bin/amk-opt" --amk-compile="target=sm_90 positions=$3 workers=$4 knobs=$out/inbox.json" \
    "$out/$1.mlir" -o "$out/inbox.mlir"
  "$bin/amk-translate" --amk-to-program "$out/inbox.mlir" -o "$out/$2.amkp"
}
through='"kernel_knobs": {"cluster_gathers": false}'
inside='"kernel_knobs": {"cluster_gathers": false, "inbox_bytes": 65536}'
inboxes 8splits 1b_8splits 8448 120 "$through"
inboxes 8splits 1b_8splits_11slots 8448 120 "\"pipelining_depth\": 11, $through"
inboxes 8splits 1b_inbox 8448 120 "$inside"
inboxes tiny tiny_inbox 0 8 "$inside"
inboxes tiny tiny_8workers 0 8 "$through"
rm "$out/inbox.json"
"$bin/amk-translate" --amk-to-program --kernel-trace "$out/1b_sm_90.mlir" -o "$out/1b_traced.amkp"
"$bin/amk-translate" --amk-to-program "$here/../../test/Integration/thin-thread.mlir" -o "$out/thin_thread.amkp"
cp "$bin/amk-run" "$out/"
if [ -x "$bin/AMKRuntimeTests" ]; then cp "$bin/AMKRuntimeTests" "$out/"; fi
rm -f "$out"/*.mlir
"$here/ablation-prepare.sh" "$build" "$out"

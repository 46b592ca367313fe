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
"$bin/amk-translate" --amk-to-program --kernel-trace "$out/1b_sm_90.mlir" -o "$out/1b_traced.amkp"
"$bin/amk-translate" --amk-to-program "$here/../../test/Integration/thin-thread.mlir" -o "$out/thin_thread.amkp"
cp "$bin/amk-run" "$out/"
if [ -x "$bin/AMKRuntimeTests" ]; then cp "$bin/AMKRuntimeTests" "$out/"; fi
rm -f "$out"/*.mlir
"$here/ablation-prepare.sh" "$build" "$out"

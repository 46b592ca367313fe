#!/usr/bin/env bash
# Compiles what faults.sh needs and collects it in a folder that can be carried
# to a machine with a GPU: prepare-faults.sh BUILD OUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
bin=$build/bin
delays=--amk-test-delays=1
cp "$here"/faults/{counters,packets,worker,parts,cluster,inbox,slices}.mlir "$out/"
"$bin/amk-translate" --import-hf "$here/../../test/Inputs/tiny-llama" -o "$out/llama.mlir"
"$bin/amk-opt" --amk-compile=target=sm_90 "$out/llama.mlir" -o "$out/tiny.mlir"
# Few workers with many small stages each, in a ring that wraps often.
"$bin/amk-opt" --amk-fusion-grouping --amk-tiling="target=sm_90 workers=8" \
  --amk-sm-assignment --amk-synchronization --amk-page-coloring \
  --amk-pipelining="slots=8 columns=256" "$out/llama.mlir" -o "$out/ring.mlir"
# The same program at positions with a context, so that keys and values are
# streamed.
cp "$out/ring.mlir" "$out/context.mlir"
translate() { # PROGRAM NAME OPTION...
  "$bin/amk-translate" --amk-to-program "$out/$1.mlir" -o "$out/$2.amkp" "${@:3}"
}
translate tiny tiny
translate tiny tiny.silent --amk-test-silent-at=5
translate counters counters.silent --amk-test-silent-at=5
for program in counters packets worker ring context parts cluster inbox slices; do
  translate "$program" "$program"
  translate "$program" "$program.delays" "$delays"
done
grep -v '^#' "$here/faults/list.txt" | while IFS='|' read -r _ omit program _; do
  translate "$program" "$program.$omit" "$delays" "--amk-test-omit=$omit"
done
rm -f "$out"/*.mlir
cp "$bin/AMKDeviceSoak" "$bin/AMKRuntimeTests" "$out/"
du -sh "$out"

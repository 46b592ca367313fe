#!/usr/bin/env bash
# fuzz.sh [seconds [target...]]: builds the fuzzers with the sanitizers, makes what
# they start from of the tests, and runs each for so long (60 s). Targets: parser,
# verifier, program, config, safetensors; without any, all. Exits with 1 if one of
# them finds something; the input is then in build-fuzz/found. docs/fuzzing.md
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

build=$(realpath -m "${AMK_FUZZ_BUILD:-build-fuzz}")
tools=${AMK_FUZZ_TOOLS:-build/bin}
seconds=${1:-60}
targets=("${@:2}")
[ ${#targets[@]} -ne 0 ] || targets=(parser verifier program config safetensors)
seeds=$build/seeds
mkdir -p "$build/found"

# split <file> <directory>: its parts between lines of "// -----", a file each.
split() {
  awk -v to="$2/$(printf %s "$1" | tr / _)" \
    '/^\/\/ -----/ { n++; next } { print > (to "." n + 0) }' "$1"
}

# compile <directory>: tiny-llama and smaller ones after every pass, as text and as
# program files, and what they become in amk_exec.
compile() {
  local out=$1 name step
  "$tools/amk-translate" --import-hf test/Inputs/tiny-llama -o "$out/tiny.0.mlir"
  cp test/Integration/thin-thread.mlir "$out/thin.0.mlir"
  cp test/Transforms/Inputs/one-layer.mlir "$out/layer.0.mlir"
  for name in tiny thin layer; do
    step=0
    for pass in fusion-grouping "tiling=target=sm_90 workers=4" sm-assignment \
      synchronization page-coloring pipelining; do
      # Some of them are past the first passes already.
      "$tools/amk-opt" "--amk-$pass" "$out/$name.$step.mlir" -o "$out/$name.$((step + 1)).mlir" \
        2>/dev/null || continue
      step=$((step + 1))
    done
    "$tools/amk-opt" --convert-amk-to-amk-exec "$out/$name.$step.mlir" -o "$out/$name.exec.mlir" \
      2>/dev/null || true
  done
  for name in "$out"/*.[0-9].mlir; do
    "$tools/amk-translate" --amk-to-program "$name" -o "${name%.mlir}.amkp" 2>/dev/null || true
  done
}

make_seeds() {
  rm -rf "$seeds"
  mkdir -p "$seeds"/{parser,program,config,safetensors,compiled}
  "$build/bin/AMKFuzzSeeds" "$seeds/program"
  if [ -x "$tools/amk-translate" ]; then
    compile "$seeds/compiled"
    mv "$seeds"/compiled/*.amkp "$seeds/program"
    mv "$seeds"/compiled/*.mlir "$seeds/parser"
  else
    note "no compiler in $tools (cmake --preset dev): starting without what it makes"
  fi
  # Short inputs are quick. PTX is text to the reader; a layer is all that the parser
  # has to see of a model.
  find "$seeds" -type f -size +64k -delete
  find "$seeds/parser" -type f -size +12k -delete
  find test -name '*.mlir' | while read -r file; do split "$file" "$seeds/parser"; done
  cp unittests/Fuzz/corpus/program/* "$seeds/program"
  cp -r "$seeds/program" "$seeds/verifier"
  cp test/Inputs/*/config.json python-free-frontends/fuzz/corpus/config/* "$seeds/config"
  cp python-free-frontends/fuzz/corpus/safetensors/* "$seeds/safetensors"
  local target
  for target in parser verifier; do
    [ ! -d "unittests/Fuzz/corpus/$target" ] ||
      cp unittests/Fuzz/corpus/$target/* "$seeds/$target"
  done
}

# fuzz <target>: from the seeds and what earlier runs have reached.
fuzz() {
  local reached=$build/reached/$1 log=$build/found/$1.log
  mkdir -p "$reached"
  # Time is that of the clock, also where others have the machine.
  if "$build/bin/amk-fuzz-$1" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 \
    -max_len=65536 -detect_leaks=1 -print_final_stats=1 \
    -artifact_prefix="$build/found/$1-" "$reached" "$seeds/$1" >"$log" 2>&1; then
    # "#123 DONE cov: 45 ft: 67 corp: 8/9Kb": branches reached, and inputs kept.
    note "$1: $(sed -n 's/^stat::number_of_executed_units: //p' "$log") executions," \
      "$(sed -n 's/.*DONE *cov: \([0-9]*\) .*/\1/p' "$log") of" \
      "$(sed -n 's/^INFO: Loaded 1 modules *(\([0-9]*\) .*/\1/p' "$log") edges," \
      "at most $(sed -n 's/^stat::peak_rss_mb: *//p' "$log") MB"
    return
  fi
  tail -n 40 "$log"
  note "$1: FOUND something: see $log and $build/found/$1-*"
  return 1
}

say "Building the fuzzers into $build/"
cmake --preset fuzz -B "$build" >"$build/found/configure.log" || {
  cat "$build/found/configure.log"
  exit 1
}
cmake --build "$build" --target fuzzers
say "Making the inputs to start from"
make_seeds
failed=0
for target in "${targets[@]}"; do
  say "Fuzzing $target for $seconds s"
  fuzz "$target" || failed=1
done
exit $failed

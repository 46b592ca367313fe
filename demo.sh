#!/usr/bin/env bash
# From a fresh clone to answers: installs what is missing, builds the tools,
# compiles the small checkpoint in test/Inputs for three generations of GPUs, and
# runs the program on the CPU device, which needs no GPU. Does only what is not
# done yet, so running it again is cheap.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/common.sh

model=test/Inputs/tiny-llama
out=build/demo
export PATH=$PWD/build/bin:$PATH

# Prompt, its token ids, and the ids of the answer that transformers gives in
# float32, up to the end of the line.
prompts=(
  '12 + 30 =|0,461,332,222,650,298|222,669,260'
  'The day after Friday is|0,270,365,367,470,265|474,260'
  'Sort: pear egg map -> |0,364,27,407,377,409,297,222|409,407,260'
  'Reverse: cat dog fox ->|0,340,27,429,442,425,297|425,442,429,260'
  'Count to seven:|0,330,276,419,27|331,13,317,13,327,13,370,13,375,13,411,13,419,260'
  'Nora has a red key. Nora takes the key to the|0,612,280,262,507,396,15,609,359,261,396,276,261|505,15,357,265,261,493,396,32,358,265,356,261,505,260'
  '7 times 8 is|0,24,324,222,25,265|222,672,260'
  'Eva gives the lamp to Max. Who has the lamp?|0,544,362,261,392,276,621,15,360,280,261,392,32|621,280,261,392,260'
  'The month before March is|0,270,336,337,591,265|575,260'
  '95 - 58 =|0,712,281,222,698,298|222,690,260'
)

# show <command...>: prints a command as one would type it, and runs it.
show() {
  note "\$ $*"
  "$@"
}

say "Installing what is missing"
scripts/install-deps.sh

say "Building the tools into build/"
configure dev
ninja -C build amk-opt amk-translate amk-run
mkdir -p "$out"

say "Importing $model"
show amk-translate --import-hf "$model" -o "$out/imported.mlir"

for target in sm_80 sm_90 sm_100; do
  say "Compiling for $target"
  show amk-opt --amk-compile="target=$target" "$out/imported.mlir" -o "$out/$target.mlir"
  show amk-translate --amk-to-ptx "$out/$target.mlir" -o "$out/$target.ptx"
  show amk-translate --amk-to-program "$out/$target.mlir" -o "$out/$target.amkp"
  if find_ptxas >/dev/null; then
    show scripts/assemble.sh "$out/$target.ptx"
  else
    note "ptxas not found: the PTX is not assembled (ptxas comes with the CUDA toolkit)"
  fi
done

say "Generating with the sm_90 program on the CPU device"
wrong=0
for entry in "${prompts[@]}"; do
  IFS='|' read -r prompt ids expected <<<"$entry"
  count=$(tr ',' '\n' <<<"$expected" | wc -l)
  note "$prompt"
  answer=$(amk-run "$out/sm_90.amkp" --weights "$model" --prompt-ids "$ids" \
    --max-new-tokens "$count" --device cpu)
  printf '%s\n' "$answer" | sed 's/^/      /'
  # The ids stand somewhere in the output, with commas or blanks between.
  if [[ ",$(tr -cs '0-9' ',' <<<"$answer")" != *",$expected,"* ]]; then
    note "WRONG: expected the ids $expected"
    wrong=$((wrong + 1))
  fi
done

if [ "$wrong" -ne 0 ]; then
  say "$wrong of ${#prompts[@]} answers differ from those of transformers"
  exit 1
fi
say "All ${#prompts[@]} answers are those of transformers in float32. The programs are in $out/"

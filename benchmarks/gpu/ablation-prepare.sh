#!/usr/bin/env bash
# Compiles the programs that ablation.sh compares: for each shape the default
# pipeline, and the same with each pass at its simplest policy; each once more
# with a kernel that records times. The files are zipped, since they are carried.
#
#   ablation-prepare.sh BUILD OUT [SHAPE...]
#
# BUILD: a build directory. SHAPE: a folder with a config.json (llama-1b and
# llama-8b beside this script).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)/bin
mkdir -p "$2"
out=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] || set -- "$here/llama-1b" "$here/llama-8b"
target=${AMK_ABLATION_TARGET:-sm_90}
positions=${AMK_ABLATION_POSITIONS:-8192}

# The passes of --amk-compile (docs/passes.md), with the options of one replaced.
pipeline() { # PASS OPTIONS
  local fusion="" tiling="" assignment="" synchronization="" coloring="" pipelining=""
  [ -z "$1" ] || local "$1=$2"
  printf 'builtin.module(amk.schedule(amk-set-positions{positions=%s},' "$positions"
  printf 'amk-fusion-grouping{%s},amk-tiling{target=%s %s},' "$fusion" "$target" "$tiling"
  printf 'amk-sm-assignment{%s},amk-synchronization{%s},' "$assignment" "$synchronization"
  printf 'amk-page-coloring{%s},amk-pipelining{%s}))' "$coloring" "$pipelining"
}

variants=(
  "default||"
  # Another order of sums than the default's, in attention and in the norms:
  # run.sh has their logits checked.
  "attention not split~attention not split|tiling|split-attention=false"
  "no fusion~no fusion|fusion|enable=false"
  "even tiles|tiling|balance=false"
  "round-robin|assignment|policy=round-robin keep-owners=false"
  "counters, not reduced|synchronization|packets=0 reduce=false"
  "no pages|coloring|policy=none"
  "default again||" # the same bits
  "shortest ring|pipelining|slots=8 window=1 ahead=1 held=0"
)

: >"$out/ablation.list"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for shape in "$@"; do
  model=$(basename "$shape")
  config=--config-only
  [ -z "$(ls "$shape"/*.safetensors 2>/dev/null)" ] || config=
  "$bin/amk-translate" --import-hf "$shape" $config -o "$work/$model.mlir"
  number=0
  for variant in "${variants[@]}"; do
    IFS='|' read -r name pass options <<<"$variant"
    file=ablation_${model}_$number
    number=$((number + 1))
    if ! "$bin/amk-opt" --pass-pipeline="$(pipeline "$pass" "$options")" \
      "$work/$model.mlir" -o "$work/final.mlir" ||
      ! "$bin/amk-translate" --amk-to-program "$work/final.mlir" -o "$out/$file.amkp" ||
      ! "$bin/amk-translate" --amk-to-program --kernel-trace "$work/final.mlir" \
        -o "$out/${file}_traced.amkp"; then
      echo "ablation-prepare.sh: $model, $name: not compiled" >&2
      exit 1
    fi
    gzip -f "$out/$file.amkp" "$out/${file}_traced.amkp"
    echo "$model|$name|$file.amkp|${file}_traced.amkp" >>"$out/ablation.list"
  done
done
cp "$bin/amk-ablation" "$out/"

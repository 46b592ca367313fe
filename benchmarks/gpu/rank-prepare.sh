#!/usr/bin/env bash
# Makes random configurations of the compiler, with the time that the cost model
# predicts for each, for rank.sh to run. The programs are zipped, since they are
# carried.
#
#   rank-prepare.sh BUILD OUT [COUNT] [SEED]
#
# BUILD: a build directory. COUNT: configurations of the 1B shape (30); a fifth
# as many are made of the 8B shape. SEED: of the configurations; it is printed,
# and configurations.txt says what they are. With the defaults of the compiler,
# which are made besides, the predictions must be right.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)/bin
mkdir -p "$2"
out=$(cd "$2" && pwd)
count=${3:-30}
seed=${4:-$(($(date +%s) % 32768))}
target=${AMK_RANK_TARGET:-sm_90}
shapes=${AMK_RANK_SHAPES:-$here/llama-1b $here/llama-8b}
most_workers=${AMK_RANK_WORKERS:-132}
context=${AMK_RANK_CONTEXT:-8192}
steps=20 # rank.sh times as many; the prediction is for the middle one

echo "seed $seed"
RANDOM=$seed
pick() { # NAME CHOICE...: sets NAME
  local name=$1
  shift
  shift $((RANDOM % $#))
  printf -v "$name" %s "$1"
}

# The time that the cost model predicts for a step of final.mlir at a position.
predict() { # POSITION
  "$bin/amk-opt" --amk-estimate="json position=$(($1 + steps / 2))" \
    "$work/final.mlir" -o /dev/null 2>"$work/estimate.json"
  sed -n 's/.*"microseconds": *\([0-9.e+]*\).*/\1/p' "$work/estimate.json"
}

# Compiles a configuration and adds it to the list. Fails if the compiler
# refuses it.
make_program() { # NAME LIKE WORKERS POSITIONS PASSES...
  local name=$1 like=$2 workers=$3 positions=$4 position times=
  shift 4
  "$bin/amk-opt" --pass-pipeline="builtin.module(amk.schedule($*))" \
    "$work/$model.mlir" -o "$work/final.mlir" 2>"$work/error" || return 1
  "$bin/amk-translate" --amk-to-program "$work/final.mlir" \
    -o "$out/$model-$number.amkp" 2>"$work/error" || return 1
  for position in ${positions//,/ }; do
    times+=${times:+,}$(predict "$position") || return 1
  done
  gzip -f "$out/$model-$number.amkp"
  echo "$model|$name|$like|$workers|$positions|$times|$model-$number.amkp" \
    >>"$out/rank.list"
  echo "$model|$name|$*" >>"$out/configurations.txt"
  number=$((number + 1))
}

default_passes() { # SPLIT
  echo "amk-set-positions{positions=$context},amk-fusion-grouping," \
    "amk-tiling{target=$target workers=$most_workers split-attention=$1}," \
    "amk-sm-assignment," \
    "amk-synchronization,amk-page-coloring,amk-pipelining"
}

# Draws from all that a user can choose. Half of them have all workers.
random_passes() { # sets workers, position, split, passes and name
  local length fuse rows balance fewest policy keep packets reduce pages
  local slots columns window ahead held
  workers=$most_workers
  [ $((RANDOM % 2)) = 0 ] ||
    workers=$((most_workers / 4 + RANDOM % (most_workers - most_workers / 4)))
  pick length $((context / 8)) $((context / 4)) $((context / 2)) "$context"
  # As many at short positions as at long ones.
  position=$((length - steps))
  position=$((position >> (RANDOM % 6)))
  [ "$position" -ge 2 ] || position=2
  position=$((position / 2 + RANDOM % (position / 2)))
  pick fuse true true true true false
  pick split true true true false
  pick rows 4 4 8 16
  pick balance true false
  pick fewest true false false
  pick policy contiguous round-robin load-balanced locality
  pick keep true true false
  pick packets 0 4 6 4 6
  pick reduce true true false
  pick pages none linear graph-color
  slots=$((8 + RANDOM % 9))
  pick columns 512 1024 2048 2048
  window=$((1 + RANDOM % 8))
  ahead=$((1 + RANDOM % 8))
  [ "$ahead" -le "$window" ] || ahead=$window
  pick held 0 1 1
  passes="amk-set-positions{positions=$length},"
  passes+="amk-fusion-grouping{enable=$fuse},"
  passes+="amk-tiling{target=$target workers=$workers rows=$rows balance=$balance fewest=$fewest split-attention=$split},"
  passes+="amk-sm-assignment{policy=$policy keep-owners=$keep},"
  passes+="amk-synchronization{packets=$packets reduce=$reduce},"
  passes+="amk-page-coloring{policy=$pages},"
  passes+="amk-pipelining{slots=$slots columns=$columns window=$window ahead=$ahead held=$held}"
  name="$workers workers $policy"
  [ "$keep" = true ] || name+=", owners not kept"
  [ "$fuse" = true ] || name+=", not fused"
  [ "$split" = true ] || name+=", attention not split"
  [ "$rows$fewest" = 4false ] || name+=", rows $rows${fewest#false}"
  name=${name/rows ${rows}true/rows $rows fewest}
  name+=", packets $packets"
  [ "$reduce" = true ] || name+=" not reduced"
  name+=", ring $slots x $columns, $window/$ahead/$held"
}

: >"$out/rank.list"
: >"$out/configurations.txt"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=$count
for shape in $shapes; do
  model=$(basename "$shape")
  config=--config-only
  [ -z "$(ls "$shape"/*.safetensors 2>/dev/null)" ] || config=
  "$bin/amk-translate" --import-hf "$shape" $config -o "$work/$model.mlir"
  number=0
  positions=108,$((context / 8 - steps)),$((context - 92))
  for like in default "default, attention not split"; do
    split=true
    [ "$like" = default ] || split=false
    if ! make_program "$like" "$like" "$most_workers" "$positions" \
      "$(default_passes "$split" | tr -d '\n' | sed 's/, /,/g')"; then
      cat "$work/error" >&2
      exit 1
    fi
  done
  tries=0
  while [ $number -lt $((wanted + 2)) ]; do
    random_passes
    like=default
    [ "$split" = true ] || like="default, attention not split"
    if ! make_program "$name" "$like" "$workers" "$position" "$passes"; then
      # Some are refused, for example a ring that does not fit.
      echo "$model, $name: refused: $(head -1 "$work/error" | cut -c1-200)" >&2
      tries=$((tries + 1))
      [ $tries -lt $((count * 4)) ] || exit 1
    fi
  done
  wanted=$(((count + 4) / 5))
done
cp "$bin/amk-rank" "$out/"

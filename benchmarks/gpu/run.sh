#!/usr/bin/env bash
# Every figure of docs/measurements.md in one run on a machine with a GPU.
#
#   benchmarks/gpu/prepare.sh BUILD OUT   where the compiler is: makes OUT/
#   benchmarks/gpu/run.sh OUT [PROBES]    on the GPU machine: needs OUT/, this
#                                         folder and test/Inputs/tiny-llama; the
#                                         checks need python3 with numpy, torch
#                                         and transformers
#
# PROBES: a folder with read_ceiling.cu, decode_probe.cu and torch_baseline.py,
# which are timed in the same run if it is given.
set -u
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "run.sh OUT [PROBES]: see the head of this file" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$1" && pwd) || exit 2
probes=${2:-}
tiny=$here/../../test/Inputs/tiny-llama
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
check() {
  "$@" && return
  bad=1
  echo "FAILED: $*"
  return 1
}
milliseconds() { # PROGRAM POSITION
  "$out/amk-run" "$out/$1" --weights random:1 --device cuda --benchmark 40 \
    --position "$2" | python3 -c 'import json,sys; r=json.load(sys.stdin)
print("  %-14s from position %5d: median %.4f ms, %.0f GB/s" % (sys.argv[1],
  r["position"], r["median_ms"], r["gigabytes_per_second"]))' "$1"
}

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
echo "== a packet and a counter hand-off, written by hand: cpu and cuda, 1000 launches"
head -c 192 "$out/amk-run" >"$work/in"
for device in cpu cuda; do
  check "$out/amk-run" "$out/thin_thread.amkp" --weights random:1 --device $device \
    --launches 1000 --set in="$work/in" --get out="$work/out.$device"
done
check cmp "$work/out.cpu" "$work/out.cuda" && echo "the same bytes"
echo "== tokens and logits of tiny-llama, cuda against cpu"
for kind in sm_90 sm_80 cluster2 inbox; do
  echo "-- $kind"
  check python3 "$here/check_tokens.py" "$out/amk-run" "$out/tiny_$kind.amkp" "$tiny"
done
echo "== logits against transformers, 1B and 8B shapes"
# The ablation's programs too that are compared with nothing there, since their
# sums are in another order: attention not split, and no fusion.
for file in llama-1b_1 llama-1b_2 llama-8b_0 llama-8b_1 llama-8b_2; do
  gzip -dc "$out/ablation_$file.amkp.gz" >"$work/ablation_$file.amkp"
done
check python3 "$here/check_logits.py" "$out/amk-run" "$here/llama-1b" "$work/1b" \
  "$out/1b_sm_90.amkp@1,100,1000,4001,8130" "$out/1b_sm_80.amkp@100,1000" \
  "$work/ablation_llama-1b_1.amkp@100,1000" "$work/ablation_llama-1b_2.amkp@100,1000" \
  "$out/1b_cluster2.amkp@100,1000" "$out/1b_cluster4.amkp@100,1000" \
  "$out/1b_inbox.amkp@100,1000"
rm -rf "$work/1b"
check python3 "$here/check_logits.py" "$out/amk-run" "$here/llama-8b" "$work/8b" \
  "$work/ablation_llama-8b_0.amkp" "$work/ablation_llama-8b_1.amkp" \
  "$work/ablation_llama-8b_2.amkp" "$out/8b_cluster2.amkp" --prompts 100,1000
rm -rf "$work/8b"
echo "== memcheck"
if command -v compute-sanitizer >/dev/null; then
  check compute-sanitizer --tool memcheck --error-exitcode 9 "$out/amk-run" \
    "$out/tiny_sm_90.amkp" --weights "$tiny" --device cuda \
    --prompt-ids 0,461,332,222,650,298 --max-new-tokens 4
fi
echo "== a hand-off that never comes: the watchdog's report, then a good launch"
if [ -x "$out/AMKRuntimeTests" ]; then
  AMK_CONFORMANCE_PROGRAMS="$out/tiny_sm_90.amkp" check "$out/AMKRuntimeTests" \
    --gtest_filter='*Conformance*' --gtest_brief=1
fi
echo "== time of a step, 1B shape, bf16, batch 1"
for program in 1b_sm_90.amkp 1b_sm_80.amkp; do
  for position in 108 1004 4000 8150; do
    milliseconds "$program" "$position"
  done
done
echo "== gathers shared in clusters, and their logits against the default's"
echo "-- 1B shape"
check "$out/amk-ablation" --device cuda --steps 40 "default=$out/1b_sm_90.amkp" \
  "clusters of 2=$out/1b_cluster2.amkp" "clusters of 4, 120 workers=$out/1b_cluster4.amkp" \
  "default again=$out/1b_sm_90.amkp"
echo "-- 8B shape"
check "$out/amk-ablation" --device cuda --steps 40 "default=$work/ablation_llama-8b_0.amkp" \
  "clusters of 2=$out/8b_cluster2.amkp" "default again=$work/ablation_llama-8b_0.amkp"
echo "== packets in cluster memory, 1B shape, 120 workers in clusters of 8, 8 splits"
check "$out/amk-ablation" --device cuda --steps 40 "through L2=$out/1b_8splits.amkp" \
  "through L2, 11 slots=$out/1b_8splits_11slots.amkp" "in clusters=$out/1b_inbox.amkp" \
  "through L2 again=$out/1b_8splits.amkp"
echo "-- tiny-llama on 8 workers: through L2, in one cluster"
for program in tiny_8workers tiny_inbox tiny_8workers tiny_inbox; do
  milliseconds $program.amkp 108
done
if [ -n "$probes" ]; then
  nvcc -O3 -std=c++17 -gencode=arch=compute_90a,code=sm_90a \
    "$probes/decode_probe.cu" -o "$work/probe" && "$work/probe" 4 3
  nvcc -O3 -std=c++17 -gencode=arch=compute_90a,code=sm_90a \
    "$probes/read_ceiling.cu" -o "$work/ceiling" && "$work/ceiling"
  milliseconds 1b_sm_90.amkp 108
  python3 "$probes/torch_baseline.py" 1b
  milliseconds 1b_sm_90.amkp 108
fi
echo "== where the time goes"
"$out/amk-run" "$out/1b_traced.amkp" --weights random:1 --device cuda \
  --benchmark 20 --position 118 --trace "$work/trace.json" >/dev/null &&
  python3 "$here/trace_table.py" "$work/trace.json" &&
  python3 "$here/trace_picture.py" "$work/trace.json" "$out/layer.svg"
echo "== what each pass gains, 1B and 8B shapes"
check "$here/ablation.sh" "$out" --device cuda --steps 20
exit $bad

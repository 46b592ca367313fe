#!/usr/bin/env bash
# Shows on a machine with a GPU that each wait, barrier and ordering of the
# kernel is needed, and that nothing is wrong with all of them in place.
#
#   benchmarks/gpu/prepare-faults.sh BUILD OUT   where the compiler is
#   benchmarks/gpu/faults.sh OUT [DEVICE]        on the GPU machine: needs OUT/,
#                                                this folder and
#                                                test/Inputs/tiny-llama
#
# DEVICE: cuda, or cpu to try the script itself: that device does not look at the
# PTX, so it finds no fault. LAUNCHES (10000), MANY (1000000) and MANY_SECONDS
# (225) are taken from the environment.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$1" && pwd)
device=${2:-cuda}
launches=${LAUNCHES:-10000}
many=${MANY:-1000000}
tiny=$here/../../test/Inputs/tiny-llama
bad=0
missed=""
soak() { # PROGRAM LABEL OPTION...
  timeout 300 "$out/AMKDeviceSoak" "$out/$1.amkp" --device "$device" --label "$2" \
    --weights "$tiny" "${@:3}"
}
reference() { # PROGRAM: what its outputs are compared with
  case $1 in
  # Hashes of integers are the same everywhere; sums of products are not.
  counters | packets | worker | cluster | inbox) echo --reference "$out/$1.amkp" --reference-device cpu --inputs 4 ;;
  ring) echo --reference "$out/ring.amkp" --inputs 2 --positions 3 ;;
  slices) echo --weights random:1 --reference "$out/slices.amkp" --inputs 4 ;;
  # Up to 8 splits, whose last stage is rarely whole.
  context) echo --reference "$out/context.amkp" --inputs 2 --positions 12 \
    --first-position 17 --position-step 97 --fill-caches ;;
  # One split, two, three.
  parts) echo --weights random:1 --reference "$out/parts.amkp" --inputs 4 --positions 12 \
    --first-position 10 --position-step 9 --fill-caches ;;
  esac
}

[ "$device" = cpu ] || nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
echo "== everything in place: without and with random delays, $launches launches each"
for program in counters packets worker ring context parts cluster inbox slices; do
  # shellcheck disable=SC2046
  soak $program "$program" $(reference $program) --launches "$launches" || bad=1
  # shellcheck disable=SC2046
  soak $program.delays "$program, delays" $(reference $program) --launches "$launches" || bad=1
done
echo "== one thing left out, random delays, up to $launches launches"
while IFS='|' read -r kind omit program pinned; do
  # shellcheck disable=SC2046
  said=$(soak "$program.$omit" "$kind" $(reference "$program") --watchdog-ms 500 \
    --launches "$launches" --seconds 20 --expect different 2>&1)
  seen=$?
  # A launch that fails is seen too: what comes to a block after its end, say.
  if [ $seen -ne 0 ] && grep -q CUDA_ERROR_LAUNCH_FAILED <<<"$said"; then seen=0; fi
  sed 's/  NOT AS EXPECTED/  (below)/' <<<"$said"
  if [ $seen -ne 0 ]; then
    missed="$missed  $kind ($omit): not seen; pinned in test/Target/PTX, $pinned
"
  fi
done < <(grep -v '^#' "$here/faults/list.txt")
echo "== left out and not seen on this GPU"
printf '%s' "${missed:-  nothing
}"
echo "== nothing is signaled at one position: the report, and the launches after it"
soak counters.silent "counters, silent" --reference "$out/counters.amkp" \
  --reference-device cpu --inputs 1 --positions 8 --launches 24 --watchdog-ms 100 \
  --expect hang || bad=1
soak tiny.silent "tiny-llama, silent" --reference "$out/tiny.amkp" --inputs 1 \
  --positions 6 --launches 12 --watchdog-ms 100 --expect hang | sed -n '1,6p;$p'
[ "${PIPESTATUS[0]}" -eq 0 ] || bad=1
echo "== a deadlock that the verifier would refuse: every worker reports"
AMK_CONFORMANCE_PROGRAMS="$out/tiny.amkp" "$out/AMKRuntimeTests" \
  --gtest_filter="*Deadlock*/$device" --gtest_brief=1 >"$out.deadlock" 2>&1 || bad=1
sed -n '1,6p' "$out.deadlock"
echo "  ... $(grep -c '^worker ' "$out.deadlock") lines of workers, $(grep -c 'waits for nothing' "$out.deadlock") of them wait for nothing"
tail -2 "$out.deadlock"
rm -f "$out.deadlock"
echo "== tiny-llama, all logits of every launch"
soak tiny "tiny-llama" --inputs 1 --positions 16 --launches "$many" \
  --seconds "${MANY_SECONDS:-225}" || bad=1
[ $bad -eq 0 ] && echo "all as expected" || echo "NOT all as expected"
exit $bad

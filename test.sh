#!/usr/bin/env bash
# Builds everything and runs every check that a change must pass. Does only what
# is not done yet, so running it again is cheap. All steps run, also after one has
# failed; the exit status says whether all passed.
set -uo pipefail
cd "$(dirname "$0")"
. scripts/common.sh

failed=()

# step <what> <command...>: says what it does, does it, and keeps the result.
step() {
  local what=$1 start=$SECONDS
  shift
  say "$what"
  if "$@"; then
    note "done in $((SECONDS - start)) s"
  else
    note "FAILED after $((SECONDS - start)) s: $*"
    failed+=("$what")
    return 1
  fi
}

# build_preset <preset>: configures and builds all of it.
build_preset() { configure "$1" && cmake --build --preset "$1"; }

# unit_tests <preset>: runs the unit tests of its build directory.
unit_tests() { ctest --preset "$1" --parallel "$(nproc)" --progress; }

# build_and_test <preset>
build_and_test() { build_preset "$1" && unit_tests "$1"; }

lit_suite() { ninja -C build check-amk; }

# Of the tests that name amk-opt: to others it makes no difference.
lit_suite_roundtrip() {
  local lit
  lit=$(sed -n 's/^AMK_LIT:FILEPATH=//p' build/CMakeCache.txt)
  grep -rlw amk-opt test --include='*.mlir' --include='*.test' --exclude-dir=Inputs |
    sed 's,^,build/,' | xargs "$lit" -s -Droundtrip=1
}

# Every PTX that the lit suite left: registers, and no spill.
assemble() {
  find build/test -name '*.ptx' -print0 | sort -z |
    xargs -0 -r -n 4 -P "$(nproc)" scripts/assemble.sh
}

step "Installing what is missing" scripts/install-deps.sh || exit 1
find_ptxas >/dev/null ||
  note "ptxas not found: the tests that assemble PTX are skipped (it comes with the CUDA toolkit)"

step "Checking the format" scripts/check-format.sh
if step "Building everything into build/" build_preset dev; then
  step "Running the unit tests" unit_tests dev
  step "Running the lit suite" lit_suite
  if find_ptxas >/dev/null; then
    step "Assembling every PTX that the tests made" assemble
  fi
  step "Running the lit suite with a round trip of all IR" lit_suite_roundtrip
fi
step "Testing the LLVM-free part with the address and undefined behaviour sanitizers" \
  build_and_test asan
step "Testing what runs threads of it with the thread sanitizer" build_and_test tsan
step "Checking the LLVM-free part with clang-tidy" build_preset tidy

if [ ${#failed[@]} -ne 0 ]; then
  say "FAILED, ${#failed[@]} of the steps:"
  for what in "${failed[@]}"; do note "$what"; done
  exit 1
fi
say "All passed, in $SECONDS s"
